"""The console's arithmetic: rates and quantiles of many processes, the light, counts by step, the plane."""

import random
from collections import Counter
from math import hypot, inf
from typing import Any

import numpy as np
import orjson
import pytest
from builders import DAY, T0
from hypothesis import given
from hypothesis import strategies as st

from models.announcing import Change
from models.changes import render
from streams.console import moves, past
from streams.console.figures import PREFIX, QUANTILES_MS, Crowd, Labels, Reading, quantile
from streams.console.moves import COARSE, FINE, Moves
from streams.console.notes import MOST_VALUES, OTHER, Notes, letter, net
from streams.console.projection import main_axes, plane
from streams.console.slo import verdict

APPLIED = f"{PREFIX}events_applied_total"
VISIBLE = f"{PREFIX}event_to_visible_seconds"


def topic(name: str) -> Labels:
    return (("topic", name),)


def said(at_ms: int, **applied: float) -> Reading:
    return Reading(at_ms, {(APPLIED, topic(name)): value for name, value in applied.items()})


# -- figures -----------------------------------------------------------------------------------------------


def test_a_rate_is_the_sum_of_what_each_process_did_in_its_own_time() -> None:
    crowd = Crowd()
    for n in range(4):
        crowd.take("worker", "a", said(1_000 + 2_000 * n, orders=100.0 * n, clicks=0.0))
        crowd.take("worker", "b", said(1_900 + 2_000 * n, orders=50.0 * n))
    assert crowd.rates(APPLIED, "topic") == {"orders": 75.0, "clicks": 0.0}


def test_what_is_read_twice_counts_once_and_a_rate_forgets() -> None:
    crowd = Crowd()
    for at_ms, value in ((0, 0), (2_000, 1_000), (2_000, 1_000), (4_000, 1_000), (6_000, 1_000)):
        crowd.take("worker", "a", said(at_ms, orders=value))
    assert crowd.rates(APPLIED) == {"": pytest.approx(1_000 / 6)}
    for at_ms in (8_000, 10_000):
        crowd.take("worker", "a", said(at_ms, orders=1_000))
    assert crowd.rates(APPLIED) == {"": 0.0}


def test_a_counter_that_begins_anew_counts_from_nothing() -> None:
    crowd = Crowd()
    for at_ms, value in ((0, 900), (2_000, 1_000), (4_000, 40)):
        crowd.take("worker", "a", said(at_ms, orders=value))
    assert crowd.rates(APPLIED) == {"": (100 + 40) / 4}


def test_one_word_alone_is_no_rate_and_the_dead_are_forgotten() -> None:
    crowd = Crowd()
    crowd.take("worker", "a", said(0, orders=500))
    crowd.take("trainer", "t", said(0))
    assert crowd.rates(APPLIED) == {}
    crowd.keep([("trainer", "t")])
    assert [(one.role, one.name) for one in crowd] == [("trainer", "t")]


def test_of_two_that_speak_of_one_partition_the_later_one_is_believed() -> None:
    lag, labels = f"{PREFIX}lag_records", (("partition", "0"), ("topic", "orders"))
    crowd = Crowd()
    crowd.take("worker", "new", Reading(5_000, {(lag, labels): 3.0}))
    crowd.take("worker", "old", Reading(4_000, {(lag, labels): 90.0}))
    assert crowd.gauges(lag) == {labels: 3.0}


