"""When a rule's answer changes if nothing happens.

Every part of an expression that time alone can change names the next instant at which it may: a field that
moves by itself, a `since` that crosses what it is compared with, an event that leaves the window of a
`count`, a midnight of a `within`. Between two such instants the answer stands still, so the flip is found
by asking at each of them in turn: solved, not polled.
"""

from bisect import bisect_right
from collections.abc import Callable
from math import ceil, floor
from typing import NamedTuple

from models.rulelang.ask import Ask, ask, counted, days_ahead, days_of
from models.rulelang.errors import RuleError
from models.rulelang.facts import Facts
from models.rulelang.nodes import Call, Compare, Field, Node, walk

MOST_STEPS = 10_000  # instants looked at for one flip; a rule has at most some hundred
Candidate = Callable[[Facts], int]


class Rule(NamedTuple):
    """A compiled expression.

    Attributes:
        value: what it says of the facts; None = unknown.
        candidates: next later instants at which a part of it may change, 0 = never.
    """

    value: Ask
    candidates: tuple[Candidate, ...]

    def next_candidate(self, facts: Facts) -> int:
        """The earliest instant at which the answer may change; 0 = never."""
        found = [at for at in (candidate(facts) for candidate in self.candidates) if at]
        return min(found, default=0)

    def flips_at(self, facts: Facts) -> int:
        """The very instant at which the answer changes if nothing happens; 0 = never."""
        value = self.value(facts)
        for _ in range(MOST_STEPS):
            at_ms = self.next_candidate(facts)
            if not at_ms:
                return 0
            facts = facts.later(at_ms)
            if self.value(facts) != value:
                return at_ms
        raise AssertionError(f"no end after {MOST_STEPS} instants")


def compiled(node: Node) -> Rule:
    """The rule of an expression.

    Raises:
        RuleError: a `since` does not stand alone on one side of a comparison, so no flip could be solved.
    """
    solved = [one for one, _ in walk(node) if isinstance(one, Compare)]
    alone = {id(side) for one in solved for side in (one.left, one.right) if _is(side, "since")}
    candidates: list[Candidate] = []
    for one, _ in walk(node):
        if isinstance(one, Field):
            candidates.append(_moving(one))
        elif isinstance(one, Call) and one.name == "count":
            candidates.append(_leaving(one))
        elif isinstance(one, Call) and one.name == "within":
            candidates.append(_midnight(one))
        elif _is(one, "since") and id(one) not in alone:
            raise RuleError("since(...) must stand alone on one side of a comparison", one.line, one.column)
    candidates += [_crossing(one) for one in solved if _is(one.left, "since") != _is(one.right, "since")]
    return Rule(ask(node), tuple(candidates))


def _is(node: Node, name: str) -> bool:
    return isinstance(node, Call) and node.name == name


def _moving(node: Field) -> Candidate:
    path, key = node.path, node.key
    return lambda facts: facts.moves_at(path, key)


def _crossing(node: Compare) -> Candidate:
    """When a `since` reaches what it is compared with: exactly, and one millisecond later it is past it."""
    turned = _is(node.right, "since")
    since, limit = (node.right, node.left) if turned else (node.left, node.right)
    assert isinstance(since, Call)
    instant, threshold = ask(since.args[0]), ask(limit)

    def crosses(facts: Facts) -> int:
        from_ms, limit_ms = instant(facts), threshold(facts)
        if from_ms is None or limit_ms is None:
            return 0
        found = [at for at in (from_ms + ceil(limit_ms), from_ms + floor(limit_ms) + 1) if at > facts.at_ms]
        return min(found, default=0)

    return crosses


def _leaving(node: Call) -> Candidate:
    """When the oldest event leaves the window, or one that lies ahead enters it."""
    subject, window_ms = counted(node)

    def changes(facts: Facts) -> int:
        times, at_ms = facts.times(subject), facts.at_ms
        oldest, ahead = bisect_right(times, at_ms - window_ms), bisect_right(times, at_ms)
        found = [times[oldest] + window_ms] if oldest < ahead else []
        return min(found + list(times[ahead : ahead + 1]), default=0)

    return changes


def _midnight(node: Call) -> Candidate:
    """The midnight at which the day comes into the window, or at which it is over."""
    day, days = ask(node.args[0]), days_of(node)

    def changes(facts: Facts) -> int:
        ahead = days_ahead(day(facts), facts.today())
        if ahead is None:
            return 0
        return facts.start_of_day_ms(ahead + 1 if ahead < days else ahead - days + 1)

    return changes
