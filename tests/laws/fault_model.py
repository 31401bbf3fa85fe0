"""A small, exact model of the once-only protocol (design, section 7), run under random fault schedules.

Every process is a generator: it yields wherever the real one waits on the network, and the scheduler decides who
goes next, who dies there, and who wakes up long after it was given up. One seed is one schedule, for ever.

    Kafka    input partitions, committed offsets, group generation, the tag-change topic
    Node     one Redis master: profiles, due timers, outbox, watermarks, epoch; a journal with a fsynced prefix
    Worker   session -> fetch -> fold per customer -> one atomic call per bucket; watermark -> barrier -> commit
    fire     a timer poller          relay   an outbox relay          (any number of both, at any pace)
"""

from __future__ import annotations

import random
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

PARTITIONS = ("orders-0", "orders-1", "clicks-0")  # customers are spread over all: partitioners may disagree
EVENTS, CUSTOMERS, NODES, STEPS = 6, 4, 2, 140
DECAY = 8  # a customer without an event for so long turns dormant, at that very instant
LOST_AT_FAILOVER = 8  # journal entries, fsynced or not

Task = Generator[None, None, None]
Entry = tuple[int, int, int, str, Any]  # customer, epoch, seq, tag ("*" = all of them), value


class ServerChangedError(Exception):
    """The server on this connection is not the one the session began with."""


@dataclass(frozen=True, slots=True)
class Guards:
    """The design, one switch per guard. The defaults are the full design."""

    offsets: bool = True  # skip what the profile says is applied
    compare: Literal["token", "version", "none"] = "token"
    watermark: Literal["per_node", "single", "none"] = "per_node"
    fence: bool = True  # a watermark of an older generation is refused
    barrier: bool = True  # fsync before the Kafka commit
    session: Literal["all", "owners", "none"] = "all"  # who notices that the server changed
    replid: bool = True  # identity = run_id and replication id, not run_id alone
    pin_first: bool = True  # note the server's identity before, not after, reading the watermark
    drop_fetched: bool = True  # a new session forgets fetched records and running handlers
    heartbeat: bool = True  # an idle worker looks at the server's identity too
    atomic_outbox: bool = True  # profile and tag changes in one call
    durable_relay: bool = True  # publish only what is fsynced
    epoch: bool = True  # ids carry an epoch that a change of server renews
    snapshot: bool = True  # the first change of a customer under an epoch states all tags
    timer_compare: bool = True  # timers write through the token
    timer_session: bool = True
    relay_session: bool = True


class Profile(NamedTuple):
    n: int
    last: int
    as_of: int
    dormant: bool
    applied: tuple[int, ...]  # per partition: the first offset not yet in here
    token: float
    version: int
    epoch: int
    seq: int


class Write(NamedTuple):
    customer: int
    old: Profile
    new: Profile
    entries: tuple[Entry, ...]


EMPTY = Profile(0, -99, 0, False, (0,) * len(PARTITIONS), 0.0, 0, -1, 0)


def level(n: int) -> int:
    return n // 2


