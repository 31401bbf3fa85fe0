"""Spans of batches and of publishing, and the trace that goes from a record to the tag changes it causes."""

from collections.abc import Iterator, Sequence
from itertools import count
from time import perf_counter
from typing import Any

import orjson
import pytest
from builders import DAY, RULES, T0, Rec, click, order
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from streams import publisher
from streams.config import Config
from streams.decoding import Decoding
from streams.intake import Intake, Ready
from streams.lane import DeadLetter
from streams.metrics.counts import Spent
from streams.processor import Abandoned, Processor
from streams.relay import Relay
from streams.store.memory import MemoryStore
from streams.tracing import context
from streams.tracing import spans as module
from streams.tracing.collector import provider_of
from streams.tracing.context import Trail
from streams.tracing.spans import LINKS, Spans

ORDERS = ("orders", 0)
SPAN = "00f067aa0ba902b7"


def parent(number: int, flags: str = "01") -> str:
    return f"00-{number:032x}-{SPAN}-{flags}"


class Traced(Rec):
    """A record with headers."""

    headers: Sequence[tuple[str, bytes | None]] = ()


def records(*rows: tuple[dict[str, Any] | bytes, str], first: int = 0) -> list[Traced]:
    """Records of events, each with the context of its producer, "" = none."""
    out = []
    for n, (event, text) in enumerate(rows):
        record = Traced(first + n, T0, event if isinstance(event, bytes) else orjson.dumps(event))
        record.headers = [("traceparent", text.encode())] if text else []
        out.append(record)
    return out


def orders(count: int, **more: Any) -> list[dict[str, Any]]:
    return [order(f"o{n}", T0 + n, 900, **more) | {"customer_id": f"c{n}"} for n in range(count)]


@pytest.fixture
def seen() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def spans(seen: InMemorySpanExporter) -> Iterator[Spans]:
    provider = provider_of("worker", "host-1")
    provider.add_span_processor(SimpleSpanProcessor(seen))
    yield Spans(provider)
    provider.shutdown()


async def ignore(letters: Sequence[DeadLetter]) -> None:
    """They are safe."""


class Pipeline:
    """Intake and processor as the worker has them."""

    def __init__(self, spans: Spans | None) -> None:
        self.store = MemoryStore(4)
        trail = Trail() if spans is not None else None
        self.intake = Intake(Decoding(Config()).event, live=False, future_limit_ms=None, trail=trail)
        self.intake.assign({ORDERS: 0, ("clicks", 0): 0}, {})
        self.processor = Processor(
            self.store, RULES, live=False, dead_letter=ignore, cache_size=100, tracing=spans
        )

    def feed(self, some: Sequence[Any], topic: str = "orders") -> Ready:
        assert self.intake.feed((topic, 0), some, T0)
        self.intake.ends({tp: (None, lane.fetched) for tp, lane in self.intake.lanes.items()})
        return self.intake.release()

    async def apply(self, ready: Ready) -> None:
        await self.processor.apply(ready, lambda: True)
        self.intake.applied(ready)

    async def changes(self) -> dict[str, list[str | None]]:
        """Customer -> what each change carries, and the outbox is empty."""
        entries = await self.store.outbox(range(4), 1_000)
        await self.store.delivered(entries)
        out: dict[str, list[str | None]] = {}
        for entry in entries:
            lines = map(orjson.loads, entry.changes)
            out.setdefault(entry.customer_id, []).extend(line.get("traceparent") for line in lines)
        return out


def text(span: ReadableSpan) -> str:
    said = span.get_span_context()
    assert said is not None
    return f"00-{said.trace_id:032x}-{said.span_id:016x}-{said.trace_flags:02x}"


def named(seen: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in seen.get_finished_spans() if span.name == name]


def linked(span: ReadableSpan) -> list[int]:
    return [link.context.trace_id for link in span.links]


async def test_a_batch_is_a_span_with_its_figures_and_its_phases(
    spans: Spans, seen: InMemorySpanExporter
) -> None:
    line = Pipeline(spans)
    made = orders(3)
    await line.apply(line.feed(records((made[0], ""), (made[1], parent(7)), (made[2], ""), (b"{", ""))))
    (batch,) = named(seen, "batch")
    changes = sum(map(len, (await line.changes()).values()))
    assert changes > 3
    said = batch.attributes or {}
    assert {name.removeprefix("profilestream."): value for name, value in said.items()} == {
        "records": 4, "customers": 3, "partitions": 1, "dead_letters": 1, "tag_changes": changes,
    }  # fmt: skip
    assert batch.resource.attributes.items() >= {
        ("service.name", "worker"), ("service.instance.id", "host-1"), ("service.version", "0.1.0"),
    }  # fmt: skip
    children = [span for span in seen.get_finished_spans() if span is not batch]
    assert [span.name for span in children] == ["load", "fold", "store"]
    begin, end = batch.start_time or 0, batch.end_time or 0
    for child in children:
        assert child.parent == batch.get_span_context()
        assert begin <= (child.start_time or 0) <= (child.end_time or 0) <= end
        busy_s = (child.attributes or {})["profilestream.busy_s"]
        assert isinstance(busy_s, float)
        assert busy_s * 1e9 <= (child.end_time or 0) - (child.start_time or 0) + 1e5
    assert children[0].start_time < children[1].start_time < children[2].start_time  # type: ignore[operator]


