"""What one order costs in the pure path, without broker and store, by part.

The whole path (intake and processor over the in-memory store) is timed first; then each part alone over
the inputs it had on that way. CPU time of the process, the garbage collector off; medians of the runs.
"rest" is what the parts do not explain: grouping, tokens, the cache, the loop itself.

    python tests/bench/fold.py --events 20000 --batch 4000
"""

import argparse
import asyncio
import gc
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from throughput import machine
from workload import SEED, make

from models import aggregates, changes, codec, document, step
from models.announcing import Change
from models.events import parse
from models.rules import Rules
from models.state import State
from models.view import View
from models.waking import next_change_ms
from streams.config import Config
from streams.decoding import Decoding
from streams.intake import Intake
from streams.lane import DeadLetter
from streams.processor import Processor
from streams.store.contract import Store, Write
from streams.store.memory import MemoryStore

TP = ("orders", 0)
FUTURE_MS = 300_000


@dataclass(slots=True)
class Fetched:
    """A record as a Kafka client hands it out."""

    offset: int
    timestamp: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


class Fold(NamedTuple):
    """One customer in one batch: what `Processor` was given and what came of it."""

    customer_id: str
    before: bytes
    arrivals: list[step.Arrival]
    decided: list[Change]
    after: bytes


def batches(values: list[bytes], size: int, now_ms: int) -> list[list[Fetched]]:
    records = [Fetched(i, now_ms, value) for i, value in enumerate(values)]
    return [records[i : i + size] for i in range(0, len(records), size)]


def whole_path(fetched: list[list[Fetched]], now_ms: int, rules: Rules) -> tuple[float, MemoryStore]:
    """CPU seconds of intake and processor."""

    async def no_dead_letters(letters: object) -> None:
        if letters:
            raise AssertionError(letters)

    async def run(store: Store) -> float:
        intake = Intake(Decoding(Config()).event, live=True, future_limit_ms=FUTURE_MS)
        processor = Processor(store, rules, live=True, dead_letter=no_dead_letters, cache_size=200_000)
        intake.assign({TP: 0}, {})
        started = time.process_time()
        for records in fetched:
            _feed(intake, records, now_ms)
            ready = intake.release()
            await processor.apply(ready, lambda: True)
            intake.applied(ready)
        return time.process_time() - started

    store = MemoryStore(64)
    return asyncio.run(run(store)), store


def _feed(intake: Intake, records: list[Fetched], now_ms: int) -> None:
    intake.feed(TP, records, now_ms)
    intake.ends({TP: (None, records[-1].offset + 1)})


def folds(fetched: list[list[Fetched]], now_ms: int, rules: Rules) -> list[Fold]:
    """The same way once more, written down."""
    intake = Intake(Decoding(Config()).event, live=True, future_limit_ms=FUTURE_MS)
    intake.assign({TP: 0}, {})
    stored: dict[str, bytes] = {}
    out = []
    for records in fetched:
        _feed(intake, records, now_ms)
        ready = intake.release()
        assert not any(isinstance(letter, DeadLetter) for letter in ready.dead)
        for customer_id, arrivals in ready.arrivals.items():
            before = stored.get(customer_id, b"")
            state = codec.decode(before) if before else State()
            decided = step.on_events(state, arrivals, rules, live=True).changes
            state.version += 1
            stored[customer_id] = codec.encode(state)
            out.append(Fold(customer_id, before, arrivals, decided, stored[customer_id]))
        intake.applied(ready)
    return out


def cost(work: Callable[[], Any]) -> float:
    """CPU seconds of a piece of work."""
    started = time.process_time()
    work()
    return time.process_time() - started


