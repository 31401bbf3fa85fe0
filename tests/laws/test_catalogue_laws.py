"""The shipped catalogue over simulated customers: evidence, flips, timers and the oracle agree.

`make check` takes a few hundred customers; the slow ones take more, and every hour of a month. How many, the
environment says: `CATALOGUE_CUSTOMERS=10000 HOURLY_CUSTOMERS=10000` is the whole proof, half an hour of it.
"""

import operator
import os
import random
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any

import pytest
from builders import DAY, HOUR, T0, arrive, control, copy, document_at, told_apart
from oracle import SHIPPED, OracleSettings, compare, event_time_ms, recompute

from models import document, lifecycle, rfm, step
from models.announcing import Change
from models.catalogue.tag import Tag
from models.rulelang import NEVER
from models.rulelang.literals import duration_ms
from models.rules import Rules
from models.state import State
from models.view import View
from streams.config import Config
from streams.local.synthetic import synthetic

Event = dict[str, Any]
RULES: Rules = Config(holidays=("11-24..11-30", "12-20..12-31"), price_edges={"tea": [200, 400, 900]}).rules()
END = T0 + 500 * DAY
MANY = int(os.environ.get("CATALOGUE_CUSTOMERS", "2500"))
HOURLY = int(os.environ.get("HOURLY_CUSTOMERS", "150"))  # asked every hour of a month: 0.2 s each
OPS = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
       ">=": operator.ge}  # fmt: skip


@lru_cache(maxsize=4)
def customers(seed: int, n: int) -> dict[str, list[Event]]:
    """Customer -> events in order of time; some have birthdays."""
    rng = random.Random(seed)
    out: dict[str, list[Event]] = {}
    for event in synthetic(seed, n, n * 24, T0, END):
        out.setdefault(event["customer_id"], []).append(event | {"ts": event_time_ms(event["ts"])})
    for cid, events in out.items():
        if rng.random() < 0.3:
            born = f"19{rng.randrange(50, 99)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
            events.insert(0, control(T0, attributes={"birthday": born}) | {"customer_id": cid})
    return out


def lived(events: list[Event], until_ms: int) -> tuple[State, list[Change]]:
    state = State()
    changes = step.on_events(state, list(arrive(events)), RULES, live=False).changes
    return state, changes + step.on_wake(state, until_ms, RULES).changes


def holding(seed: int, n: int) -> Iterator[tuple[State, Tag, View]]:
    """Every tag held, at some instant of each customer's life."""
    rng = random.Random(seed)
    for events in customers(seed, n).values():
        at_ms = rng.randrange(T0 + 30 * DAY, END)
        state, _ = lived([event for event in events if event["ts"] <= at_ms], at_ms)
        view = View(state, max(at_ms, state.as_of_ms), RULES)
        for tag in RULES.catalogue.tags:
            if tag.id in state.tags:
                yield state, tag, view


