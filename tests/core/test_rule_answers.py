"""Rules asked at an instant, and their flips, held against asking at every instant."""

import operator
import random
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from models.rulelang import NEVER, Keyed, Reader, Rule, RuleError, Scope, Type, compiled, parse
from models.rulelang.literals import duration_ms
from models.rulelang.nodes import Field

DAY_MS = 86_400_000
T0 = 1_700_006_400_000  # a midnight
NUMBER, DURATION, INSTANT, TEXT, FLAG, YEARDAY = (
    Type(kind) for kind in ("number", "duration", "instant", "text", "flag", "yearday")
)
SCOPE = Scope(
    fields={"n": NUMBER, "m": NUMBER, "gap": DURATION, "last": INSTANT, "seen": INSTANT, "stage": TEXT,
            "vip": FLAG, "gone": NUMBER, "born": YEARDAY},
    maps={"steps": Keyed(INSTANT), "share": Keyed(NUMBER)},
    counts={"orders": 32, "clicks": 32},
)  # fmt: skip


@dataclass(frozen=True)
class World:
    """Facts for tests: a field is a value, or a list of (instant, value from then on)."""

    at_ms: int = T0
    known: dict[str, Any] = field(default_factory=dict)
    happened: dict[str, list[int]] = field(default_factory=dict)

    def _steps(self, path: str, key: str | None) -> Any:
        return self.known.get(path if key is None else f"{path}[{key}]")

    def get(self, path: str, key: str | None) -> Any:
        found = self._steps(path, key)
        if not isinstance(found, list):
            return found
        i = bisect_right([at for at, _ in found], self.at_ms)
        return found[i - 1][1] if i else None

    def moves_at(self, path: str, key: str | None) -> int:
        found = self._steps(path, key)
        later = [at for at, _ in found if at > self.at_ms] if isinstance(found, list) else []
        return min(later, default=NEVER)

    def times(self, subject: str) -> Sequence[int]:
        return self.happened.get(subject, [])

    def today(self) -> date:
        return datetime.fromtimestamp(self.at_ms / 1000, UTC).date()

    def start_of_day_ms(self, ahead: int) -> int:
        day = self.today() + timedelta(days=ahead)
        return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)

    def later(self, at_ms: int) -> "World":
        return replace(self, at_ms=at_ms)


def bind(one: Field) -> Reader:
    """Some fields may move, to the same value too; each may be of any type."""
    path, key = one.path, one.key
    moves = (lambda w: w.moves_at(path, key)) if path in {"n", "seen", "vip", "stage", "gone"} else None
    return Reader(lambda w: w.get(path, key), moves, is_sure=False, is_typed=False)


def rule(text: str) -> Rule:
    return compiled(parse(text, SCOPE), bind)


def holds(text: str, **known: Any) -> bool:
    return rule(text).holds(World(known=known))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n == 3", True),
        ("1 < n <= 3 and not m > 2", True),
        ("n >= 4 or vip", True),
        ("vip == false", False),
        ("n + 1 >= m * 2", True),
        ("n / m > 2", False),
        ("gap / 1d >= 2", True),
        ("gap + 1d < 4d", True),
        ('stage in {"new", "lost"}', True),
        ('stage not in {"new", "lost"}', False),
        ('steps["browse"] < last', True),
        ('share["app"] >= 0.5', True),
        ("known(n) and not known(gone)", True),
        ("since(last) >= 1h", True),
        ("since(last) > 1h", False),
    ],
)
def test_known_values_answer_as_they_read(text: str, expected: bool) -> None:
    known = {"n": 3, "m": 2, "vip": True, "gap": 2 * DAY_MS, "stage": "lost", "last": T0 - 3_600_000,
             "steps[browse]": T0 - DAY_MS, "share[app]": 0.5}  # fmt: skip
    assert holds(text, **known) is expected


@pytest.mark.parametrize("text", ["gone > 1", "gone != 1", "gone in {1}", "gone not in {1}", "n / m > 0",
                                  "n + gone > 0", "since(last) < 9d", 'within(born, 7d)', "vip",
                                  'stage == "x"'])  # fmt: skip
def test_what_is_unknown_or_of_another_type_is_false_and_its_opposite_true(text: str) -> None:
    known = {"n": 1, "m": 0, "vip": "yes", "stage": 7, "born": "soon", "last": "yesterday"}
    assert not holds(text, **known)
    assert holds(f"not ({text})", **known)


def test_counting_looks_at_the_window_that_ends_now() -> None:
    world = World(happened={"orders": [T0 - 3_600_000, T0 - 5_000, T0]})
    for text, expected in (("== 2", True), ("== 3", False)):
        assert rule(f"count(orders, 1h) {text}").holds(world) is expected  # the oldest has just left
    assert rule("count(orders, 61m) == 3").holds(world)
    assert not rule("count(clicks, 1h) > 0").holds(world)