def parts(fetched: list[list[Fetched]], done: list[Fold], now_ms: int, rules: Rules) -> dict[str, float]:
    """CPU seconds of each part over the whole corpus."""

    def parsed() -> None:
        for records in fetched:
            for record in records:
                parse("order", record.value, latest_ms=now_ms + FUTURE_MS, currency="USD")

    def taken_in() -> None:
        intake = Intake(Decoding(Config()).event, live=True, future_limit_ms=FUTURE_MS)
        intake.assign({TP: 0}, {})
        for records in fetched:
            _feed(intake, records, now_ms)
            intake.applied(intake.release())

    def fresh() -> list[State]:
        return [codec.decode(fold.before) if fold.before else State() for fold in done]

    def folded(states: list[State]) -> None:
        for state, fold in zip(states, done, strict=True):
            step.on_events(state, fold.arrivals, rules, live=True)

    def counted(states: list[State]) -> None:
        for state, fold in zip(states, done, strict=True):
            for arrival in fold.arrivals:
                aggregates.apply(state, arrival.event, rules, arrival.mark_ms)  # type: ignore[arg-type]

    after = [codec.decode(fold.after) for fold in done]
    views = [View(state, state.as_of_ms, rules) for state in after]
    rendered = [(change, fold.customer_id) for fold in done for change in fold.decided]
    parse_s = cost(parsed)
    out = {"parse": parse_s, "intake without parse": cost(taken_in) - parse_s}
    out["decode"] = cost(fresh)
    states, again = fresh(), fresh()
    aggregate_s = cost(lambda: counted(again))
    out["fold: aggregates"] = aggregate_s
    out["fold: evaluate and rest"] = cost(lambda: folded(states)) - aggregate_s
    out["encode"] = cost(lambda: [codec.encode(state) for state in after])
    out["document"] = cost(
        lambda: [
            document.render(view, fold.customer_id, now_ms) for view, fold in zip(views, done, strict=True)
        ]
    )
    out["changes"] = cost(
        lambda: [changes.render(change, customer_id, 1, "bench", now_ms) for change, customer_id in rendered]
    )
    # Of "evaluate", for orientation, once a customer and batch:
    out["(one standing)"] = cost(lambda: [View(state, state.as_of_ms, rules).now for state in after])
    out["(one next wake-up)"] = cost(lambda: [next_change_ms(view) for view in views])
    return out


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--events", type=int, default=20_000)
    options.add_argument("--batch", type=int, default=4_000)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--seed", type=int, default=SEED)
    args = options.parse_args()
    rules = Config().rules()
    now_ms = int(time.time() * 1000)
    workload = make(args.events, args.seed, now_ms)
    fetched = batches([value for _, _, value in workload.rows], args.batch, now_ms)
    done = folds(fetched, now_ms, rules)
    gc.disable()
    whole: list[float] = []
    by_part: dict[str, list[float]] = {}
    for _ in range(args.runs):
        seconds, store = whole_path(fetched, now_ms, rules)
        whole.append(seconds)
        written: list[Write] = list(store.profiles.values())
        for name, part_s in parts(fetched, done, now_ms, rules).items():
            by_part.setdefault(name, []).append(part_s)
    n = args.events
    total = median(whole) / n * 1e6
    us = {name: median(seconds) / n * 1e6 for name, seconds in by_part.items()}
    us["rest"] = total - sum(value for name, value in us.items() if not name.startswith("("))
    state_b, doc_b = median(len(w.state) for w in written), median(len(w.doc) for w in written)
    print(
        f"{machine()}\n"
        f"seed      {args.seed}, {n:,} orders in batches of {args.batch:,}, {len(done):,} folds, "
        f"{sum(len(fold.decided) for fold in done):,} changes, {args.runs} runs; "
        f"state {state_b:.0f} B, document {doc_b:.0f} B"
    )
    print("\n| part | us/order | share |\n|---|---|---|")
    for name, value in sorted(us.items(), key=lambda item: (item[0].startswith("("), -item[1])):
        print(f"| {name} | {value:.2f} | {value / total:.0%} |")
    print(f"| **whole path** | {total:.2f} ({min(whole) / n * 1e6:.2f}-{max(whole) / n * 1e6:.2f}) | "
          f"{1e6 / total:,.0f} orders/s |")  # fmt: skip


if __name__ == "__main__":
    main()