async def test_a_phase_lies_in_its_batch_though_the_process_is_put_aside_between_two_looks_at_the_clocks(
    spans: Spans, seen: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses_s = count()
    monkeypatch.setattr(module, "perf_counter", lambda: perf_counter() + next(pauses_s))
    line = Pipeline(spans)
    await line.apply(line.feed(records(*((event, "") for event in orders(3)))))
    *phases, batch = seen.get_finished_spans()
    begins = [span.start_time or 0 for span in (batch, *phases)]
    assert len(phases) == 3
    assert begins == sorted(begins)
    assert all((span.start_time or 0) < (span.end_time or 0) <= (batch.end_time or 0) for span in phases)


async def test_a_change_carries_the_trace_of_its_record_or_else_that_of_the_batch(
    spans: Spans, seen: InMemorySpanExporter
) -> None:
    line = Pipeline(spans)
    made = orders(4)
    ready = line.feed(
        records((made[0], parent(7)), (made[1], ""), (made[2], parent(8)), (made[3], parent(7)))
    )
    await line.apply(ready)
    (batch,) = named(seen, "batch")
    assert (batch.parent, linked(batch)) == (None, [7, 8])
    assert {cid: set(some) for cid, some in (await line.changes()).items()} == {
        "c0": {parent(7)}, "c1": {text(batch)}, "c2": {parent(8)}, "c3": {parent(7)},
    }  # fmt: skip


async def test_a_batch_out_of_one_trace_is_part_of_it(spans: Spans, seen: InMemorySpanExporter) -> None:
    line = Pipeline(spans)
    await line.apply(line.feed(records(*((event, parent(7)) for event in orders(3)))))
    (batch,) = named(seen, "batch")
    assert batch.parent is not None
    assert (batch.parent.trace_id, f"{batch.parent.span_id:016x}", batch.parent.is_remote) == (7, SPAN, True)
    assert not batch.links
    assert {one for some in (await line.changes()).values() for one in some} == {text(batch)}
    assert text(batch).startswith(parent(7)[:36])


async def test_one_traced_record_among_others_draws_nobody_into_its_trace(
    spans: Spans, seen: InMemorySpanExporter
) -> None:
    line = Pipeline(spans)
    made = orders(2)
    await line.apply(line.feed(records((made[0], parent(7)), (made[1], ""))))
    (batch,) = named(seen, "batch")
    assert (batch.parent, linked(batch)) == (None, [7])
    assert text(batch)[3:35] != parent(7)[3:35]


async def test_links_are_bounded(spans: Spans, seen: InMemorySpanExporter) -> None:
    line = Pipeline(spans)
    await line.apply(line.feed(records(*((event, parent(n + 1)) for n, event in enumerate(orders(50))))))
    assert linked(named(seen, "batch")[0]) == list(range(1, LINKS + 1))
    assert (await line.changes())["c49"][0] == parent(50)


async def test_a_trace_that_is_not_sampled_is_carried_on_as_such(
    spans: Spans, seen: InMemorySpanExporter
) -> None:
    line = Pipeline(spans)
    await line.apply(line.feed(records((orders(1)[0], parent(7, "00")))))
    assert not seen.get_finished_spans()
    (some,) = (await line.changes()).values()
    assert {(str(one)[:35], str(one)[-2:]) for one in some} == {(parent(7)[:35], "00")}


async def test_what_timers_change_carries_their_span(spans: Spans, seen: InMemorySpanExporter) -> None:
    line = Pipeline(spans)
    await line.apply(line.feed(records((orders(1)[0], parent(7)))))
    await line.changes()
    await line.processor.wake(["c0"], T0 + 400 * DAY)
    (span,) = named(seen, "timers")
    changed = (await line.changes())["c0"]
    assert set(changed) == {text(span)}
    said = span.attributes or {}
    assert (said["profilestream.customers"], said["profilestream.tag_changes"]) == (1, len(changed))
    await line.processor.judge(["c0"], T0 + 400 * DAY)
    assert len(named(seen, "sweep")) == 1


async def test_of_a_batch_that_fails_the_kind_of_error_is_told(
    spans: Spans, seen: InMemorySpanExporter
) -> None:
    line = Pipeline(spans)
    with pytest.raises(Abandoned):
        await line.processor.apply(line.feed(records((orders(1)[0], ""))), lambda: False)
    (batch,) = named(seen, "batch")
    assert (batch.status.status_code, batch.status.description) == (StatusCode.ERROR, "Abandoned")
    assert not batch.events  # an event of the exception would hold its message


async def test_a_rewind_forgets_what_was_fetched_and_a_record_that_comes_again_keeps_its_trace(
    spans: Spans,
) -> None:
    line = Pipeline(spans)
    first = records(*((event, parent(n + 1)) for n, event in enumerate(orders(3))))
    line.intake.feed(ORDERS, first, T0)
    line.intake.assign({ORDERS: 1}, {})
    ready = line.feed(first)  # the broker hands out the first again
    assert ready.traces == {("orders/0", 1): parent(2), ("orders/0", 2): parent(3)}
    assert line.feed(records((orders(1)[0], parent(9)), first=3)).traces == {("orders/0", 3): parent(9)}


async def test_a_record_that_is_held_back_keeps_its_trace_until_its_turn(spans: Spans) -> None:
    line = Pipeline(spans)
    line.intake.feed(ORDERS, records(*((event, parent(n + 1)) for n, event in enumerate(orders(3)))), T0)
    line.intake.ends({ORDERS: (None, 3), ("clicks", 0): (None, 1)})  # a click is still to come
    assert not line.intake.release().done
    ready = line.feed(records((click(T0 + 1), "")), "clicks")
    assert sorted(ready.traces.values()) == [parent(1), parent(2), parent(3)]


async def test_without_tracing_headers_are_not_looked_at_and_changes_carry_nothing() -> None:
    line = Pipeline(None)
    bare = [Rec(*record) for record in records((orders(1)[0], ""))]  # has no headers at all
    ready = line.feed(bare)
    assert not ready.traces
    await line.apply(ready)
    assert set((await line.changes())["c0"]) == {None}


# -- the text ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        b"", None, b"00", parent(7).upper().replace("00-", "0X-").encode(), parent(0).encode(), b"\xff\xfe",
        f"00-{7:032x}-{'0' * 16}-01".encode(), f"01-{7:032x}-{SPAN}-01".encode(), parent(7).encode() + b"\n",
        f"{parent(7)}-more".encode(), parent(7).encode() * 1_000,
    ],
)  # fmt: skip
def test_a_header_that_is_no_context_is_none(value: bytes | None) -> None:
    assert context.of_headers([("traceparent", value)]) == ""
    assert context.of_headers([("other", parent(7).encode())]) == ""