class Node:
    """One Redis master. State is what its journal says; a crash keeps a prefix of the journal."""

    def __init__(self, name: int) -> None:
        self.name, self.run_id, self.replid, self.fsynced = name, 0, 0, 0
        self.journal: list[tuple[tuple[Any, ...], ...]] = []
        self._forget()

    def _forget(self) -> None:
        self.profiles: dict[int, Profile] = {}
        self.due: dict[int, int] = {}
        self.outbox: dict[int, tuple[Entry, int]] = {}  # stream id -> entry, journal position
        self.next_id = 0
        self.watermarks: dict[int, tuple[int, int]] = {}  # partition -> generation, offset
        self.epoch: tuple[object, int] = (None, 0)

    def run(self, *ops: tuple[Any, ...]) -> None:
        self.journal.append(ops)
        self._redo(ops, len(self.journal) - 1)

    def _redo(self, ops: tuple[tuple[Any, ...], ...], position: int) -> None:
        for kind, key, value in ops:
            if kind == "profile":
                self.profiles[key] = value
                self.due.pop(key, None)
                if not value.dormant:
                    self.due[key] = value.last + DECAY
            elif kind == "add":
                self.outbox[self.next_id] = (value, position)
                self.next_id += 1
            elif kind == "delete":
                self.outbox.pop(key, None)
            elif kind == "watermark":
                self.watermarks[key] = value
            else:
                self.epoch = (key, value)

    def apply(self, writes: Iterable[Write], compare: str, *, outbox: bool = True) -> list[int]:
        """The Redis Function: each customer is compared and written, or reported stale; all in one step."""
        ops: list[tuple[Any, ...]] = []
        stale: list[int] = []
        for customer, old, new, entries in writes:
            held = self.profiles.get(customer, EMPTY)
            if (compare == "token" and held.token != old.token) or (
                compare == "version" and held.version != old.version
            ):
                stale.append(customer)
                continue
            ops.append(("profile", customer, new))
            if outbox:
                ops.extend(("add", None, entry) for entry in entries)
        if ops:
            self.run(*ops)
        return stale

    def set_watermark(self, partition: int, generation: int, offset: int, *, fence: bool) -> bool:
        if fence and self.watermarks.get(partition, (0, 0))[0] > generation:
            return False
        self.run(("watermark", partition, (generation, offset)))
        return True

    def fall_back(self, keep: int) -> None:
        del self.journal[keep:]
        self.fsynced = keep
        self._forget()
        for position, ops in enumerate(self.journal):
            self._redo(ops, position)


