"""The fold of one customer: stored bytes and work in, the write out; and the rules by which it is done."""

import asyncio
import logging
import time
from dataclasses import replace
from secrets import token_bytes

from models import changes, codec, document, history, step
from models.catalogue.catalogue import Catalogue, set_of
from models.catalogue.load import CatalogueError, load
from models.population.codec import decode
from models.population.population import Population
from models.population.snapshot import SnapshotError
from models.rules import Rules
from models.state import State
from models.step import Arrival
from models.view import View
from streams.metrics.counts import Counts
from streams.store.contract import InForce, Store, Stored, StoreUnfit, Write
from streams.tracing.context import Traceparent

log = logging.getLogger(__name__)

TOKEN_BYTES = 8


class Folding:
    """Folds under the catalogue in force.

    Args:
        store: knows the catalogue in force, and its own epoch.
        rules: thresholds of the deployment, and the catalogue that it starts with.
        live: True where "now" is the clock, False where it is event time.
    """

    def __init__(self, store: Store, rules: Rules, *, live: bool) -> None:
        self.counts = Counts()
        self.rules = rules
        self._store = store
        self._live = live
        self._tokens: list[bytes] = []

    @property
    def revision(self) -> int:
        """Under which customers are judged."""
        return self.rules.catalogue.revision

    async def refresh(self) -> None:
        """Judge under what is in force; a deployment that has no catalogue gets ours.

        Raises:
            StoreUnfit: this version cannot read it.
            StoreError: the store did not answer.
        """
        mine, population = self.rules.catalogue, self.rules.population
        found = await self._store.in_force()
        if not found.revision:
            await self._store.apply(mine.text, 0, int(time.time() * 1000), ())
            found = await self._store.in_force()
        if (found.revision, found.text) == (mine.revision, mine.text):
            return
        if found.population != (population.version if population is not None else 0):
            population = _population(found, population)
        try:
            if found.text == mine.text:
                catalogue = Catalogue(mine.tags, mine.text, found.revision, found.since)
            else:
                catalogue = await asyncio.to_thread(load, found.text, found.revision, found.since)
        except CatalogueError as error:
            raise StoreUnfit(f"catalogue {found.since} cannot be read by this version: {error}") from None
        self.rules = replace(self.rules, catalogue=catalogue, population=population)
        version = population.version if population is not None else 0
        log.info("revision %d: catalogue %d, population %d", found.revision, found.since, version)

    def on_events(
        self,
        customer_id: str,
        stored: Stored,
        arrivals: list[Arrival],
        known_ms: int,
        traceparent: Traceparent | None = None,
    ) -> Write | None:
        """Fold events into what is stored; None where all are in there already, or make no customer."""
        state = codec.decode(stored.state) if stored.state else State()
        wake_before_ms, withdrawn_ms = state.wake_at_ms, _withdrawn_ms(state)
        applied = state.offsets
        for _, source, offset, _ in arrivals:
            if offset > applied.get(source, -1):
                break
        else:
            return None  # all of it is in there
        done = step.on_events(state, arrivals, self.rules, live=self._live)
        self.counts.repeats += done.repeats
        if done.view is None and not stored.state:
            return None  # nothing yet that makes a customer
        forgets = state.withdrawn or _withdrawn_ms(state) != withdrawn_ms  # given again since, perhaps
        return self._write(
            customer_id, stored, state, wake_before_ms, done, known_ms, traceparent, forgets=forgets
        )

    def on_wake(
        self,
        customer_id: str,
        stored: Stored,
        now_ms: int,
        known_ms: int,
        traceparent: Traceparent | None = None,
    ) -> Write | None:
        """Live through what is due, and judge anew under another catalogue; None where neither was to do."""
        if not stored.state:
            return None
        state = codec.decode(stored.state)
        wake_before_ms = state.wake_at_ms
        done = step.on_wake(state, now_ms, self.rules)
        if done.view is None:
            return None  # somebody else was here
        if 0 < wake_before_ms <= now_ms:
            self.counts.delays.observe(((known_ms if self._live else now_ms) - wake_before_ms) / 1000)
        return self._write(customer_id, stored, state, wake_before_ms, done, known_ms, traceparent)

    def _write(
        self,
        customer_id: str,
        stored: Stored,
        state: State,
        wake_before_ms: int,
        done: step.Step,
        known_ms: int,
        traceparent: Traceparent | None,
        *,
        forgets: bool = False,
    ) -> Write:
        state.version += 1
        epoch, catalogue = self._store.epoch, self.rules.catalogue
        view = done.view or View(state, state.as_of_ms, self.rules)
        told = [
            changes.render(
                change,
                customer_id,
                state.version,
                epoch,
                known_ms,
                traceparent(change.source, change.offset) if traceparent is not None else "",
            )
            for change in done.changes
        ]
        return Write(
            customer_id,
            stored.token,
            self._token(),
            codec.encode(state),
            document.render(view, customer_id, known_ms),
            None if state.wake_at_ms == wake_before_ms else state.wake_at_ms,
            told,
            _members(done, state, catalogue) if done.changes or done.is_adopted else (),
            [(change.tag, changes.kind(change)) for change in done.changes],
            None if forgets else [history.line(change, known_ms) for change in done.changes],
        )

    def _token(self) -> bytes:
        """Random bytes, drawn from the system a thousand tokens at a time."""
        if not self._tokens:
            block = token_bytes(TOKEN_BYTES * 1000)
            self._tokens = [block[i : i + TOKEN_BYTES] for i in range(0, len(block), TOKEN_BYTES)]
        return self._tokens.pop()


def _withdrawn_ms(state: State) -> int:
    return state.consent.withdrawn_ms if state.consent is not None else 0


def _members(done: step.Step, state: State, catalogue: Catalogue) -> list[tuple[str, bool]]:
    """Sets of members to join and leave; under another catalogue than before, all that are due."""
    out = []
    for change in done.changes:
        if change.tag in catalogue.members:
            if change.old is not None:
                out.append((set_of(change.tag, change.old), False))
            if change.new is not None:
                out.append((set_of(change.tag, change.new), True))
    if done.is_adopted:
        held = ((tag_id, state.tags[tag_id].value) for tag_id in catalogue.members if tag_id in state.tags)
        out += [(set_of(tag_id, value), True) for tag_id, value in held]
    return out


def _population(found: InForce, old: Population | None) -> Population | None:
    """The snapshot in force; where it cannot be read the one before: an old truth beats a broken one."""
    try:
        return Population(decode(found.snapshot)) if found.population else None
    except SnapshotError as error:
        log.error("population %d is not used: %s", found.population, error)  # noqa: TRY400 - no trace is needed
        return old
