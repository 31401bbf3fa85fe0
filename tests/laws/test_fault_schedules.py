"""Effects happen once under any schedule of faults; each guard is needed, or shown to be a second line.

FAULT_SCHEDULES=200000 pytest tests/laws/test_fault_schedules.py      more schedules
FAULT_SEED=17 pytest tests/laws/test_fault_schedules.py -k quick      one schedule again
"""

from __future__ import annotations

import contextlib
import os
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from laws.fault_model import (
    CUSTOMERS,
    DECAY,
    EMPTY,
    NODES,
    Entry,
    Guards,
    ServerChangedError,
    Task,
    Worker,
    World,
)

SCHEDULES = int(os.environ.get("FAULT_SCHEDULES", "20000"))
SEED = os.environ.get("FAULT_SEED")
STEPS = 140
PATIENCE = 2_000  # steps in which a worker must have finished once the faults are over
ENOUGH = 3  # violating schedules, then an ablation counts as detected


FULL = Guards()
Action = Callable[[World], Any]
Actions = tuple[Action, ...]


# -- the schedule ------------------------------------------------------------------------------------------


def work(world: World) -> None:
    world.workers[world.pick(len(world.workers))].step()


def zombie(world: World) -> None:
    if world.zombies:
        world.zombies[world.pick(len(world.zombies))].step()


def poller(world: World) -> None:
    world.others.append(world.fire(world.nodes[world.pick(NODES)]))
    other(world, len(world.others) - 1)


def relay(world: World) -> None:
    world.others.append(world.relay(world.nodes[world.pick(NODES)]))
    other(world, len(world.others) - 1)


def other(world: World, which: int | None = None) -> None:
    """A poller or a relay takes its next step, or dies where it stands."""
    if not world.others:
        return
    which = world.pick(len(world.others)) if which is None else which
    try:
        if world.rng.random() < 0.95:
            next(world.others[which])
            return
    except (StopIteration, ServerChangedError):
        pass
    del world.others[which]


def clock(world: World) -> None:
    world.now = min(world.now + world.pick(8), 26)


def fsync(world: World) -> None:
    node = world.nodes[world.pick(NODES)]
    node.fsynced = len(node.journal)


# What happens, how often; faults are those whose rate may be zero in a schedule.
WORK: dict[Action, float] = {work: 60, poller: 6, relay: 7, other: 16, clock: 2, fsync: 2}
FAULTS: dict[Action, float] = {
    zombie: 14,
    World.rebalance: 2,
    World.redis_fault: 3,
    World.deliver_late: 3,
}


def run(seed: int, guards: Guards = FULL, *, failovers: bool = True, stress: Actions = ()) -> frozenset[str]:
    """One schedule, then a quiet time in which all finishes; the names of the promises it broke."""
    world = World(seed, guards, failovers=failovers)
    rng = world.rng
    rates = [rate * rng.choice((0.5, 1, 2)) for rate in WORK.values()]
    rates += [rate * rng.choice((0, 1, 1, 2)) for rate in FAULTS.values()]
    actions = [*WORK, *FAULTS]
    rates = [rate * 4 if action in stress else rate for action, rate in zip(actions, rates, strict=True)]
    for action in rng.choices(actions, rates, k=STEPS):
        action(world)
    world.zombies.clear()
    while world.limbo:
        world.deliver_late()
    for worker in world.workers:  # they are not restarted: who missed a fault must find out by itself
        if guards.heartbeat:
            try:
                worker.look()
            except ServerChangedError:
                worker.restart()
        for _ in range(PATIENCE):
            if not worker.starting and all(worker.done[p] >= world.events for p in worker.partitions):
                break
            worker.step()
        else:
            return frozenset({"stuck"})
    for node in world.nodes:
        while any(at <= world.now for at in node.due.values()):
            list(world.fire(node))
        node.fsynced = len(node.journal)
        while node.outbox:
            list(world.relay(node))
    return broken_promises(world)


# -- the oracle --------------------------------------------------------------------------------------------


def broken_promises(world: World) -> frozenset[str]:
    """Recomputed from the input alone, and from what a consumer of the tag topic can see."""
    found, tags = consume(world.topic)
    for customer in range(CUSTOMERS):
        times = [ts for part in world.log for c, ts in part if c == customer]
        profile = world.nodes[customer % NODES].profiles.get(customer, EMPTY)
        if profile.n != len(times):
            found.add("lost" if profile.n < len(times) else "double")
        elif times and profile.dormant != (max(profile.as_of, world.now) >= max(times) + DECAY):
            found.add("wake-up lost")
        if tags.get(customer, EMPTY.tags) != profile.tags:
            found.add("topic differs")
    if not world.failovers:
        kept = {op[2] for node in world.nodes for ops in node.journal for op in ops if op[0] == "add"}
        if any(entry not in kept for entry in world.topic):
            found.add("phantom")
    return frozenset(found)


