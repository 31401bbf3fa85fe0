"""What each aggregate costs: taking in an event, and showing its section of the document.

Events of all kinds: real orders and campaign clicks of Complete Journey, and the simulated visits and
service events around them. Each aggregate alone takes in what it is given on the way; each section is
shown once for every sampled state (one in ten events). CPU time, garbage collector off, medians of runs.

    python tests/bench/sections.py --households 60
"""

import argparse
import gc
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import orjson

sys.path.insert(0, str(Path(__file__).parents[2]))

from throughput import machine
from workload import SEED

from models import aggregates, codec, document
from models.attributes import Attributes
from models.baskets import baskets
from models.channels import Channels
from models.details import details
from models.engagement import Engagement
from models.events import Click, Control, Event, Order, Service, parse
from models.habits import Habits
from models.journey import Journey
from models.orders import CANCELLED, UNKNOWN, Effect, Orders
from models.promotion import Promotion
from models.satisfaction import Satisfaction
from models.service import Service as ServiceStats
from models.state import State
from models.view import View
from models.waking import next_change_ms
from streams.config import Config
from streams.local.datasets import complete_journey
from streams.local.simulate import simulate

RULES = Config().rules()
CALENDAR = RULES.calendar


class Input(NamedTuple):
    """Events by customer, and the effects their orders have."""

    events: dict[str, list[Event]]
    effects: dict[str, list[Effect]]
    states: list[State]

    def of(self, kind: type[Any]) -> list[list[Any]]:
        """Each customer's events of a kind."""
        return [[one for one in some if isinstance(one, kind)] for some in self.events.values()]


def load(households: int, seed: int) -> Input:
    """Parsed events in time order, effects of orders, and a sample of states on the way."""
    orders = list(complete_journey(households))
    raw = sorted([*orders, *simulate(orders, seed)], key=lambda event: str(event["ts"]))
    events: dict[str, list[Event]] = defaultdict(list)
    for event in raw:
        events[event["customer_id"]].append(parse(event["type"], orjson.dumps(event), latest_ms=None))
    effects: dict[str, list[Effect]] = defaultdict(list)
    states = []
    for cid, known in events.items():
        ledger, state = Orders(), State()
        for n, one in enumerate(known):
            assert not isinstance(one, Control)
            if isinstance(one, Order):
                effects[cid] += join(ledger, one)
            aggregates.apply(state, one, RULES, one.ts_ms)
            state.as_of_ms = one.ts_ms
            if n % 10 == 0:
                states.append(codec.decode(codec.encode(state)))
    return Input(dict(events), dict(effects), states)


def join(ledger: Orders, event: Order) -> list[Effect]:
    """An order event into the ledger, as `Purchases.add` does it."""
    minor = UNKNOWN if event.amount_minor is None else event.amount_minor
    if event.status == "cancelled":
        return ledger.join(event.order_hash, event.ts_ms, CANCELLED, None, CALENDAR)
    return ledger.join(event.order_hash, event.ts_ms, minor, details(event, RULES, None), CALENDAR)


def adding(given: Input) -> dict[str, tuple[Callable[[], None], int]]:
    """Name -> (taking in everything, how many events that is)."""
    clicks, services, orders = given.of(Click), given.of(Service), given.of(Order)
    answers = [
        [one for one in some if one.score is not None or one.sentiment is not None] for some in services
    ]

    def fed(groups: Iterable[list[Any]], new: Callable[[], Any], feed: Callable[[Any, Any], object]) -> Any:
        groups = list(groups)

        def run() -> None:
            for group in groups:
                one = new()
                for event in group:
                    feed(one, event)

        return run, sum(map(len, groups))

    effects, facts = list(given.effects.values()), [[{"city": "x", "age": 3}] * 1000]
    ledgers = Orders()
    return {
        "orders: details": fed(orders, list, lambda _, event: details(event, RULES, None)),
        "orders: ledger": fed(orders, Orders, join),
        "orders: habits": fed(effects, Habits, lambda one, e: one.count(e.sign, e.at_ms, CALENDAR, RULES)),
        "orders: channels": fed(
            effects, Channels, lambda one, e: one.count(e, e.details.channel if e.details else "", ledgers)
        ),
        "orders: promotion": fed(effects, Promotion, lambda one, e: one.count(e)),
        "clicks: engagement": fed(clicks, Engagement, lambda one, event: one.add(event, RULES)),
        "clicks: journey": fed(clicks, Journey, lambda one, event: one.click(event, RULES)),
        "service: service": fed(services, ServiceStats, lambda one, event: one.add(event, RULES)),
        "service: satisfaction": fed(answers, Satisfaction, lambda one, event: one.add(event)),
        "control: attributes": fed(facts, Attributes, lambda one, said: one.add(5, said)),
    }


def showing(given: Input) -> dict[str, tuple[Callable[[], None], int]]:
    """Name -> (looking at every sampled state in one way, how many there are)."""
    states = given.states
    warm = [View(state, state.as_of_ms, RULES) for state in states]
    for view in warm:
        document.document(view, "c", 0)

    def each(look: Callable[[View], object]) -> tuple[Callable[[], None], int]:
        """Of a view that knows nothing yet."""

        def run() -> None:
            for state in states:
                look(View(state, state.as_of_ms, RULES))

        return run, len(states)

    def again(look: Callable[[View], object]) -> tuple[Callable[[], None], int]:
        """Of a view whose sections are known."""

        def run() -> None:
            for view in warm:
                look(view)

        return run, len(warm)

    def judged(view: View) -> None:
        for tag in RULES.catalogue.asked(view.parts):
            tag.judge(view, view.state.tags.get(tag.id), spent=False)

    sections = (
        "rfm",
        "engagement",
        "journey",
        "preferences",
        "habits",
        "promotion",
        "service",
        "satisfaction",
    )
    return {
        "standing": each(lambda view: view.now),
        "next wake-up": each(next_change_ms),
        "tags judged": each(judged),
        "tags judged, sections known": again(judged),
        "encode": each(lambda view: codec.encode(view.state)),
        "whole document": each(lambda view: document.render(view, "c", 0)),
        "baskets, with every order": each(lambda view: baskets(view.state.orders, RULES)),
        **{f"section {name}": each(lambda view, name=name: view.section(name)) for name in sections},  # type: ignore[misc]
    }


def table(title: str, jobs: dict[str, tuple[Callable[[], None], int]], runs: int) -> None:
    """Measure and print, dearest first."""
    us: dict[str, list[float]] = defaultdict(list)
    for _ in range(runs):
        for name, (work, n) in jobs.items():
            started = time.process_time()
            work()
            us[name].append((time.process_time() - started) / max(1, n) * 1e6)
    print(f"\n| {title} | us each | times |\n|---|---|---|")
    for name in sorted(us, key=lambda name: -median(us[name])):
        print(f"| {name} | {median(us[name]):.2f} | {jobs[name][1]:,} |")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--households", type=int, default=60)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--seed", type=int, default=SEED)
    args = options.parse_args()
    given = load(args.households, args.seed)
    sizes = [len(codec.encode(state)) for state in given.states]
    print(
        f"{machine()}\nseed      {args.seed}, {sum(map(len, given.events.values())):,} events of "
        f"{len(given.events)} households, {len(given.states):,} states of {median(sizes):.0f} B (median)"
    )
    gc.disable()
    table("taking in an event", adding(given), args.runs)
    table("evaluating and showing a state", showing(given), args.runs)


if __name__ == "__main__":
    main()