@pytest.mark.parametrize(
    ("born", "today", "days", "flip"),
    [
        ("1990-11-20", "2023-11-15", 7, "2023-11-21"),  # holds until the day is over
        ("1990-11-30", "2023-11-15", 7, "2023-11-24"),
        ("11-15", "2023-11-15", 1, "2023-11-16"),
        ("01-02", "2023-12-20", 7, "2023-12-27"),
        ("2000-02-29", "2023-02-20", 7, "2023-02-22"),  # 28 February in a common year
        ("2000-02-29", "2024-02-20", 7, "2024-02-23"),
    ],
)
def test_a_yearly_day_comes_within(born: str, today: str, days: int, flip: str) -> None:
    world = World(
        at_ms=int(datetime.fromisoformat(f"{today}T13:00+00:00").timestamp() * 1000), known={"born": born}
    )
    expected = int(datetime.fromisoformat(f"{flip}T00:00+00:00").timestamp() * 1000)
    assert rule(f"within(born, {days}d)").flips_at(world) == expected


@pytest.mark.parametrize("text", ["since(last) / 1d > 3", "since(last) - since(seen) > 1d",
                                  "since(last) + 1d > 3d", "since(last) in {1d}"])  # fmt: skip
def test_a_since_that_could_not_be_solved_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(RuleError, match=r"must stand alone") as caught:
        rule(text)
    assert (caught.value.line, caught.value.column) >= (1, 1)


SHAPES = [
    "since(last) >= {d}s", "since(last) < {d}s", "since(last) > gap", "{d}s >= since(seen)",
    "since(last) == {d}s", "since(last) > since(seen)", "count(orders, {d}s) >= {n}",
    "count(clicks, {d}s) < {n}", "count(orders, {d}s) == count(clicks, {d}s)", "n >= {n}", "m != {n}",
    'stage == "a"', "vip", 'steps["a"] < last', 'since(steps["a"]) >= {d}s', "known(gone)",
]  # fmt: skip


def some_rule(rng: random.Random, depth: int = 0) -> str:
    if depth == 3 or rng.random() < 0.3:
        return rng.choice(SHAPES).format(d=rng.randrange(1, 9), n=rng.randrange(1, 4))
    parts = [some_rule(rng, depth + 1) for _ in range(rng.randrange(2, 4))]
    joined = f" {rng.choice(['and', 'or'])} ".join(parts)
    return f"not ({joined})" if rng.random() < 0.3 else f"({joined})"


def some_world(rng: random.Random) -> World:
    def instants(n: int) -> list[int]:
        return sorted(T0 + rng.randrange(-6_000, 3_000) for _ in range(n))

    def moving(values: list[Any]) -> Any:
        return [(at, rng.choice(values)) for at in sorted(set(instants(rng.randrange(4))))]

    known = {
        "last": rng.choice(instants(1)), "seen": moving(instants(2)), "steps[a]": rng.choice(instants(1)),
        "gap": rng.randrange(1, 5_000), "n": moving([1, 2, 3]), "m": 2, "vip": moving([True, False]),
        "stage": moving(["a", "b"]), "gone": moving([1]),
    }  # fmt: skip
    known = {name: value for name, value in known.items() if rng.random() < 0.9}
    past = [[at for at in instants(rng.randrange(8)) if at <= T0] for _ in range(2)]
    happened = dict(zip(("orders", "clicks"), past, strict=True))
    return World(known=known, happened=happened)


def test_a_flip_is_the_first_instant_with_another_answer(seed: int) -> None:
    rng, flips, firm = random.Random(seed), 0, 0
    for _ in range(300):
        one, world = rule(some_rule(rng)), some_world(rng)
        value, found = one.holds(world), one.flips_at(world)
        end_ms = found or T0 + 20_000
        assert all(one.holds(world.later(at_ms)) == value for at_ms in range(T0, end_ms, 7))
        assert one.holds(world.later(end_ms - 1)) == value
        if found:
            flips += 1
            assert one.holds(world.later(found)) != value
        end_ms = abs(one.sign(world))
        assert T0 < end_ms <= (found or NEVER)
        if one.firm[value]:
            assert end_ms == (found or NEVER)
            firm += 1
        holds_as_told(one, world)
    assert min(flips, firm) > 30


OPS = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
       ">=": operator.ge}  # fmt: skip


def holds_as_told(one: Rule, world: World) -> None:
    """Each item of the evidence is true as it stands."""
    items = one.evidence(world, one.holds(world))
    assert items
    for fact, value, op, *limit in items:
        if op == "unknown":
            assert (value, limit) == (None, [])
        elif fact.startswith("since("):
            from_ms = round(datetime.fromisoformat(value).timestamp() * 1000)
            (told,) = limit
            if isinstance(told, int):
                assert OPS[op](world.at_ms - from_ms, told)
            elif re.fullmatch(r"(\d+[dhms])+", told):
                assert OPS[op](world.at_ms - from_ms, duration_ms(told))
            elif told[:4].isdigit():  # compared with another `since`: that one's instant
                assert OPS[op](
                    world.at_ms - from_ms,
                    world.at_ms - round(datetime.fromisoformat(told).timestamp() * 1000),
                )
        elif op == "known":
            assert value is not None
        else:
            assert OPS[op](value, *limit), (fact, value, op, limit)
