"""The once-only protocol (design, section 7) as a small exact model.

Every process is a generator that yields wherever the real one waits on the network. There the scheduler may
let others run, kill it, or forget it for a while.

    Node    a Redis master: profiles, due timers, outbox, watermarks, epoch; a journal with a fsynced prefix
    World   Kafka (input, commits, generation, tag topic), the nodes, the clock, calls that outlive a caller
    Worker  session, fetch, fold per customer, one atomic call per bucket; watermark, barrier, commit
"""

from __future__ import annotations

import random
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

PARTITIONS = ("orders-0", "orders-1", "clicks-0")  # customers are spread over all: partitioners may disagree
CUSTOMERS, NODES = 4, 2  # bucket = node = customer mod NODES
DECAY = 8  # a customer without an event for so long turns dormant, at that very instant
LOST_AT_FAILOVER = 12  # journal entries, fsynced or not
DONE = object()

Task = Generator[None, None, Any]
Entry = tuple[int, int, int, str, Any]  # customer, epoch, seq: the id; tag ("*" = all of them), value


class ServerChangedError(Exception):
    """The server on this connection is not the one the session began with."""


@dataclass(frozen=True, slots=True)
class Guards:
    """One switch per guard; the defaults are the full design."""

    offsets: bool = True  # skip what the profile says is applied
    compare: Literal["token", "version", "none"] = "token"
    watermark: Literal["per node", "single", "none"] = "per node"
    fence: bool = True  # a watermark of an older generation is refused
    barrier: bool = True  # fsync before the Kafka commit
    session: bool = True  # a worker's connection refuses a server other than the one pinned; then it rewinds
    zombie_watermark_session: bool = True  # so for the watermarks of workers that lost their partitions
    replid: bool = True  # identity = run_id and replication id, not run_id alone
    pin_first: bool = True  # learn the server's identity before, not after, reading the watermark
    drop_fetched: bool = True  # a new session forgets fetched records and running handlers
    heartbeat: bool = True  # an idle worker looks at the server's identity too
    atomic_outbox: bool = True  # profile and tag changes in one call
    durable_relay: bool = True  # publish only what is fsynced
    epoch: bool = True  # ids carry an epoch, renewed when the server changes
    snapshot: bool = True  # the first change of a customer under an epoch states all tags
    timer_compare: bool = True  # timers write through the token
    timer_session: bool = True
    relay_session: bool = True