def test_a_quantile_is_of_what_happened_lately_in_all_processes() -> None:
    def buckets(at_ms: int, fast: int, slow: int) -> Reading:
        counts = {"0.1": fast, "1.0": fast + slow, "+Inf": fast + slow}
        labels = {edge: (("le", edge), ("topic", "orders")) for edge in counts}
        return Reading(at_ms, {(f"{VISIBLE}_bucket", labels[edge]): n for edge, n in counts.items()})

    crowd = Crowd()
    for at_ms, fast, slow in (
        (0, 0, 10_000),
        (QUANTILES_MS * 2, 0, 10_000),
        (QUANTILES_MS * 2 + 2_000, 90, 10_000),
    ):
        crowd.take("worker", "a", buckets(at_ms, fast, slow))
    crowd.take("worker", "b", buckets(0, 0, 0))
    crowd.take("worker", "b", buckets(2_000, 0, 10))
    middle, slow = crowd.quantiles(VISIBLE, (0.45, 0.95))
    assert middle == pytest.approx(0.1 * 45 / 90)
    assert slow == pytest.approx(0.1 + 0.9 * 5 / 10)
    assert crowd.quantiles(f"{PREFIX}timer_delay_seconds", (0.5,)) == [None]


@given(st.lists(st.floats(0.001, 9.9), min_size=1, max_size=60), st.floats(0.01, 0.99))
def test_a_quantile_lies_in_the_bucket_of_the_value_it_stands_for(values: list[float], share: float) -> None:
    edges = [0.01, 0.1, 0.5, 1.0, 5.0, 10.0]
    counted = {edge: float(sum(value <= edge for value in values)) for edge in (*edges, inf)}
    found = quantile(counted, share)
    assert found is not None
    rank = int(np.ceil(share * len(values))) - 1  # 0.28 of 25 are a little more than seven here, too
    true = sorted(values)[rank]
    upper = next(edge for edge in edges if true <= edge)
    lower = max([0.0, *(edge for edge in edges if edge < upper)])
    assert lower - 1e-9 <= found <= upper + 1e-9


def test_beyond_the_last_edge_a_quantile_is_that_edge() -> None:
    assert quantile({1.0: 0, inf: 5}, 0.5) == 1.0
    assert quantile({}, 0.5) is None


# -- the light ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lag_s", "facts", "state", "why"),
    [
        (0.1, {}, "ok", []),
        (2.6, {}, "warn", ["lagging"]),
        (5.1, {}, "bad", ["stale"]),
        (None, {}, "unknown", ["no_lag"]),
        (0.0, {"is_there": False}, "unknown", ["no_deployment"]),
        (0.0, {"workers": 0}, "bad", ["no_worker"]),
        (9.0, {"workers": 0, "durable": False}, "bad", ["no_worker", "stale", "not_durable"]),
        (0.0, {"held_back": True}, "bad", ["held_back"]),
        (0.0, {"dead_per_s": 0.1}, "warn", ["dead_letters"]),
        (0.0, {"outbox": 11.0}, "warn", ["outbox_waits"]),
        (0.0, {"delay": 6.0}, "warn", ["timers_late"]),
        (None, {"dead_per_s": 1}, "unknown", ["no_lag", "dead_letters"]),
    ],
)
def test_the_light_says_whether_profiles_are_fresh_and_why(
    lag_s: float | None, facts: dict[str, Any], state: str, why: list[str]
) -> None:
    live = {
        "lag": {"seconds": lag_s},
        "outbox": {"oldest_s": facts.pop("outbox", 0.0)},
        "timers": {"delay_p99_s": facts.pop("delay", None)},
    }
    known = {
        "is_there": True,
        "workers": 1,
        "held_back": False,
        "durable": True,
        "lag_slo_s": 5.0,
        "dead_per_s": 0,
    }
    assert verdict(live, known | facts) == {"state": state, "why": why}


# -- notes and moves ---------------------------------------------------------------------------------------


def record(
    seq: int, tag: str, old: Any, new: Any, known_ms: int = T0, corrects: tuple[int, ...] = ()
) -> bytes:
    one = Change(seq, tag, 1, old, new, [["f", seq]], T0 - DAY, "orders/0", seq, corrects)
    return render(one, "客 1", 1, "epoch", known_ms)


