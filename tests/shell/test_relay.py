from collections.abc import Sequence
from typing import Any

import pytest

from streams import relay as module
from streams.keys import bucket
from streams.relay import Relay
from streams.store.contract import Entry, StoreError, Unavailable, Write
from streams.store.memory import MemoryStore

BUCKETS = 4


class Broker:
    """Takes tag changes; fails when told to, before or after the records are written."""

    def __init__(self) -> None:
        self.log: list[tuple[str, bytes]] = []
        self.fail: str | None = None

    async def tag_changes(self, changes: Sequence[tuple[str, Sequence[bytes]]]) -> None:
        if self.fail == "before":
            raise Unavailable("no broker")
        self.log += [(cid, line) for cid, lines in changes for line in lines]
        if self.fail == "after":
            raise Unavailable("no acknowledgement")


class Outbox(MemoryStore):
    """A store whose barrier and deletion can fail."""

    on_disk, deletes = True, True

    async def barrier(self, timeout_s: float) -> bool:
        return self.on_disk

    async def delivered(self, entries: Sequence[Entry]) -> None:
        if not self.deletes:
            raise StoreError("gone")
        await super().delivered(entries)


@pytest.fixture
async def store() -> Outbox:
    found = Outbox(BUCKETS)
    for n in range(6):
        lines = [b"%d.%d" % (n, k) for k in range(2)]
        await found.commit([Write(f"c{n}", b"", b"t", b"s", b"d", None, lines)])
    return found


def relay(store: Outbox, broker: Broker, **more: Any) -> Relay:
    usual: dict[str, Any] = {"buckets": lambda: range(BUCKETS), "durable": True, "on_size": lambda _: None}
    return Relay(store, broker, **(usual | more))  # type: ignore[arg-type]


EVERYTHING = sorted((f"c{n}", b"%d.%d" % (n, k)) for n in range(6) for k in range(2))


async def test_everything_is_published_once_and_then_gone(store: Outbox) -> None:
    broker = Broker()
    one = relay(store, broker)
    assert [await one.round(), await one.round(), one.published] == [12, 0, 12]
    assert sorted(broker.log) == EVERYTHING
    assert await store.outbox_size() == 0


async def test_a_crash_between_publishing_and_deleting_publishes_the_same_again(store: Outbox) -> None:
    broker = Broker()
    store.deletes = False
    with pytest.raises(StoreError):
        await relay(store, broker).round()
    store.deletes = True
    await relay(store, broker).round()  # a new process
    assert broker.log[:12] == broker.log[12:]
    assert sorted(broker.log[:12]) == EVERYTHING
    assert await store.outbox_size() == 0


@pytest.mark.parametrize("when", ["before", "after"])
async def test_nothing_is_deleted_that_the_broker_did_not_acknowledge(store: Outbox, when: str) -> None:
    broker = Broker()
    broker.fail = when
    one = relay(store, broker)
    with pytest.raises(Unavailable):
        await one.round()
    assert (await store.outbox_size(), one.published) == (6, 0)
    broker.fail = None
    await one.round()
    assert set(broker.log) == set(EVERYTHING)


async def test_nothing_is_published_that_is_not_known_to_be_on_disk(store: Outbox) -> None:
    broker = Broker()
    store.on_disk = False
    with pytest.raises(StoreError, match="not on disk"):
        await relay(store, broker).round()
    assert (broker.log, await store.outbox_size()) == ([], 6)
    store.on_disk = True
    await relay(store, broker).round()
    assert sorted(broker.log) == EVERYTHING


async def test_where_the_server_cannot_tell_two_fsync_cycles_are_waited_for_first(
    store: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, waits = Broker(), []

    async def wait(seconds: float) -> None:
        waits.append((seconds, list(broker.log)))

    monkeypatch.setattr(module.asyncio, "sleep", wait)
    store.on_disk = store.durable = False
    await relay(store, broker).round()
    assert waits == [(module.FSYNC_CYCLES_S, [])]
    assert module.FSYNC_CYCLES_S > 2.0
    assert sorted(broker.log) == EVERYTHING


async def test_without_durability_asked_for_nobody_waits(store: Outbox) -> None:
    broker = Broker()
    store.on_disk = False
    assert await relay(store, broker, durable=False).round() == 12


async def test_only_the_own_buckets_are_published(store: Outbox) -> None:
    broker, own = Broker(), bucket("c0", BUCKETS)
    await relay(store, broker, buckets=lambda: [own]).round()
    assert {bucket(cid, BUCKETS) for cid, _ in broker.log} == {own}
    assert len(broker.log) == 2 * sum(bucket(f"c{n}", BUCKETS) == own for n in range(6))


async def test_a_customer_s_changes_keep_their_order_over_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PER_BUCKET", 2)
    store, broker, token = Outbox(BUCKETS), Broker(), b""
    for n in range(7):
        await store.commit([Write("c", token, b"t%d" % n, b"s", b"d", None, [b"%d" % n])])
        token = b"t%d" % n
    one = relay(store, broker)
    assert [await one.round() for _ in range(5)] == [2, 2, 2, 1, 0]
    assert [line for _, line in broker.log] == [b"%d" % n for n in range(7)]


async def test_how_much_waits_is_told_each_round_and_counted_in_full_when_a_round_is_full(
    store: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    broker = Broker()
    broker.fail = "before"
    one = relay(store, broker, on_size=sizes.append)
    for most in (500, 1):
        monkeypatch.setattr(module, "PER_BUCKET", most)
        with pytest.raises(Unavailable):
            await one.round()
    assert sizes == [6, 6]
