"""The store in memory: the same contract, for tests and for measuring the fold without a server."""

import time
from collections.abc import Iterable, Mapping, Sequence

from streams.keys import bucket
from streams.store.contract import HISTORY, Entry, InForce, Store, Stored, Superseded, Trained, Write


class MemoryStore(Store):
    """One process, nothing on disk."""

    def __init__(self, buckets: int = 64, epoch: str = "memory", history: int = HISTORY) -> None:
        self.buckets = buckets
        self.history = history
        self.epoch = epoch
        self.durable = True
        self.replaced = False
        self.profiles: dict[str, Write] = {}
        self.wakes: dict[int, dict[str, int]] = {b: {} for b in range(buckets)}
        self.entries: dict[int, list[Entry]] = {b: [] for b in range(buckets)}
        self._watermarks: dict[str, tuple[int | None, int]] = {}
        self._clock: dict[str, tuple[bool, int]] = {}
        self._workers: dict[str, int] = {}
        self._next_entry = 0
        self.members: dict[tuple[int, str], set[str]] = {}
        self.logs: dict[str, list[bytes]] = {}
        self._in_force = InForce(0, "")
        self._trainer = b""
        self._lease = "", 0.0
        self._swept: dict[int, int] = {}

    async def adopt(self) -> bool:
        """See `Store`."""
        return bool(self.profiles)

    async def load(self, customer_ids: Sequence[str]) -> dict[str, Stored]:
        """See `Store`."""
        found = ((cid, self.profiles.get(cid)) for cid in customer_ids)
        return {cid: Stored(w.token, w.state) if w else Stored(b"", b"") for cid, w in found}

    async def commit(self, writes: Sequence[Write], revision: int = 0) -> list[str]:
        """See `Store`."""
        if revision < self._in_force.revision:
            raise Superseded("something newer is in force")
        stale = []
        for write in writes:
            cid = write.customer_id
            stored = self.profiles.get(cid)
            if (stored.token if stored else b"") != write.expect:
                stale.append(cid)
                continue
            self.profiles[cid] = write
            b = bucket(cid, self.buckets)
            if write.wake_ms:
                self.wakes[b][cid] = write.wake_ms
            elif write.wake_ms == 0:
                self.wakes[b].pop(cid, None)
            if write.changes:
                self._next_entry += 1
                self.entries[b].append(Entry(b, str(self._next_entry).encode(), cid, list(write.changes)))
            for name, joins in write.members:
                members = self.members.setdefault((b, name), set())
                (members.add if joins else members.discard)(cid)
            if write.history is None or not self.history:
                self.logs.pop(cid, None)
            elif write.history:
                self.logs[cid] = [*self.logs.get(cid, ()), *write.history][-self.history :]
        return stale

    async def in_force(self) -> InForce:
        """See `Store`."""
        return self._in_force

    async def apply(self, text: str, replaces: int, now_ms: int, retired: Sequence[str]) -> int:
        """See `Store`."""
        found = self._in_force
        if found.since == replaces:
            revision = found.revision + 1
            found = found._replace(text=text, since=revision, applied_ms=now_ms, retired=tuple(retired))
            self._in_force = found._replace(revision=revision, judged=0)
        return self._in_force.since

    async def trained(self) -> Trained:
        """See `Store`."""
        return Trained(self._in_force.population, self._in_force.snapshot, self._trainer)

    async def publish(self, version: int, snapshot: bytes, trainer: bytes, replaces: int) -> bool:
        """See `Store`."""
        found = self._in_force
        if found.population != replaces or version <= replaces:
            return False
        found = found._replace(population=version, snapshot=snapshot)
        self._in_force = found._replace(revision=found.revision + 1, judged=0)
        self._trainer = trainer
        return True

    async def lease(self, holder: str, ttl_ms: int) -> bool:
        """See `Store`."""
        now_s = time.monotonic()
        held_by, until_s = self._lease
        if held_by != holder and now_s < until_s:
            return False
        self._lease = holder, now_s + ttl_ms / 1000
        return True

    async def scan(self, cursor: int, count: int) -> tuple[int, list[str]]:
        """See `Store`."""
        ids = list(self.profiles)
        end = cursor + count
        return (end if end < len(ids) else 0), ids[cursor:end]

    async def unswept(self, buckets: Iterable[int], revision: int) -> list[int]:
        """See `Store`."""
        return [b for b in buckets if self._swept.get(b, 0) < revision]

    async def judged(self, count: int) -> None:
        """See `Store`."""
        self._in_force = self._in_force._replace(judged=self._in_force.judged + count)

    async def swept(self, buckets: Sequence[int], revision: int, retired: Sequence[str]) -> None:
        """See `Store`."""
        for b in buckets:
            self._swept[b] = max(revision, self._swept.get(b, 0))
            for name in retired:
                self.members.pop((b, name), None)

    async def due(self, buckets: Iterable[int], until_ms: int, limit: int) -> list[str]:
        """See `Store`."""
        out: list[str] = []
        for b in buckets:
            due = sorted((at, cid) for cid, at in self.wakes[b].items() if at <= until_ms)
            out += [cid for _, cid in due[:limit]]
        return out

    async def outbox(self, buckets: Iterable[int], limit: int) -> list[Entry]:
        """See `Store`."""
        return [entry for b in buckets for entry in self.entries[b][:limit]]

    async def delivered(self, entries: Sequence[Entry]) -> None:
        """See `Store`."""
        gone = {(entry.bucket, entry.entry_id) for entry in entries}
        for b in {entry.bucket for entry in entries}:
            self.entries[b] = [e for e in self.entries[b] if (b, e.entry_id) not in gone]

    async def outbox_size(self) -> int:
        """See `Store`."""
        return sum(map(len, self.entries.values()))

    async def watermark(
        self, generation: int, offsets: Mapping[str, int | None], *, void_newer: bool = False
    ) -> dict[str, int | None]:
        """See `Store`."""
        out: dict[str, int | None] = {}
        for source, offset in offsets.items():
            stored, owner = self._watermarks.get(source, (None, -1))
            if owner > generation and not void_newer:
                continue
            out[source] = stored if offset is None else offset
            self._watermarks[source] = (out[source], generation)
        return out

    async def watermarks(self) -> dict[str, int]:
        """See `Store`."""
        return {source: offset for source, (offset, _) in self._watermarks.items() if offset is not None}

    async def barrier(self, timeout_s: float) -> bool:  # noqa: ARG002 - memory is as durable as it gets
        """See `Store`."""
        return True

    async def report_clock(self, marks: Mapping[str, tuple[bool, int]]) -> None:
        """See `Store`."""
        self._clock.update(marks)

    async def clock(self) -> dict[str, tuple[bool, int]]:
        """See `Store`."""
        return dict(self._clock)

    async def heartbeat(self, worker: str, now_ms: int, ttl_ms: int) -> list[str]:
        """See `Store`."""
        self._workers[worker] = now_ms + ttl_ms
        return sorted(name for name, until in self._workers.items() if until >= now_ms)

    async def retire(self, worker: str) -> None:
        """See `Store`."""
        self._workers.pop(worker, None)

    async def close(self) -> None:
        """See `Store`."""