def test_a_change_becomes_a_row_and_counts_once() -> None:
    notes = Notes()
    found = notes.change(record(3, "lifecycle", "new", "active", T0 + 5))
    assert found is not None
    assert found.row == {
        "id": orjson.loads(record(3, "lifecycle", "new", "active"))["id"], "seq": 3, "customer_id": "客 1",
        "tag": "lifecycle", "old": "new", "new": "active", "direction": "changed", "at_ms": T0 - DAY,
        "known_ms": T0 + 5, "because": [["f", 3]], "cause": {"topic": "orders", "partition": 0, "offset": 3},
        "rule": "lifecycle@1",
    }  # fmt: skip
    assert sorted(found.counts) == [
        '+:lifecycle:"active"',
        '-:lifecycle:"new"',
        "d:changed:lifecycle",
        "s:new:active",
    ]
    assert notes.change(record(3, "lifecycle", "new", "active", T0 + 5)) is None, "delivered twice"


@pytest.mark.parametrize(
    "value", [None, b"", b"{", b"[]", b'{"id":"x"}', b'{"id":"x","data":{}}', b'{"id":1,"data":null}']
)
def test_what_is_no_change_or_no_letter_is_left_out(value: bytes | None) -> None:
    assert Notes().change(value) is None
    assert letter(value) is None


def test_a_letter_has_no_payload_and_a_reason_of_ours() -> None:
    whole = {"topic": "orders", "partition": 1, "offset": 5, "reason": "not_json", "field": "",
             "payload_bytes": 3, "payload_sha256": "ab", "payload": "secret"}  # fmt: skip
    found = letter(orjson.dumps(whole))
    assert found == {name: value for name, value in whole.items() if name != "payload"}
    strange = letter(orjson.dumps(whole | {"reason": "<script>"}))
    assert strange is not None
    assert strange["reason"] == "other"


def test_values_of_a_tag_are_few_and_numbers_are_all_alike() -> None:
    notes = Notes()
    texts = Counter[str]()
    for n in range(MOST_VALUES + 9):
        found = notes.change(record(n, "city", None, f"town {n}"))
        assert found is not None
        texts.update(field for field in found.counts if field.startswith("+"))
    assert len(texts) == MOST_VALUES + 1
    assert texts[f"+:city:{orjson.dumps(OTHER).decode()}"] == 9
    number = notes.change(record(1_000, "spend", 5.0, 7.5))
    assert number is not None
    assert sorted(number.counts) == ["+:spend:null", "-:spend:null", "d:changed:spend"]


def test_counts_of_a_random_story_agree_with_a_plain_count(seed: int) -> None:
    """Holders, directions, values and stages of many changes, against sets of customers."""
    rng = random.Random(seed)
    notes, counts = Notes(), Counter[str]()
    held: dict[str, dict[int, Any]] = {"vip": {}, "lifecycle": {}}
    expected = Counter[tuple[str, str]]()
    pairs = Counter[tuple[Any, Any]]()
    for seq in range(900):
        tag = rng.choice(list(held))
        who, mine = rng.randrange(30), held[tag]
        old = mine.get(who)
        choices = [None, True] if tag == "vip" else [None, "new", "active", "lost"]
        new = rng.choice([value for value in choices if value != old])
        corrects = (1,) if rng.random() < 0.1 else ()
        found = notes.change(record(seq, tag, old, new, T0, corrects))
        assert found is not None
        counts.update(found.counts)
        way = "corrected" if corrects else "entered" if old is None else "left" if new is None else "changed"
        expected[tag, way] += 1
        if tag == "lifecycle":
            pairs[old, new] += 1
        mine.pop(who, None)
        if new is not None:
            mine[who] = new
    counts.update(net(counts))
    ways = moves.by_direction(counts)
    assert {(tag, way): n for tag, found in ways.items() for way, n in found.items() if n} == dict(expected)
    for tag, mine in held.items():
        assert counts[f"n:{tag}"] == len(mine)
        values = Counter(mine.values())
        for (name, value), (gained, lost) in moves.by_value(counts).items():
            if name == tag:
                assert gained - lost == values[value]
    assert {(row["from"], row["to"]): row["customers"] for row in moves.flows(counts)} == dict(pairs)


