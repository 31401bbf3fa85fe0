"""The trainer's loop: at each epoch the panel as it is now, a snapshot of it, and that into force.

Rules of the file

- Nothing is kept from one epoch to the next but what stands in the store. So a trainer that was killed,
  one that takes over and one that goes on do exactly the same, bit for bit.
- A snapshot replaces the one it was made from and no other, whatever anybody believes about leases: one
  line of versions, each the child of the one before. Who loses throws its own away.
- The topic follows the store: what is in force is sent again by whoever becomes active.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from models.calendar import Calendar
from models.population.codec import decode, encode
from models.population.sample import EVERYONE
from models.population.snapshot import Snapshot, SnapshotError
from streams.metrics.trainer import TrainerCounts
from streams.population.epoch import FEWEST, Population, Settings
from streams.population.lease import Lease
from streams.population.survey import survey
from streams.store.contract import Store, StoreUnfit, Trained, Unavailable

log = logging.getLogger(__name__)

LOOK_S = 0.2
Announce = Callable[[bytes], Awaitable[None]]


class Trainer:
    """One trainer process: active while it holds the lease, a hot stand-by otherwise.

    Args:
        store: profiles, lease and snapshot.
        settings: of the models.
        lease: of this process.
        calendar: of the deployment.
        now_ms: the instant at which customers are looked at, epoch ms; 0 = not yet known.
        announce: sends a snapshot that is in force to the topic.
        interval_s: from one snapshot to the next, seconds.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        lease: Lease,
        *,
        calendar: Calendar,
        now_ms: Callable[[], Awaitable[int]],
        announce: Announce,
        interval_s: float,
    ) -> None:
        self._store, self._settings, self._lease = store, settings, lease
        self._calendar, self._now_ms, self._announce = calendar, now_ms, announce
        self._interval_s = interval_s
        self._said = ""
        self.seen = TrainerCounts()

    @property
    def is_active(self) -> bool:
        """Whether it holds the lease."""
        return self._lease.is_held

    async def run(self) -> None:
        """Until cancelled.

        Raises:
            StoreUnfit: what is in force was written by a newer version.
        """
        renewing = asyncio.create_task(self._renew())
        try:
            while True:
                if renewing.done():
                    renewing.result()  # raises what ended it
                if self._lease.is_held:
                    await self._be_active()
                await asyncio.sleep(LOOK_S)
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def once(self) -> Snapshot | None:
        """One epoch, now; None where nothing came into force, which is logged.

        Raises:
            StoreUnfit: see `run`.
            Unavailable: another trainer is active, or store or broker did not answer.
        """
        if not await self._lease.take():
            raise Unavailable("another trainer is active: it trains by itself, or stop it first")
        renewing = asyncio.create_task(self._renew())
        try:
            return await self.epoch()
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _renew(self) -> None:
        """Take the lease, or go on holding it, beside whatever else is done."""
        was_held = self._lease.is_held
        while True:
            try:
                if self._store.replaced:
                    await self._store.adopt()
                held = await self._lease.take()
                if held != was_held:
                    log.info("this trainer is active" if held else "another trainer is active: standing by")
                was_held = held
            except Unavailable as error:
                log.warning("the trainer's lease waits: %s", error)
            await asyncio.sleep(min(1.0, self._lease.ttl_s / 3))

    async def _be_active(self) -> None:
        """Epoch after epoch, while the lease is held."""
        try:
            found = await self._store.trained()
            if found.version:
                self.seen.in_force(found.snapshot)
                await self._send(found)
            due_s = time.monotonic() + self._rest_s(found)
            while self._lease.is_held:
                if time.monotonic() >= due_s:
                    due_s = time.monotonic() + self._interval_s
                    await self.epoch()
                await asyncio.sleep(LOOK_S)
        except Unavailable as error:
            log.warning("the trainer waits: %s", error)
            await asyncio.sleep(1.0)

    async def _send(self, found: Trained) -> None:
        """Send a snapshot to the topic, and after it what came into force meanwhile: the newest comes last.

        A trainer that slept between store and topic would otherwise put an old one over a new one there.
        """
        while True:
            await self._announce(found.snapshot)
            now = await self._store.trained()
            if now.version <= found.version:
                return
            found = now

    def _rest_s(self, found: Trained) -> float:
        """Until the next epoch is due: a trainer that starts again and again must not train each time."""
        if not found.version:
            return 0.0
        due_s: float = orjson.loads(found.trainer)["published_ms"] / 1000 + self._interval_s
        return min(self._interval_s, max(0.0, due_s - time.time()))

    async def epoch(self) -> Snapshot | None:
        """Look at everyone, make a snapshot, put it into force; None where nothing came of it.

        Raises:
            StoreUnfit: see `run`.
            Unavailable: store or broker did not answer; trying again is safe.
        """
        started_s = time.monotonic()
        self.seen.outcome = "failed"
        try:
            return await self._epoch(started_s)
        finally:
            self.seen.epoch(time.monotonic() - started_s)

    async def _epoch(self, started_s: float) -> Snapshot | None:
        before = await self._store.trained()
        population = self._restored(before)
        try:
            made = await self._made(population)
            blob = encode(made)
        except SnapshotError as error:
            if str(error) != self._said:
                log.warning("no population snapshot: %s", error)
            self._said = str(error)
            self.seen.outcome = "refused"
            return None
        if not await self._publish(made, blob, population.save(), before.version):
            self.seen.outcome = "lost"
            return None
        self.seen.published(made)
        await self._send(Trained(made.version, blob, b""))
        self._tell(made, time.monotonic() - started_s)
        return made

    async def _made(self, population: Population) -> Snapshot:
        """Raises SnapshotError where there is nothing to make one of."""
        old = population.snapshot
        looked = await survey(self._store, self._calendar, old.share if old is not None else EVERYONE)
        if looked.unreadable:
            log.warning("%d customers are left out: their state cannot be read", looked.unreadable)
        now_ms = await self._now_ms()
        if not now_ms:
            raise SnapshotError("some input has not reported yet how far it is")
        now_ms = max(now_ms, looked.newest_ms)  # profiles went on meanwhile, and clocks differ a little
        if old is not None and now_ms <= old.event_ms:
            raise SnapshotError("time stands still since the one in force")
        made = await asyncio.to_thread(population.epoch, looked.panel, now_ms)
        if made is None:
            raise SnapshotError(f"fewer than {FEWEST} customers have an order")
        return made

    async def _publish(self, made: Snapshot, blob: bytes, saved: dict[str, Any], replaces: int) -> bool:
        if not self._lease.is_held:
            log.warning("population %d is dropped: the lease was lost", made.version)
            return False
        trainer = orjson.dumps({"published_ms": int(time.time() * 1000), "population": saved})
        if await self._store.publish(made.version, blob, trainer, replaces):
            return True
        log.warning("population %d is dropped: another trainer was quicker", made.version)
        return False

    def _restored(self, found: Trained) -> Population:
        """The models as they were when the snapshot in force was made."""
        out = Population(self._settings)
        if not found.version:
            return out
        try:
            out.restore(orjson.loads(found.trainer)["population"], decode(found.snapshot))
        except (SnapshotError, orjson.JSONDecodeError, LookupError, TypeError) as error:
            # Not to begin anew: versions would go back, and a newer trainer's work would be lost.
            raise StoreUnfit(f"population {found.version} cannot be gone on from: {error}") from None
        return out

    def _tell(self, made: Snapshot, took_s: float) -> None:
        self._said = ""
        clusters = made.clusters
        inertia = f"inertia {clusters.inertia:.3f}" if clusters is not None else "no clusters"
        log.info(
            "population %d (%s): %d customers, %.3g of all, %s, %.1f s",
            made.version, made.reason, made.panel, made.share, inertia, took_s,
        )  # fmt: skip
        if clusters is not None and clusters.drift:
            log.warning("population %d: customers have moved away from their clusters", made.version)
