"""The oracle's tags: a catalogue asked of the recomputed document, word by word.

Only the grammar is shared with `models/`: what a rule means is written a second time, over the public
document with its times as text, and nothing knows when anything changes. Tags that depend on what was
announced before (`leave`, `dwell`, `ttl`) are left out.
"""

import operator
import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import floor
from typing import Any

from models.catalogue.scope import scope
from models.rulelang import Node, parse
from models.rulelang.nodes import And, Arith, Call, Compare, Const, Field, In, Not, Or
from streams import oracle_population
from streams.oracle_settings import OracleSettings

Profile = Mapping[str, Any]
Times = Mapping[str, list[int]]  # subject of `count` -> when such events happened, epoch ms
_ROUNDED = {"preferences", "habits", "promotion"}
_MEMORY = {"leave", "dwell", "ttl"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OPS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge, "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip
_EDGES = {"recency": "recency_edges_days", "frequency": "frequency_edges", "monetary": "monetary_edges_minor"}


class Asked:
    """One customer at an instant."""

    def __init__(
        self, profile: Profile, times: Times, at_ms: int, today: datetime, settings: OracleSettings
    ) -> None:
        self.profile, self.times, self.at_ms, self.today, self.settings = (
            profile,
            times,
            at_ms,
            today,
            settings,
        )

    def value(self, node: Node) -> Any:
        """What an expression is; None = unknown."""
        match node:
            case Const():
                return node.value
            case Field():
                return self._field(node)
            case Not():
                return not self.value(node.operand)
            case And():
                return all(self.value(one) for one in node.operands)
            case Or():
                return any(self.value(one) for one in node.operands)
            case Compare():
                a, b = self.value(node.left), self.value(node.right)
                return a is not None and b is not None and _OPS[node.op](a, b)
            case In():
                item = self.value(node.item)
                return item is not None and (item in [one.value for one in node.options]) != node.negated
            case Arith():
                a, b = self.value(node.left), self.value(node.right)
                return None if a is None or b is None or (node.op, b) == ("/", 0) else _OPS[node.op](a, b)
            case Call():
                return self._call(node)

    def _call(self, node: Call) -> Any:
        first, window = node.args[0], node.args[1] if len(node.args) > 1 else None
        if node.name == "known":
            return self.value(first) is not None
        if node.name == "since":
            from_ms = self.value(first)
            return None if from_ms is None else self.at_ms - from_ms
        assert isinstance(window, Const)
        span_ms = int(window.value)
        if node.name == "count":
            assert isinstance(first, Const)
            return sum(0 <= self.at_ms - at < span_ms for at in self.times[str(first.value)])
        days = [self.today + timedelta(days=ahead) for ahead in range(span_ms // 86_400_000)]
        return any(_is_day(self.value(first), day) for day in days)

    def _field(self, node: Field) -> Any:
        if node.path.startswith("population."):
            what, _, percent = node.path.partition(".")[2].partition("_p")
            edge = oracle_population.edge(what, int(percent), self.settings)
            return edge if edge is not None else getattr(self.settings, _EDGES[what])[int(percent) // 20 - 1]
        found: Any = self.profile
        keyed = node.path.replace("*", "\0") if "*" in node.path else f"{node.path}.\0"
        for name in (keyed if node.key is not None else node.path).split("."):
            found = found.get(node.key if name == "\0" else name) if isinstance(found, Mapping) else None
        if isinstance(found, float) and node.path.partition(".")[0] in _ROUNDED:
            found = round(found, 4)  # what the document shows decides
        return _typed(found, node.type.kind)


def _typed(found: Any, kind: str) -> Any:
    """A value of the document as the language has it; of another type it is unknown."""
    if kind == "instant":
        return (
            None if found is None else (datetime.fromisoformat(found) - _EPOCH) // timedelta(milliseconds=1)
        )
    wanted: Any = {"number": (int, float), "duration": (int, float), "flag": bool}.get(kind, str)
    return found if isinstance(found, wanted) and isinstance(found, bool) == (kind == "flag") else None


def _is_day(yearday: Any, day: datetime) -> bool:
    try:
        month, wanted = (int(part) for part in yearday[-5:].split("-"))
        datetime(2000, month, wanted, tzinfo=UTC)
    except (TypeError, ValueError):
        return False
    if (month, wanted) == (2, 29) and (day + timedelta(days=1)).month == 3:
        return day.month == 2
    return (day.month, day.day) == (month, wanted)


def tags(asked: Asked) -> dict[str, Any]:
    """Tag -> value, None = not held, of every tag that depends on the facts alone."""
    return {name: _value(asked, rules) for name, rules in _rules(asked.settings.catalogue_text)}


def _value(asked: Asked, rules: Mapping[str, Any]) -> Any:
    if "when" in rules and not asked.value(rules["when"]):
        return None
    if "enter" in rules:
        return True if asked.value(rules["enter"]) else None
    if "cases" in rules:
        return next((name for name, rule in rules["cases"] if asked.value(rule)), None)
    value = asked.value(rules["value"])
    return floor(value / rules["step"]) * rules["step"] if rules.get("step") and value is not None else value


@lru_cache(maxsize=8)
def _rules(text: str) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    return tuple(_parsed(text))


def _parsed(text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    data = tomllib.loads(text)
    known = scope(data.get("attributes", {}))
    for name, said in data.get("tags", {}).items():
        if _MEMORY & said.keys():
            continue
        rules: dict[str, Any] = {
            field: parse(said[field], known, expect=None)
            for field in ("enter", "when", "value")
            if field in said
        }
        if "cases" in said:
            rules["cases"] = [(value, parse(rule, known)) for value, rule in said["cases"].items()]
        yield name, rules | {"step": said.get("step", 0)}