def ms_of(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def is_true(item: list[Any], at_ms: int) -> bool:
    """Whether an item of evidence is true as it stands, read by somebody who knows no rules."""
    fact, value, op, *limit = item
    if op == "unknown":
        return value is None
    if op == "in":
        return value in limit[0]
    if op in ("within", "not within"):
        today = datetime.fromisoformat(document.iso(at_ms)).date()
        days = [(today.toordinal() + ahead) for ahead in range(int(limit[0][:-1]))]
        found = any(datetime.fromordinal(day).strftime("%m-%d") == value[-5:] for day in days)
        return found == (op == "within")
    if fact.startswith("since("):
        return OPS[op](at_ms - ms_of(value), duration_ms(limit[0]))
    if isinstance(value, str) and value[:4].isdigit() and value.endswith("Z"):
        return OPS[op](ms_of(value), ms_of(limit[0]))
    return OPS[op](value, limit[0])


def check_evidence(seed: int, n: int) -> int:
    """Re-evaluating what stands in the document gives the tag that stands there."""
    seen: set[str] = set()
    checked = 0
    for _, tag, view in holding(seed, n):
        entry = document.document(view, "c", 0)["tags"][tag.id]
        items = entry["because"]
        assert items
        assert entry["rule"] == f"{tag.id}@{tag.version}"
        told = {item[0]: item[1] for item in items}
        if tag.id == "lifecycle":
            silent_ms = view.at_ms - ms_of(told["rfm.last_order_at"]) if "rfm.last_order_at" in told else 0
            names = lifecycle.VOCABULARIES["standard"]
            silent = {name for _, name in names.silence}
            threshold_ms = told["lifecycle.threshold_days"] * DAY
            assert (entry["value"] in silent) == (silent_ms >= threshold_ms)
        elif tag.id == "rfm_segment":
            assert entry["value"] == rfm.segment(told["rfm.r"], told["rfm.f"], told["rfm.m"])
        elif tag.id == "churn_risk":
            silent_ms = view.at_ms - ms_of(told["rfm.last_order_at"])
            days = [silent_ms >= one * DAY for one in RULES.churn_days]
            assert entry["value"] == ("low", "medium", "high")[sum(days)]
        elif tag.id == "monthly_spend":
            value = told['rfm.windows["90d"].monetary_minor / 3']
            assert entry["value"] == value // 5_000 * 5_000
        else:
            assert all(is_true(item, view.at_ms) for item in items), (tag.id, items)
        seen.add(tag.id)
        checked += 1
    assert len(seen) >= 28, sorted(RULES.catalogue.by_id.keys() - seen)
    return checked


def check_flips(seed: int, n: int) -> int:
    """What a document foretells comes true to the millisecond if nothing happens."""
    flips = 0
    for state, tag, view in holding(seed, n):
        held = state.tags[tag.id]
        entry = document.document(view, "c", 0)["tags"][tag.id]
        until_ms = ms_of(entry["until"]) if "until" in entry else 0
        assert tag.until_ms(view, held, spent=False) == (until_ms or NEVER)
        alone = copy(state)
        changes = step.on_wake(alone, until_ms or view.at_ms + 800 * DAY, RULES).changes
        mine = [change for change in changes if change.tag == tag.id]
        assert [change.at_ms for change in mine] == ([until_ms] if until_ms else [])
        if until_ms:
            assert (mine[0].old, mine[0].source) == (held.value, "")
            flips += 1
    return flips


def check_hours(seed: int, n: int, days: int) -> int:
    """Asking every customer every hour finds nothing that the timers did not announce at its instant."""
    announced = 0
    for events in customers(seed, n).values():
        start_ms = events[len(events) // 2]["ts"]
        state, _ = lived([event for event in events if event["ts"] <= start_ms], start_ms)
        end_ms = start_ms + days * DAY
        timed = step.on_wake(copy(state), end_ms, RULES).changes
        values = {tag_id: held.value for tag_id, held in state.tags.items()}
        todo = list(timed)
        shadow = copy(state)
        for at_ms in range(start_ms + HOUR, end_ms + 1, HOUR):
            while todo and todo[0].at_ms <= at_ms:
                change = todo.pop(0)
                values = {**values, change.tag: change.new}
                announced += 1
            step.on_wake(shadow, at_ms, RULES)  # keeps what memory there is: dwell, spent
            view = View(shadow, at_ms, RULES)
            for tag in RULES.catalogue.tags:
                held = shadow.tags.get(tag.id)
                left = shadow.left.get(tag.id)
                spent = held is None and left is not None and left.spent
                assert tag.judge(view, held, spent)[0] == values.get(tag.id), (tag.id, at_ms)
        assert not todo
    return announced


def test_the_stored_evidence_gives_the_stored_tag(seed: int) -> None:
    assert check_evidence(seed, 250) > 1_000


def test_a_foretold_flip_comes_true_to_the_millisecond(seed: int) -> None:
    assert check_flips(seed + 1, 120) > 150


def test_no_hour_shows_a_change_that_no_timer_announced(seed: int) -> None:
    assert check_hours(seed + 2, 24, 12) > 5


def test_the_oracle_reads_the_catalogue_the_same_way(seed: int) -> None:
    rng = random.Random(seed)
    numbers = {"holidays": ("11-24..11-30", "12-20..12-31"), "price_edges": {"tea": [200, 400, 900]}}
    settings = OracleSettings(catalogue_text=SHIPPED, **numbers)
    compared: set[str] = set()
    for cid, events in customers(seed + 3, 120).items():
        at_ms = rng.randrange(T0 + 30 * DAY, END)
        known = told_apart([event for event in events if event["ts"] <= at_ms])
        if not known:
            continue
        expected = recompute(known, at_ms, settings=settings)[cid]
        doc = document_at(lived(known, at_ms)[0], at_ms, RULES)
        assert compare(expected, doc) == []
        compared |= {tag for tag, value in expected["tags"].items() if value is not None}
    assert len(compared) >= 18, compared


def test_what_cannot_be_held_is_not_asked_and_would_not_be_held(seed: int) -> None:
    passed_over = 0
    for events in customers(seed + 4, 60).values():
        state, _ = lived(events[: 1 + len(events) // 3], END)
        view = View(state, state.as_of_ms, RULES)
        asked = RULES.catalogue.asked(view.parts)
        for tag in RULES.catalogue.tags:
            if tag not in asked:
                assert tag.judge(view, None, False) == (None, NEVER)
                passed_over += 1
    assert passed_over > 100


@pytest.mark.slow
@pytest.mark.timeout(max(1_800, MANY))  # 45 s of computing, which others may slow down twenty times
def test_evidence_and_flips_of_many_customers(seed: int) -> None:
    evidence, flips = check_evidence(seed, MANY), check_flips(seed, MANY)
    print(
        f"seed {seed}: {MANY:,} customers, evidence of {evidence:,} tags, {flips:,} flips to the millisecond"
    )


@pytest.mark.slow
@pytest.mark.timeout(max(1_800, HOURLY))
def test_every_hour_of_a_month(seed: int) -> None:
    announced = check_hours(seed, HOURLY, 31)
    print(f"seed {seed}: {HOURLY:,} customers, every hour of 31 days, {announced:,} changes, none missed")
