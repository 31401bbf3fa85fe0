"""Tags that have a value: categories and numbers."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from math import floor
from typing import Any

from models.catalogue.held import Held
from models.catalogue.tag import About, Judged, Tag, Value
from models.rulelang import NEVER, Facts, Item, Rule
from models.rulelang import Value as Expression


class Valued(Tag):
    """A category or a number: what its expression says, for `dwell` at least.

    Args:
        about: see there.
        when: it has a value only where this holds; None = always.
    """

    __slots__ = ("_when",)

    def __init__(self, about: About, when: Rule | None) -> None:
        super().__init__(about)
        self._when = when

    def judge(self, view: Facts, held: Held | None, spent: bool) -> Judged:
        """See `Tag`."""
        found = self._raw(view) if self._when is None else self._where(self._when, view)
        if held is None or not self.dwell_ms or held.value == found[0]:
            return found
        stays_ms = held.since_ms + self.dwell_ms
        return (held.value, stays_ms) if view.at_ms < stays_ms else found

    def because(self, view: Facts, held: Held | None) -> list[Item]:
        """See `Tag`."""
        if self._when is None:
            return self._told(view)
        holds = self._when.holds(view)
        return (self._told(view) if holds else []) + self._when.evidence(view, holds)

    def _where(self, when: Rule, view: Facts) -> Judged:
        sign = when.sign(view)
        if sign < 0:
            return None, -sign
        value, end_ms = self._raw(view)
        return value, min(sign, end_ms)

    @abstractmethod
    def _raw(self, view: Facts) -> Judged:
        """The value without condition and dwell."""

    @abstractmethod
    def _told(self, view: Facts) -> list[Item]: ...


class Stated(Valued):
    """What an expression gives, numbers in steps.

    Args:
        about: see there.
        when: as of `Valued`.
        expression: text or number.
        step: numbers are rounded down to multiples of it; 0 = as they are.
        told: what is stated as the reason.
    """

    __slots__ = ("_get", "_is_sure", "_moves", "_step", "_tell")

    def __init__(
        self,
        about: About,
        when: Rule | None,
        expression: Expression,
        step: float,
        told: Sequence[Callable[[Any], Item]],
    ) -> None:
        super().__init__(about, when)
        self._get, self._moves, self._step, self._tell = expression.get, expression.moves, step, told
        self._is_sure = expression.is_sure and not step and when is None and not about.dwell_ms

    def is_firm(self, value: Value) -> bool:
        """See `Tag`."""
        return self._is_sure

    def _raw(self, view: Facts) -> Judged:
        value = self._get(view)
        if self._step and value is not None:
            value = floor(value / self._step) * self._step
        return value, NEVER if self._moves is None else self._moves(view)

    def _told(self, view: Facts) -> list[Item]:
        items = [tell(view) for tell in self._tell]
        return [item for item in items if item[1] is not None] or [[items[0][0], None, "unknown"]]


class Cases(Valued):
    """A category by cases: the first that holds.

    Args:
        about: see there.
        when: as of `Valued`.
        cases: value and its condition.
    """

    __slots__ = ("_cases", "_firm", "_signs")

    def __init__(self, about: About, when: Rule | None, cases: Sequence[tuple[str, Rule]]) -> None:
        super().__init__(about, when)
        self._cases = tuple(cases)
        self._signs = tuple((value, rule.sign) for value, rule in cases)
        self._firm: set[Value] = set()
        before = not about.dwell_ms and when is None
        for value, rule in cases:
            if before and rule.firm[True]:
                self._firm.add(value)
            before = before and rule.firm[False]
        if before:
            self._firm.add(None)

    def is_firm(self, value: Value) -> bool:
        """See `Tag`."""
        return value in self._firm

    def _raw(self, view: Facts) -> Judged:
        end_ms = NEVER
        for value, sign_of in self._signs:
            sign = sign_of(view)
            if sign > 0:
                return value, min(end_ms, sign)
            end_ms = min(end_ms, -sign)
        return None, end_ms

    def _told(self, view: Facts) -> list[Item]:
        """Why none of the cases before holds, and why this one does."""
        out: list[Item] = []
        for _, rule in self._cases:
            holds = rule.holds(view)
            out += [item for item in rule.evidence(view, holds) if item not in out]
            if holds:
                break
        return out