def test_of_several_headers_the_last_one_counts() -> None:
    several = (
        ("traceparent", parent(7).encode()),
        ("traceparent", parent(8).encode()),
        ("tracestate", b"a=b"),
    )
    assert context.of_headers(several) == parent(8)


# -- the relay ---------------------------------------------------------------------------------------------


class Broker:
    """Takes tag changes."""

    async def tag_changes(self, changes: Sequence[tuple[str, Sequence[bytes]]]) -> None:
        """Acknowledged."""


async def test_a_round_of_the_relay_is_a_span_that_is_linked_to_its_changes(
    spans: Spans, seen: InMemorySpanExporter
) -> None:
    line = Pipeline(spans)
    made = orders(2)
    await line.apply(line.feed(records((made[0], parent(7)), (made[1], parent(8)))))
    relay = Relay(
        line.store,
        Broker(),  # type: ignore[arg-type]
        buckets=lambda: range(4),
        durable=True,
        on_size=lambda _: None,
        tracing=spans,
    )
    count = await relay.round()
    assert await relay.round() == 0
    (span,) = named(seen, "publish")
    said = span.attributes or {}
    assert (said["profilestream.entries"], said["profilestream.tag_changes"]) == (2, count)
    assert sorted(linked(span)) == [7, 8]


def test_a_change_is_published_with_what_it_carries_as_a_header() -> None:
    change = orjson.dumps({"data": {"tag": 'a","traceparent":"x'}, "traceparent": parent(7)})
    assert publisher._traced(change) == [("traceparent", parent(7).encode())]
    assert publisher._traced(b'{"data":{"traceparent":"x"}}') == publisher._plain(change) == []


def test_opentelemetry_that_is_switched_off_by_its_own_variable_carries_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    off = Spans(TracerProvider(shutdown_on_exit=False))
    with off.batch("batch", Spent(), 1) as traceparent:
        assert traceparent("orders/0", 1) == ""