class Profile(NamedTuple):
    n: int = 0
    last: int = -99
    as_of: int = 0
    dormant: bool = False
    applied: tuple[int, ...] = (0,) * len(PARTITIONS)  # per partition, the first offset that is not in here
    token: float = 0.0
    version: int = 0
    epoch: int = -1
    seq: int = 0

    @property
    def tags(self) -> dict[str, Any]:
        return {"level": self.n // 2, "dormant": self.dormant}


class Write(NamedTuple):
    customer: int
    old: Profile
    new: Profile
    entries: list[Entry]


EMPTY = Profile()


class Node:
    """One Redis master. Its state is what its journal says; a crash keeps a prefix of the journal."""

    def __init__(self, name: int) -> None:
        self.name, self.run_id, self.replid = name, 0, 0
        self.journal: list[list[tuple[str, Any, Any]]] = []
        self.fall_back(0)

    def fall_back(self, keep: int) -> None:
        kept, self.journal, self.fsynced, self.next_id = self.journal[:keep], [], keep, 0
        self.profiles: dict[int, Profile] = {}
        self.due: dict[int, int] = {}
        self.outbox: dict[int, tuple[Entry, int]] = {}  # stream id -> entry, position in the journal
        self.watermarks: dict[int, tuple[int, int]] = {}  # partition -> generation, offset
        self.epoch: tuple[Any, int] = (None, 0)  # the server it was given to, its number
        for ops in kept:
            self.run(ops)

    def run(self, ops: list[tuple[str, Any, Any]]) -> None:
        """All of them or none, in memory and in the journal."""
        for kind, key, value in ops:
            if kind == "profile":
                self.profiles[key] = value
                self.due.pop(key, None)
                if not value.dormant:
                    self.due[key] = value.last + DECAY
            elif kind == "add":
                self.outbox[self.next_id] = (value, len(self.journal))
                self.next_id += 1
            elif kind == "delete":
                self.outbox.pop(key, None)
            elif kind == "watermark":
                self.watermarks[key] = value
            else:
                self.epoch = (key, value)
        if ops:
            self.journal.append(ops)

    def apply(self, writes: list[Write], compare: str, *, outbox: bool) -> list[int]:
        """The Redis Function: each customer is written, or reported stale."""
        ops: list[tuple[str, Any, Any]] = []
        stale = []
        for customer, old, new, entries in writes:
            held = self.profiles.get(customer, EMPTY)
            if compare != "none" and getattr(held, compare) != getattr(old, compare):
                stale.append(customer)
                continue
            ops.append(("profile", customer, new))
            ops += [("add", None, entry) for entry in entries if outbox]
        self.run(ops)
        return stale


class World:
    def __init__(self, seed: int, guards: Guards, *, failovers: bool) -> None:
        self.rng, self.guards, self.failovers = random.Random(seed), guards, failovers
        self.events = 2 + self.pick(6)  # in each partition: (customer, event time)
        customers = 1 + self.pick(CUSTOMERS)
        self.log = [[(self.pick(customers), self.pick(20)) for _ in range(self.events)] for _ in PARTITIONS]
        self.now, self.servers, self.epochs, self.generation = self.pick(20), 0, 0, 0
        self.committed = [0] * len(PARTITIONS)
        self.topic: list[Entry] = []
        self.nodes = [Node(name) for name in range(NODES)]
        self.limbo: list[tuple[Node, Any, list[Write]]] = []  # timed out for the caller, yet on their way
        self.workers: list[Worker] = []
        self.zombies: list[Worker] = []
        self.others: list[Task] = []  # pollers and relays at work
        self.rebalance()

    def pick(self, n: int) -> int:
        return int(self.rng.random() * n)

    def identity(self, node: Node) -> tuple[int, ...]:
        return (node.run_id, node.replid) if self.guards.replid else (node.run_id,)

    def pin(self, node: Node) -> tuple[Any, int]:
        """The handshake: which server is this, and its epoch (allocated in Kafka: it never repeats)."""
        identity = self.identity(node)
        if self.guards.epoch and node.epoch[0] != identity:
            self.epochs += 1
            node.run([("epoch", identity, self.epochs)])
        return identity, node.epoch[1]

    def check(self, node: Node, identity: Any) -> None:
        if identity is not None and identity != self.identity(node):
            raise ServerChangedError

    def evolve(
        self, customer: int, old: Profile, epoch: int, n: int, last: int, as_of: int, applied: Any
    ) -> Write:
        """Tags are a function of (aggregates, instant); where they differ from the old ones, a change."""
        seq = old.seq if old.epoch == epoch else 0
        new = Profile(
            n, last, as_of, as_of >= last + DECAY, applied, self.rng.random(), old.version + 1, epoch
        )
        changes = [(tag, value) for tag, value in new.tags.items() if value != old.tags[tag]]
        if self.guards.snapshot and old.epoch != epoch:
            changes = [("*", tuple(new.tags.items()))]
        entries: list[Entry] = [(customer, epoch, seq + i, *change) for i, change in enumerate(changes, 1)]
        return Write(customer, old, new._replace(seq=seq + len(entries)), entries)

    def write(self, node: Node, writes: list[Write], identity: Any, compare: str) -> Task:
        """One call; returns the stale ones, or None: no reply, and it never ran, or did, or will some day."""
        self.check(node, identity)
        fate, atomic = self.rng.random(), self.guards.atomic_outbox
        if fate < 0.05:
            self.limbo.append((node, self.identity(node), writes))
            return None
        stale = node.apply(writes, compare, outbox=atomic)
        if not atomic:
            yield
            self.check(node, identity)
            node.run([("add", None, entry) for w in writes if w.customer not in stale for entry in w.entries])
        return None if fate < 0.12 else stale

    def deliver_late(self) -> None:
        if self.limbo:
            node, identity, writes = self.limbo.pop(self.pick(len(self.limbo)))
            if identity == self.identity(node):  # else its connection died with the server
                node.apply(writes, self.guards.compare, outbox=True)

    def fire(self, node: Node) -> Task:
        """A poller: evaluates a customer at the due instant, whatever the clock says by now."""
        identity, epoch = self.pin(node)
        waiting = [(customer, at) for customer, at in node.due.items() if at <= self.now]
        if waiting:
            customer, due = waiting[self.pick(len(waiting))]
            old = node.profiles[customer]
            write = self.evolve(customer, old, epoch, old.n, old.last, max(old.as_of, due), old.applied)
            yield
            compare = self.guards.compare if self.guards.timer_compare else "none"
            yield from self.write(node, [write], identity if self.guards.timer_session else None, compare)

    def relay(self, node: Node) -> Task:
        identity, _ = self.pin(node)
        stream_id, (entry, position) = next(iter(node.outbox.items()), (0, (None, 0)))
        if entry and (position < node.fsynced or not self.guards.durable_relay):
            yield
            self.topic.append(entry)
            yield
            self.check(node, identity if self.guards.relay_session else None)
            node.run([("delete", stream_id, None)])

    def rebalance(self) -> None:
        """New owners; the old ones are dead, or do not know yet."""
        self.zombies = (self.zombies + [w for w in self.workers if self.rng.random() < 0.7])[-3:]
        self.generation += 1
        mine: list[list[int]] = [[], []]
        for partition in range(len(PARTITIONS)):
            mine[self.pick(2)].append(partition)
        self.workers = [Worker(self, partitions) for partitions in mine if partitions]

    def redis_fault(self) -> None:
        """Restart (keeps what was fsynced), failover (may not), or failover and back (the run_id stays)."""
        node = self.nodes[self.pick(NODES)]
        failover = self.failovers and self.rng.random() < 0.6
        floor = max(0, node.fsynced - self.pick(LOST_AT_FAILOVER + 1)) if failover else node.fsynced
        node.fall_back(floor + self.pick(len(node.journal) - floor + 1))
        self.servers += 1
        node.replid = self.servers
        if not failover or self.rng.random() < 0.7:
            node.run_id = self.servers


class Worker:
    """A group member of one generation, with the partitions it was given."""

    def __init__(self, world: World, partitions: list[int]) -> None:
        self.world, self.guards, self.partitions = world, world.guards, partitions
        self.generation = world.generation
        self.handlers: dict[int, Task] = {}
        self.fetched: dict[int, list[range]] = {p: [] for p in partitions}
        self.restart()

    def restart(self) -> None:
        """A new session: nothing learned in the old one survives."""
        self.pins: list[tuple[Any, int]] = [(None, 0)] * NODES
        self.cache: dict[int, Profile] = {}
        self.position: dict[int, int] = {}  # next to fetch
        self.done: dict[int, int] = {}  # next to be applied
        self.committed: dict[int, int] = {}
        if self.guards.drop_fetched:
            self.handlers, self.fetched = {}, {p: [] for p in self.partitions}
        self.committing: Task | None = None
        self.starting: Task | None = self.start()

    def start(self) -> Task:
        if self.guards.pin_first:
            self.pins = [self.world.pin(node) for node in self.world.nodes]
            yield
        where = {partition: self.world.committed[partition] for partition in self.partitions}
        for node in self.world.nodes[: {"per node": NODES, "single": 1, "none": 0}[self.guards.watermark]]:
            self.check(node)
            where = {p: min(offset, node.watermarks.get(p, (0, 0))[1]) for p, offset in where.items()}
        yield
        if not self.guards.pin_first:
            self.pins = [self.world.pin(node) for node in self.world.nodes]
        self.position, self.done = dict(where), dict(where)

    def check(self, node: Node) -> None:
        self.world.check(node, self.pins[node.name][0] if self.guards.session else None)

    def fetch(self, partition: int) -> None:
        start = self.position[partition]
        stop = self.position[partition] = min(start + 1 + self.world.pick(3), self.world.events)
        if start < stop:
            self.fetched[partition].append(range(start, stop))

    def handle(self, partition: int, offsets: range) -> Task:
        buckets: list[dict[int, list[int]]] = [{} for _ in range(NODES)]
        for offset in offsets:
            customer = self.world.log[partition][offset][0]
            buckets[customer % NODES].setdefault(customer, []).append(offset)
        for node, todo in zip(self.world.nodes, buckets, strict=True):
            while writes := [
                w for customer in todo if (w := self.fold(node, customer, partition, todo[customer]))
            ]:
                yield
                identity = self.pins[node.name][0] if self.guards.session else None
                stale = yield from self.world.write(node, writes, identity, self.guards.compare)
                self.cache.update({w.customer: w.new for w in writes})
                again = {w.customer for w in writes} if stale is None else stale
                for customer in set(todo).difference(again):
                    del todo[customer]
                for customer in todo:
                    del self.cache[customer]
                yield
        self.done[partition] = offsets.stop

    def fold(self, node: Node, customer: int, partition: int, offsets: list[int]) -> Write | None:
        old = self.cache.get(customer)
        if old is None:
            self.check(node)
            old = self.cache[customer] = node.profiles.get(customer, EMPTY)
        fresh = [o for o in offsets if o >= old.applied[partition] or not self.guards.offsets]
        if not fresh:
            return None
        last = max(old.last, *[self.world.log[partition][o][1] for o in fresh])
        applied = (*old.applied[:partition], fresh[-1] + 1, *old.applied[partition + 1 :])
        epoch = self.pins[node.name][1]
        return self.world.evolve(
            customer, old, epoch, old.n + len(fresh), last, max(old.as_of, last), applied
        )

    def commit(self) -> Task:
        done, kafka = dict(self.done), self.world
        if done == self.committed:
            return  # which is why an idle worker needs look()
        yield
        for node in self.world.nodes[: 0 if self.guards.watermark == "none" else NODES]:
            if self.generation == kafka.generation or self.guards.zombie_watermark_session:
                self.check(node)
            if self.guards.fence and any(node.watermarks.get(p, (0, 0))[0] > self.generation for p in done):
                return
            node.run([("watermark", p, (self.generation, offset)) for p, offset in done.items()])
            yield
        if self.guards.barrier:
            for node in self.world.nodes:
                self.check(node)
                node.fsynced = len(node.journal)
            yield
        if self.generation == kafka.generation:  # Kafka does its own fencing
            for partition, offset in done.items():
                kafka.committed[partition] = offset
            self.committed = done

    def look(self) -> None:
        """The heartbeat."""
        for node in self.world.nodes:
            self.check(node)

    def step(self) -> None:
        """One of its tasks goes on to where it waits next."""
        try:
            self._step(self.world.rng.random(), self.partitions[self.world.pick(len(self.partitions))])
        except ServerChangedError:
            self.restart()

    def _step(self, choice: float, partition: int) -> None:
        if self.starting:
            if next(self.starting, DONE) is DONE:
                self.starting = None
        elif self.committing and choice < 0.4:
            if next(self.committing, DONE) is DONE:
                self.committing = None
        elif not self.committing and choice < 0.2:
            self.committing = self.commit()
        elif choice > 0.98 and self.guards.heartbeat:
            self.look()
        elif choice > 0.8 or not (partition in self.handlers or self.fetched[partition]):
            self.fetch(partition)
        elif partition not in self.handlers:
            self.handlers[partition] = self.handle(partition, self.fetched[partition].pop(0))
        elif next(self.handlers[partition], DONE) is DONE:
            self.handlers.pop(partition, None)