def test_steps_have_no_gaps_and_holders_are_counted_backwards() -> None:
    ten = FINE * 1000
    now_ms = T0 + 4 * ten + 3_000
    first = T0 // ten
    steps = {
        first: Counter({"d:entered:vip": 5, "n:vip": 5}),
        first + 3: Counter({"d:left:vip": 2, "n:vip": -2, "d:entered:new": 1}),
    }
    found = Moves(FINE, first, steps, now_ms)
    assert found.span_s == 43
    times = moves.tag_times(found)
    assert times["at_ms"] == [T0 + n * ten for n in range(5)]
    assert times["entered"] == {"vip": [5, 0, 0, 0, 0], "new": [0, 0, 0, 1, 0]}
    assert times["left"] == {"vip": [0, 0, 0, 2, 0], "new": [0, 0, 0, 0, 0]}
    over = moves.holders_over_time(found, "vip", 10)
    assert over["at_ms"] == [T0, *(T0 + n * ten for n in range(1, 5)), now_ms]
    assert over["customers"] == [7, 12, 12, 12, 10, 10]
    assert moves.tag_times(Moves(COARSE, 0, {}, now_ms)) == {"at_ms": [], "entered": {}, "left": {}}


def test_an_instant_counts_in_the_steps_that_are_still_kept() -> None:
    now_ms = T0 + 26 * 3_600_000
    assert moves.steps_of(now_ms, now_ms) == [(FINE, now_ms // 10_000), (COARSE, now_ms // 60_000)]
    assert moves.steps_of(now_ms - 3_600_000, now_ms) == [(COARSE, (now_ms - 3_600_000) // 60_000)]
    assert moves.steps_of(T0, now_ms) == []
    assert moves.is_late(COARSE, T0 // 60_000, T0 + 300_000)
    assert not moves.is_late(COARSE, T0 // 60_000, T0 + 61_000)


def test_steps_in_one_are_means_of_rates_and_the_worst_of_lag_and_latency() -> None:
    some: list[past.Step] = [
        {"t": 0, "e": [2, 0, 0, 0], "l": None, "p": 5.0, "d": 1, "c": 3},
        {"t": 1, "e": [4, 1, 0, 0], "l": 2.0, "p": None, "d": 0, "c": 1},
    ]
    assert past.merged(some, 7) == {"t": 7, "e": [3, 0.5, 0, 0], "l": 2.0, "p": 5.0, "d": 0.5, "c": 2}
    nothing = [step | {"l": None, "p": None} for step in some]
    assert (past.merged(nothing, 7)["l"], past.merged(nothing, 7)["p"]) == (None, None)


# -- the plane ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [2, 3, 6, 12])
def test_axes_are_those_of_a_numerical_library(k: int, seed: int) -> None:
    rng = np.random.default_rng(seed + k)
    points, weights = rng.normal(size=(k, 3)) * (3, 1, 0.3), rng.uniform(0.1, 1, k)
    mean = np.average(points, axis=0, weights=weights)
    around = points - mean
    matrix = (around * weights[:, None]).T @ around / weights.sum()
    values, vectors = np.linalg.eigh(matrix)
    mine = np.array(main_axes(matrix.tolist()))
    for place, axis in enumerate(mine):
        assert abs(axis @ vectors[:, -1 - place]) == pytest.approx(1, abs=1e-6) or values[-1 - place] < 1e-9
    found = np.array(plane(points.tolist(), weights.tolist()))
    for one in range(k):
        for other in range(k):
            shown = hypot(*(found[one] - found[other]))
            assert shown <= np.linalg.norm(points[one] - points[other]) + 1e-9
    spread = np.average(found**2, axis=0, weights=weights)
    assert spread == pytest.approx(values[::-1][:2], abs=1e-9)


def test_a_plane_of_nothing_or_of_one_point() -> None:
    assert plane([], []) == []
    assert plane([(1.0, 2.0, 3.0)], [1.0]) == [(0.0, 0.0)]