def consume(topic: list[Entry]) -> tuple[set[str], dict[int, dict[str, Any]]]:
    """A consumer: drops what is not after the last (epoch, seq) of its customer, and applies the rest."""
    found: set[str] = set()
    contents: dict[tuple[int, int, int], tuple[str, Any]] = {}
    last: dict[int, tuple[int, int]] = {}
    tags: dict[int, dict[str, Any]] = {}
    for customer, epoch, seq, tag, value in topic:
        if contents.setdefault((customer, epoch, seq), (tag, value)) != (tag, value):
            found.add("id reused")
        before = last.get(customer, (-1, 0))
        if (epoch, seq) <= before:
            continue  # a duplicate, or a late word from a history that was taken back
        if seq != (before[1] + 1 if epoch == before[0] else 1):
            found.add("gap in seq")
        last[customer] = (epoch, seq)
        tags[customer] = dict(value) if tag == "*" else {**tags.get(customer, EMPTY.tags), tag: value}
    return found, tags


# -- the full design ---------------------------------------------------------------------------------------


def assert_kept(seeds: range, *, failovers: bool) -> None:
    for seed in range(int(SEED), int(SEED) + 1) if SEED else seeds:
        broken = run(seed, failovers=failovers)
        assert not broken, f"seed {seed}, {failovers=}: {set(broken)}; rerun with FAULT_SEED={seed}"


