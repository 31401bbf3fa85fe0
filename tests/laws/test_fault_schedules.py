"""Effects happen once under any schedule of faults; and each guard is needed, or is shown to be a second line.

FAULT_SCHEDULES=200000 pytest tests/laws/test_fault_schedules.py      more schedules
FAULT_SEED=17 pytest tests/laws/test_fault_schedules.py -k quick      one schedule again
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from laws.fault_model import CUSTOMERS, DECAY, EMPTY, NODES, Entry, Guards, ServerChangedError, World

SCHEDULES = int(os.environ.get("FAULT_SCHEDULES", "20000"))
QUICK = range(2_000)
STEPS = 140
ENOUGH = 5  # violating schedules, then an ablation counts as detected


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
        while worker.starting or any(worker.done[p] < world.events for p in worker.partitions):
            worker.step()
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
