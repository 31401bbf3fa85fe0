"""What a read answers: the value, that there is none, or that nobody knows. Never one taken for another.

A recommendation that treats "the store did not answer" as "not a VIP" is wrong without anybody noticing. So
no answer is true or false: `bool(answer)` raises, and a value that is not known cannot be had by accident.

    match reader.has_tag("c-1", "vip"):
        case Known(value=held): ...
        case Absent(): ...             # the store is current and has no such customer
        case Unknown(reason=why): ...  # not read, or too old: decide as if nobody had asked
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Generic, Literal, NamedTuple, NoReturn, TypeAlias, TypeVar

import orjson

from .documents import ProfileDocument

T = TypeVar("T")
D = TypeVar("D")
U = TypeVar("U")

Reason = Literal[
    "unreachable",  # no connection, no reply in time, cut off in the middle, or the cluster is down
    "loading",  # the server reads its file after a restart
    "refused",  # the server answered with an error, such as missing rights
    "resting",  # the circuit breaker is open: it failed so often that it is not asked for a moment
    "no_deployment",  # `ps:meta` says nothing: an empty or a foreign store
    "changed",  # the data are of another deployment than a moment ago
    "no_clock",  # no worker has said up to when events are applied
    "stale",  # what is stored is older than `max_age_s`
    "damaged",  # what is stored is no profile of this customer
    "newer_schema",  # it was written by a version that this one cannot read
    "no_such_tag",  # the catalogue in force has no such tag
    "no_such_set",  # it keeps no set of members under this name
]


class ReaderError(Exception):
    """A clear error; the message is one sentence."""


class WrongDeployment(ReaderError):
    """The store was filled with another number of buckets or another key layout: every read would miss."""


class NotKnown(ReaderError):
    """The value of an answer was asked for that has none."""


class Damaged(ReaderError):
    """Stored bytes are not what they should be."""


class _Answer:
    """What all three have in common."""

    __slots__ = ()

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "an answer is neither true nor false: match Known, Absent and Unknown, "
            "or say answer.value or answer.value_or(default)"
        )


@dataclass(slots=True)
class Known(_Answer, Generic[T]):
    """The store has it.

    Attributes:
        value: what was asked for.
        as_of: the instant whose truth it states; it stays true until something happens or falls due.
        age_s: seconds since the instant up to which everything that happened and fell due is in the store;
            None where nobody says (only with `max_age_s=None`).
    """

    known: ClassVar[Literal[True]] = True
    value: T
    as_of: datetime
    age_s: float | None

    def value_or(self, _: D) -> T | D:
        """The value."""
        return self.value

    def map(self, function: Callable[[T], U]) -> "Known[U]":
        """The same of what a function makes of the value."""
        return Known(function(self.value), self.as_of, self.age_s)


@dataclass(slots=True)
class Absent(_Answer):
    """The store is current and has no profile of this customer."""

    known: ClassVar[Literal[False]] = False
    age_s: float | None
    as_of: None = None

    @property
    def value(self) -> NoReturn:
        """There is none.

        Raises:
            NotKnown: always.
        """
        raise NotKnown("there is no such customer")

    def value_or(self, default: D) -> D:
        """What the caller chooses in its place."""
        return default


@dataclass(slots=True)
class Unknown(_Answer):
    """Nothing is known: it was not read, or what was read cannot be relied upon.

    Attributes:
        reason: why, see `Reason`.
        detail: the same in words, without anybody's data.
        age_s: as of `Known`, where that is the reason.
    """

    known: ClassVar[None] = None
    reason: Reason
    detail: str = ""
    age_s: float | None = None
    as_of: None = None

    @property
    def value(self) -> NoReturn:
        """Not known.

        Raises:
            NotKnown: always; says why.
        """
        raise NotKnown(f"not known: {self.reason}" + (f" ({self.detail})" if self.detail else ""))

    def value_or(self, default: D) -> D:
        """What the caller chooses in its place."""
        return default


Answer: TypeAlias = Known[T] | Absent | Unknown


class Profile:
    """One customer's profile as it was read. Its document is parsed when it is first looked at.

    Attributes:
        customer_id: whose.
        raw: the document, JSON as stored.
    """

    __slots__ = ("_doc", "customer_id", "raw")

    def __init__(self, customer_id: str, raw: bytes) -> None:
        self.customer_id = customer_id
        self.raw = raw
        self._doc: ProfileDocument | None = None

    @property
    def doc(self) -> ProfileDocument:
        """The document; see FIELDS.md.

        Raises:
            Damaged: it is not JSON.
        """
        if self._doc is None:
            try:
                self._doc = orjson.loads(self.raw)
            except orjson.JSONDecodeError:
                raise Damaged(f"the document of customer {self.customer_id!r} is not JSON") from None
        return self._doc

    def __repr__(self) -> str:
        return f"Profile({self.customer_id!r}, {len(self.raw)} bytes)"


class Page(NamedTuple):
    """Some members of a set.

    Attributes:
        customer_ids: of this page, in no order; somebody may come again on a later one.
        cursor: asks for the next page; None = this was the last.
    """

    customer_ids: list[str]
    cursor: str | None