@pytest.mark.parametrize("failovers", [False, True], ids=["restarts", "failovers"])
def test_quick_schedules_keep_every_promise(failovers: bool) -> None:
    assert_kept(range(1_000), failovers=failovers)


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("failovers", [False, True], ids=["restarts", "failovers"])
def test_any_schedule_keeps_every_promise(failovers: bool) -> None:
    assert_kept(range(1_000, 1_000 + SCHEDULES // 2), failovers=failovers)


def test_one_seed_is_one_schedule() -> None:
    guards = Guards(compare="none")
    assert [run(seed, guards) for seed in range(30)] == [run(seed, guards) for seed in range(30)]


# -- each guard off: the promises break --------------------------------------------------------------------

BLIND = {  # what is switched off; failovers as well as restarts?; what is stressed; within so many schedules
    "offset check": (Guards(offsets=False), False, (), 50),
    "token": (Guards(compare="none"), False, (), 50),
    "watermark": (Guards(watermark="none"), True, (), 1_000),
    "watermark and barrier": (Guards(watermark="none", barrier=False), False, (), 500),
    "a watermark per node": (Guards(watermark="single"), True, (), 3_000),
    "rewind when the server changes": (Guards(session=False), False, (), 50),
    "replication id in the identity": (Guards(replid=False), True, (), 1_000),
    "fetched records dropped at rewind": (Guards(drop_fetched=False), True, (), 200),
    "heartbeat of idle workers": (Guards(heartbeat=False), True, (work,), 1_000),
    "atomic outbox": (Guards(atomic_outbox=False), False, (), 100),
    "durable relay": (Guards(durable_relay=False), False, (), 500),
    "durable relay and epoch": (Guards(durable_relay=False, epoch=False), False, (poller, relay), 2_000),
    "epoch in the id": (Guards(epoch=False), True, (poller, relay), 2_000),
    "snapshot at a new epoch": (Guards(snapshot=False), True, (poller, relay), 5_000),
    "timer through the token": (Guards(timer_compare=False), False, (poller,), 1_000),
    "relay bound to its server": (Guards(relay_session=False), True, (relay, World.redis_fault), 5_000),
}


@pytest.mark.slow
@pytest.mark.parametrize("guard", BLIND)
def test_without_a_guard_schedules_break_promises(guard: str) -> None:
    guards, failovers, stress, within = BLIND[guard]
    broken: Counter[str] = Counter()
    bad = seed = 0
    for seed in range(within):
        if found := run(seed, guards, failovers=failovers, stress=stress):
            bad += 1
            broken.update(found)
            if bad == ENOUGH:
                break
    print(f"\nwithout {guard:36s}{bad:3d} of {seed + 1:5d} schedules: {dict(broken)}")
    assert bad


# -- second lines: alone they are not missed, because another guard covers them ----------------------------

COVERED = {
    "barrier, by the watermark": (Guards(barrier=False), True),
    "watermark, by the barrier as long as Redis only restarts": (Guards(watermark="none"), False),
    "generation fence, by the session: a watermark written in it is true": (Guards(fence=False), True),
    "token against version number, by the session of every writer": (Guards(compare="version"), True),
    "durable relay, by epoch and snapshot (but for phantoms)": (Guards(durable_relay=False), True),
    "epoch, by the durable relay as long as Redis only restarts": (Guards(epoch=False), False),
}


@pytest.mark.slow
@pytest.mark.parametrize("guard", COVERED)
def test_a_second_line_is_covered_by_another_guard(guard: str) -> None:
    guards, failovers = COVERED[guard]
    assert not [seed for seed in range(600) if run(seed, guards, failovers=failovers)]


# -- rare schedules, written out ---------------------------------------------------------------------------


def finish(task: Task) -> None:
    for _ in task:
        pass


def quiet_world(guards: Guards) -> World:
    """One customer on node 0 with two events in each partition; replies are never lost."""
    world = World(0, guards, failovers=True)
    draws = random.Random(0)
    world.rng.random = lambda: 0.2 + 0.7 * draws.random()  # type: ignore[method-assign]
    world.events, world.log = 2, [[(0, 1), (0, 2)] for _ in world.log]
    world.workers, world.now = [], 26
    return world


def owner(world: World) -> Worker:
    world.generation += 1
    worker = Worker(world, [0, 1, 2])
    finish(worker.start())
    worker.starting = None
    return worker


def apply(worker: Worker, *partitions: int, events: int = 2) -> None:
    for partition in partitions:
        start = worker.done[partition]
        finish(worker.handle(partition, range(start, min(start + events, 2))))


def lose_everything(world: World) -> None:
    """A failover to a replica that had nothing yet."""
    world.servers += 1
    world.nodes[0].fall_back(0)
    world.nodes[0].run_id = world.nodes[0].replid = world.servers


def counted(world: World) -> int:
    apply(owner(world), 0, 1, 2)
    return world.nodes[0].profiles.get(0, EMPTY).n


def test_quiet_world_counts_all() -> None:
    assert counted(quiet_world(FULL)) == 6


@pytest.mark.parametrize(("compare", "expected"), [("token", 6), ("version", 5)])
def test_a_version_number_comes_back_after_a_rollback_and_a_token_does_not(
    compare: Any, expected: int
) -> None:
    """A poller that outlives the server meets the version it read, with other content (ABA)."""
    world = quiet_world(Guards(compare=compare, timer_session=False))
    apply(owner(world), 0, events=1)  # version 1: an event of partition 0
    poll = world.fire(world.nodes[0])
    next(poll)
    lose_everything(world)
    after = owner(world)
    apply(after, 1, events=1)  # version 1 again: an event of partition 1
    finish(poll)
    apply(after, 0, 1, 2)
    assert world.nodes[0].profiles[0].n == expected


@pytest.mark.parametrize(("pin_first", "expected"), [(True, 6), (False, 0)])
def test_a_server_that_changes_while_a_worker_starts(pin_first: bool, expected: int) -> None:
    """Watermark read from the old server, identity from the new one: nothing will ever notice."""
    world = quiet_world(Guards(pin_first=pin_first))
    first = owner(world)
    apply(first, 0, 1, 2)
    finish(first.commit())
    starting = Worker(world, [0, 1, 2])
    while not starting.done:
        try:
            for step in range(3):
                next(starting.starting or iter(()), None)
                if step == pin_first and world.servers == 0:
                    lose_everything(world)
            starting.look()
        except ServerChangedError:
            starting.restart()
    apply(starting, 0, 1, 2)
    assert world.nodes[0].profiles.get(0, EMPTY).n == expected


@pytest.mark.parametrize(
    ("fence", "session", "new_mark", "expected"),
    [
        (False, False, True, 1),  # neither: the zombie's watermark hides what the failover lost
        (True, False, True, 6),  # the fence holds where a newer generation has written after the failover
        (True, False, False, 0),  # and leaks where the failover took that generation back as well
        (False, True, True, 6),  # the session holds in both
        (False, True, False, 6),
    ],
)
def test_a_zombie_writes_its_watermark_after_a_failover(
    fence: bool, session: bool, new_mark: bool, expected: int
) -> None:
    world = quiet_world(Guards(fence=fence, zombie_watermark_session=session))
    zombie_worker = owner(world)
    apply(zombie_worker, 0, 1, 2)
    in_flight = zombie_worker.commit()
    next(in_flight)
    second = owner(world)
    apply(second, 0, 1, 2)
    finish(second.commit())
    assert world.committed == [2, 2, 2]
    lose_everything(world)
    if new_mark:
        third = owner(world)
        apply(third, 0, events=1)
        dies_before_kafka = third.commit()
        for _ in range(3):
            next(dies_before_kafka)
    world.generation += 1
    with contextlib.suppress(ServerChangedError):
        finish(in_flight)
    assert counted(world) == expected