class World:
    """Kafka, the nodes, the clock, and the calls that outlived their caller."""

    def __init__(self, seed: int, guards: Guards, *, failovers: bool) -> None:
        self.rng, self.guards, self.failovers = random.Random(seed), guards, failovers
        self.random, self.now, self.servers, self.epochs = self.rng.random, 0, 0, 0
        self.log = [
            [(self.pick(CUSTOMERS), self.pick(20)) for _ in range(EVENTS)] for _ in PARTITIONS
        ]  # (customer, event time)
        self.committed = [0] * len(PARTITIONS)
        self.generation = 0
        self.topic: list[Entry] = []
        self.nodes = [Node(name) for name in range(NODES)]
        self.limbo: list[tuple[Node, object, list[Write]]] = []  # timed out for the caller, yet on their way
        self.workers: list[Worker] = []
        self.zombies: list[Worker] = []
        self.others: list[Task] = []  # pollers and relays at work
        self.rebalance(zombies=False)

    def pick(self, n: int) -> int:
        return int(self.random() * n)

    def identity(self, node: Node) -> object:
        return (node.run_id, node.replid) if self.guards.replid else node.run_id

    def pin(self, node: Node) -> tuple[object, int]:
        """The handshake: which server is this, and its epoch (allocated in Kafka, so that it never repeats)."""
        identity = self.identity(node)
        if self.guards.epoch and node.epoch[0] != identity:
            self.epochs += 1
            node.run(("epoch", identity, self.epochs))
        return identity, node.epoch[1]

    def check(self, node: Node, identity: object) -> None:
        if identity is not None and identity != self.identity(node):
            raise ServerChangedError

    def evolve(self, customer: int, old: Profile, n: int, last: int, as_of: int, **new: Any) -> Write:
        """Tags are a function of (aggregates, instant); what differs from the old ones is a change."""
        epoch, applied = new["epoch"], new.get("applied", old.applied)
        dormant = as_of >= last + DECAY
        seq = old.seq if old.epoch == epoch else 0
        if self.guards.snapshot and old.epoch != epoch:
            changes: list[tuple[str, Any]] = [("*", (level(n), dormant))]
        else:
            changes = [("level", level(n))] if level(n) != level(old.n) else []
            changes += [("dormant", dormant)] if dormant != old.dormant else []
        entries = tuple((customer, epoch, seq + i, *change) for i, change in enumerate(changes, 1))
        return Write(
            customer,
            old,
            Profile(
                n, last, as_of, dormant, applied, self.random(), old.version + 1, epoch, seq + len(entries)
            ),
            entries,
        )

    def write(
        self, node: Node, writes: list[Write], identity: object, compare: str
    ) -> Generator[None, None, list[int] | None]:
        """One call. None: no reply, and the call was never run, was run, or will be run later."""
        self.check(node, identity)
        fate = self.random()
        if fate < 0.05:
            self.limbo.append((node, self.identity(node), writes))
            return None
        atomic = self.guards.atomic_outbox
        stale = node.apply(writes, compare, outbox=atomic)
        if not atomic:
            yield
            self.check(node, identity)
            ops = [("add", None, entry) for w in writes if w.customer not in stale for entry in w.entries]
            if ops:
                node.run(*ops)
        return None if fate < 0.12 else stale

    def deliver_late(self) -> None:
        node, identity, writes = self.limbo.pop(self.pick(len(self.limbo)))
        if identity == self.identity(node):
            node.apply(writes, self.guards.compare)

    def fire(self, node: Node, customer: int) -> Task:
        """A poller: evaluates the customer at the due instant, whatever the clock says by now."""
        identity, epoch = self.pin(node)
        due = node.due.get(customer)
        if due is None or due > self.now:
            return
        old = node.profiles[customer]
        write = self.evolve(customer, old, old.n, old.last, max(old.as_of, due), epoch=epoch)
        yield
        bound = identity if self.guards.timer_session else None
        yield from self.write(
            node, [write], bound, self.guards.compare if self.guards.timer_compare else "none"
        )

    def relay(self, node: Node) -> Task:
        identity, _ = self.pin(node)
        if not node.outbox:
            return
        stream_id, (entry, position) = next(iter(node.outbox.items()))
        if self.guards.durable_relay and position >= node.fsynced:
            return  # not yet known to be on disk
        yield
        self.topic.append(entry)
        yield
        self.check(node, identity if self.guards.relay_session else None)
        node.run(("delete", stream_id, None))

    def rebalance(self, *, zombies: bool) -> None:
        self.zombies = ([*self.zombies, *self.workers] if zombies else self.zombies)[-3:]
        self.generation += 1
        mine: list[list[int]] = [[], []]
        for partition in range(len(PARTITIONS)):
            mine[self.pick(2)].append(partition)
        self.workers = [Worker(self, partitions) for partitions in mine if partitions]

    def redis_fault(self, node: Node) -> None:
        """Restart (keeps what was fsynced), failover (may not), or failover and back (run_id stays)."""
        lost = self.pick(LOST_AT_FAILOVER + 1) if self.failovers and self.random() < 0.6 else 0
        floor = max(0, min(node.fsynced, len(node.journal) - lost)) if lost else node.fsynced
        node.fall_back(floor + self.pick(len(node.journal) - floor + 1))
        self.servers += 1
        if lost and self.random() < 0.3:
            node.replid = self.servers
        else:
            node.run_id = node.replid = self.servers


