"""One tag of the catalogue: its value at an instant, until when it stands, and why.

Rules of the file
    A tag answers for a view and for what is announced of it, nothing else. `judge` gives the value that is
    to be announced and the end of the stretch over which it is sure to stay so; `until_ms` gives the very
    instant of the next change if nothing happens.

Theory
    A flag is entered where `enter` holds and `leave` does not, and left where `leave` holds; without a
    `leave` it is left where `enter` does not hold any more. What was announced stays announced for `dwell`
    at least and for `ttl` at most; a tag whose time ran out while its condition goes on is spent, and comes
    back only after the condition has ceased. A category or a number is what its expression says, where its
    condition holds, and stays for `dwell` at least. Everything but these two is a function of the facts and
    the instant.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

from models.catalogue.held import Held
from models.rulelang import NEVER, Facts, Item, Rule

Value = bool | str | int | float | None
Judged = tuple[Value, int]


class About(NamedTuple):
    """What is declared of a tag of any kind.

    Attributes:
        id: public name.
        version: raised with every change of the rule's meaning.
        label: language -> what people call it.
        kind: flag, category or number.
        text: the rule as declared, canonical; two tags of equal text mean the same.
        members: whether sets of those who hold it are kept.
        owner: who answers for it.
        purpose: what it is for.
        dwell_ms: how long a value stays at least.
        ttl_ms: how long a flag stays at most; 0 = no limit.
        needs: parts of the profile without which it is not held, see `catalogue.PARTS`.
        values: a category's values, where they are known.
    """

    id: str
    version: int
    label: dict[str, str]
    kind: str
    text: str
    members: bool = False
    owner: str = ""
    purpose: str = ""
    dwell_ms: int = 0
    ttl_ms: int = 0
    needs: int = 0
    values: tuple[str, ...] = ()


class Tag(ABC):
    """See the module; `Flag`, `Stated` and `Cases` say what `judge` and `because` are."""

    __slots__ = ("about", "dwell_ms", "id", "rule", "ttl_ms", "version")

    def __init__(self, about: About) -> None:
        self.about = about
        self.id, self.version = about.id, about.version
        self.rule = f"{about.id}@{about.version}"
        self.dwell_ms, self.ttl_ms = about.dwell_ms, about.ttl_ms

    @abstractmethod
    def judge(self, view: Facts, held: Held | None, spent: bool) -> Judged:
        """The value, and the end of the stretch over which it is sure to stay, `NEVER` for ever.

        Args:
            view: the customer at an instant.
            held: what is announced, None = nothing.
            spent: whether its time ran out while its condition goes on.
        """

    @abstractmethod
    def because(self, view: Facts, held: Held | None) -> list[Item]:
        """What decided, see `rulelang.evidence`."""

    @abstractmethod
    def is_firm(self, value: Value) -> bool:
        """Whether the value is sure to change at the end of its stretch."""

    def until_ms(
        self,
        view: Facts,
        held: Held | None,
        spent: bool,
        judged: Judged | None = None,
        limit_ms: int = NEVER,
    ) -> int:
        """The instant at which the value changes if nothing happens, `limit_ms` where none comes before it.

        Args:
            view: as of `judge`.
            held: as of `judge`.
            spent: as of `judge`.
            judged: what `judge` said of these, if it was asked already.
            limit_ms: how far to look.
        """
        value, end_ms = judged or self.judge(view, held, spent)
        if self.is_firm(value):
            return min(end_ms, limit_ms)
        while end_ms < limit_ms:
            later, next_ms = self.judge(view.later(end_ms), held, spent)
            if later != value:
                return end_ms
            end_ms = next_ms
        return limit_ms


class Flag(Tag):
    """Held or not.

    Args:
        about: see there.
        entering: when it is entered.
        staying: when it is held on to.
    """

    __slots__ = ("_entering", "_enters", "_firm", "_staying", "_stays")

    def __init__(self, about: About, entering: Rule, staying: Rule) -> None:
        super().__init__(about)
        self._entering, self._staying = entering, staying
        self._enters, self._stays = entering.sign, staying.sign
        self._firm = not about.dwell_ms and entering.firm[False], not about.dwell_ms and staying.firm[True]

    def judge(self, view: Facts, held: Held | None, spent: bool) -> Judged:
        """See `Tag`."""
        if held is None:
            sign = self._enters(view)
            return (True, sign) if sign > 0 and not spent else (None, abs(sign))
        end_ms = held.since_ms + self.ttl_ms if self.ttl_ms else NEVER
        if view.at_ms >= end_ms:
            return None, NEVER
        sign = self._stays(view)
        if sign > 0:
            return True, min(sign, end_ms)
        stays_ms = held.since_ms + self.dwell_ms
        return (True, min(stays_ms, end_ms)) if view.at_ms < stays_ms else (None, -sign)

    def is_spent(self, view: Facts) -> bool:
        """Whether its condition goes on."""
        return self.ttl_ms > 0 and self._enters(view) > 0

    def is_firm(self, value: Value) -> bool:
        """See `Tag`."""
        return self._firm[value is True]

    def because(self, view: Facts, held: Held | None) -> list[Item]:
        """See `Tag`."""
        if held is None:
            return self._entering.evidence(view, self._enters(view) > 0)
        # What led to it says more than what does not yet end it.
        if self._enters(view) > 0:
            return self._entering.evidence(view, True)
        return self._staying.evidence(view, self._stays(view) > 0)