class Worker:
    """A group member of one generation. After a rebalance it may go on for a while: it does not know."""

    def __init__(self, world: World, partitions: list[int]) -> None:
        self.world, self.guards, self.partitions = world, world.guards, partitions
        self.generation = world.generation
        self.restart()

    def restart(self) -> None:
        """A new session: nothing learned in the old one survives it."""
        self.pins: list[tuple[object, int]] = [(None, 0)] * NODES
        self.cache: dict[int, Profile] = {}
        self.committing: Task | None = None
        if self.guards.drop_fetched or not hasattr(self, "handlers"):
            self.handlers: dict[int, Task] = {}
            self.fetched: dict[int, list[range]] = {p: [] for p in self.partitions}
        self.position: dict[int, int] = {}  # next to fetch
        self.done: dict[int, int] = {}  # next to be applied
        self.starting: Task | None = self.start()

    def start(self) -> Task:
        world, nodes = self.world, self.world.nodes
        if self.guards.pin_first:
            self.pins = [world.pin(node) for node in nodes]
            yield
        where = {}
        for partition in self.partitions:
            marks = [world.committed[partition]]
            for node in nodes[: {"per_node": NODES, "single": 1, "none": 0}[self.guards.watermark]]:
                self.check(node)
                marks.append(node.watermarks.get(partition, (0, 0))[1])
            where[partition] = min(marks)
        yield
        if not self.guards.pin_first:
            self.pins = [world.pin(node) for node in nodes]
        self.position, self.done = dict(where), dict(where)

    def identity(self, node: Node) -> object:
        who = self.guards.session
        if who == "all" or (who == "owners" and self.generation == self.world.generation):
            return self.pins[node.name][0]
        return None

    def check(self, node: Node) -> None:
        self.world.check(node, self.identity(node))

    def fetch(self, partition: int, count: int) -> None:
        start = self.position[partition]
        stop = min(start + count, EVENTS)
        if start < stop:
            self.fetched[partition].append(range(start, stop))
            self.position[partition] = stop

    def handle(self, partition: int, offsets: range) -> Task:
        log = self.world.log[partition]
        buckets: dict[int, dict[int, list[int]]] = {}
        for offset in offsets:
            customer = log[offset][0]
            buckets.setdefault(customer % NODES, {}).setdefault(customer, []).append(offset)
        for bucket, todo in buckets.items():
            node = self.world.nodes[bucket]
            while writes := [w for customer in todo if (w := self.fold(node, partition, customer, todo))]:
                yield
                stale = yield from self.world.write(node, writes, self.identity(node), self.guards.compare)
                again = {w.customer for w in writes} if stale is None else set(stale)
                for w in writes:
                    self.cache[w.customer] = w.new
                for customer in again:
                    self.cache.pop(customer, None)
                todo = {customer: todo[customer] for customer in again}  # noqa: PLW2901
                yield
        self.done[partition] = offsets.stop

    def fold(self, node: Node, partition: int, customer: int, todo: dict[int, list[int]]) -> Write | None:
        old = self.cache.get(customer)
        if old is None:
            self.check(node)
            old = self.cache[customer] = node.profiles.get(customer, EMPTY)
        applied = old.applied
        offsets = [o for o in todo[customer] if o >= applied[partition] or not self.guards.offsets]
        if not offsets:
            return None
        last = max(old.last, *[self.world.log[partition][o][1] for o in offsets])
        return self.world.evolve(
            customer,
            old,
            old.n + len(offsets),
            last,
            max(old.as_of, last),
            epoch=self.pins[node.name][1],
            applied=(*applied[:partition], offsets[-1] + 1, *applied[partition + 1 :]),
        )

    def commit(self) -> Task:
        done = dict(self.done)
        yield
        for node in self.world.nodes[: 0 if self.guards.watermark == "none" else NODES]:
            for partition, offset in done.items():
                self.check(node)
                if not node.set_watermark(partition, self.generation, offset, fence=self.guards.fence):
                    return
            yield
        if self.guards.barrier:
            for node in self.world.nodes:
                self.check(node)
                node.fsynced = len(node.journal)
            yield
        if self.generation == self.world.generation:  # Kafka fences by itself
            for partition, offset in done.items():
                self.world.committed[partition] = offset

    def step(self) -> None:
        """One turn of one of its tasks."""
        try:
            self._step(self.world.random())
        except ServerChangedError:
            self.restart()

    def _step(self, choice: float) -> None:
        if self.starting:
            if next(self.starting, self) is self:
                self.starting = None
            return
        partition = self.partitions[self.world.pick(len(self.partitions))]
        if self.committing and choice < 0.4:
            if next(self.committing, self) is self:
                self.committing = None
        elif not self.committing and choice < 0.2:
            self.committing = self.commit()
        elif self.guards.heartbeat and choice > 0.97:
            self.look()
        elif handler := self.handlers.get(partition):
            if next(handler, self) is self:
                self.handlers.pop(partition, None)
        elif fetched := self.fetched[partition]:
            if choice < 0.6:
                self.fetch(partition, 2)
            self.handlers[partition] = self.handle(partition, fetched.pop(0))
        else:
            self.fetch(partition, 1 + self.world.pick(3))

    def look(self) -> None:
        for node in self.world.nodes:
            self.check(node)

    def drain(self) -> None:
        if self.guards.heartbeat:
            try:
                self.look()
            except ServerChangedError:
                self.restart()
        while self.starting or any(self.done[p] < EVENTS for p in self.partitions):
            self.step()


def schedule(world: World) -> None:
    """The faults and the work, in the order the seed says; then a quiet time in which everything finishes."""
    for _ in range(STEPS):
        dice, node = world.random(), world.nodes[world.pick(NODES)]
        if dice < 0.54:
            world.workers[world.pick(len(world.workers))].step()
        elif dice < 0.64:
            if world.zombies:
                world.zombies[world.pick(len(world.zombies))].step()
        elif dice < 0.80:
            advance_other(world)
        elif dice < 0.85:
            if due := [c for c, at in node.due.items() if at <= world.now]:
                world.others.append(world.fire(node, due[world.pick(len(due))]))
        elif dice < 0.90:
            if node.outbox:
                world.others.append(world.relay(node))
        elif dice < 0.92:
            world.now += world.pick(8)
        elif dice < 0.94:
            node.fsynced = len(node.journal)
        elif dice < 0.955:
            world.rebalance(zombies=world.random() < 0.7)
        elif dice < 0.985:
            world.redis_fault(node)
        elif world.limbo:
            world.deliver_late()
    world.zombies.clear()
    world.others.clear()
    while world.limbo:
        world.deliver_late()
    for worker in world.workers:
        worker.drain()
    for node in world.nodes:
        while due := [c for c, at in node.due.items() if at <= world.now]:
            finish(world.fire(node, due[0]))
        node.fsynced = len(node.journal)
        while node.outbox:
            finish(world.relay(node))


def advance_other(world: World) -> None:
    """A poller or a relay takes its next step, or dies where it stands."""
    if not world.others:
        return
    task = world.others.pop(world.pick(len(world.others)))
    if world.random() < 0.1:
        return
    try:
        next(task)
    except (StopIteration, ServerChangedError):
        return
    world.others.append(task)


def finish(task: Task) -> None:
    for _ in task:
        pass


def violations(world: World) -> frozenset[str]:
    """The oracle: recomputed from the input alone, and from what a consumer of the tag topic sees."""
    found: set[str] = set()
    seen: dict[tuple[int, int, int], Entry] = {}
    at: dict[int, tuple[int, int]] = {}
    tags: dict[int, dict[str, Any]] = {}
    for entry in world.topic:
        customer, epoch, seq, tag, value = entry
        if seen.setdefault((customer, epoch, seq), entry) != entry:
            found.add("one id, two contents")
        last_epoch, last_seq = at.get(customer, (-1, 0))
        if (epoch, seq) <= (last_epoch, last_seq):
            continue  # a duplicate, or a change of a history that was taken back
        if seq != (last_seq + 1 if epoch == last_epoch else 1):
            found.add("gap in seq")
        at[customer] = (epoch, seq)
        change = {"level": value[0], "dormant": value[1]} if tag == "*" else {tag: value}
        tags[customer] = {**tags.get(customer, {"level": 0, "dormant": False}), **change}
    for customer in range(CUSTOMERS):
        times = [ts for part in world.log for c, ts in part if c == customer]
        profile = world.nodes[customer % NODES].profiles.get(customer, EMPTY)
        if profile.n != len(times):
            found.add("lost" if profile.n < len(times) else "double")
        elif times and profile.dormant != (max(profile.as_of, world.now) >= max(times) + DECAY):
            found.add("timer lost")
        public = {"level": level(profile.n), "dormant": profile.dormant}
        if tags.get(customer, {"level": 0, "dormant": False}) != public:
            found.add("topic disagrees")
    if not world.failovers:
        kept = {op[2] for node in world.nodes for ops in node.journal for op in ops if op[0] == "add"}
        if any(entry not in kept for entry in seen.values()):
            found.add("phantom")
    return frozenset(found)


def simulate(seed: int, guards: Guards | None = None, *, failovers: bool = True) -> frozenset[str]:
    """Run one schedule; the names of the promises it broke."""
    world = World(seed, guards or Guards(), failovers=failovers)
    schedule(world)
    return violations(world)
