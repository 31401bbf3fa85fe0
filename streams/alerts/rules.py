"""What a tag change means for the alerts of its customer: pure, decided again alike after a crash.

Theory
    All that decides is the topic itself: ids come from ids of changes, cool-downs are counted by the time of
    the changes, the hold-out arm is a hash of the customer. So whoever reads the same records again raises
    the same alerts under the same ids, and nothing has to be agreed on with whoever read them before.
    What must be remembered of a customer is little: how far its changes are numbered, which alerts are
    open, and when the latest was raised.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from models.calendar import iso
from models.catalogue.tag import Value
from models.changes import CORRECTED
from models.codec import CodecError
from models.contract import epoch_ms

RAISED, CANCELLED = "raised", "cancelled"
LEFT, TAKEN_BACK = "left", "corrected"  # why an alert is cancelled
TREATMENT, HOLDOUT = "treatment", "holdout"
_SCHEMA = b"\x01"
Alert = dict[str, Any]


class Unreadable(ValueError):
    """A record of the topic is no tag change."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Whom to alert about.

    Attributes:
        id: its name.
        tag: whose changes it looks at.
        values: the values that raise an alert; none = any value, that is a tag that is held.
        sinks: names of where its alerts go.
        cool_down_ms: no new alert of the customer and tag for so long after the latest one.
        holdout: share of customers whose alerts are kept from the sinks, 0 to 1.
    """

    id: str
    tag: str
    values: tuple[bool | str | float, ...] = ()
    sinks: tuple[str, ...] = ()
    cool_down_ms: int = 0
    holdout: float = 0.0

    def holds(self, value: Value) -> bool:
        """Whether a tag's value is one to alert about."""
        if value is None or not self.values:
            return value is not None
        return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in self.values)


class Change(NamedTuple):
    """A tag change as far as it matters here; `corrects` are ids of changes."""

    id: str
    customer_id: str
    tag: str
    seq: int
    old: Value
    new: Value
    at_ms: int
    corrects: tuple[str, ...]
    reason: Any
    known_at: str


class Open(msgspec.Struct, array_like=True, frozen=True):
    """An alert that is raised and not taken back: its rule, tag, id, the change it is of, its arm."""

    rule: str
    tag: str
    id: str
    change: str
    arm: str


class Customer(msgspec.Struct, array_like=True):
    """What is remembered of a customer.

    Attributes:
        seq: number of the latest change seen; 0 = none.
        first: id of the change number 1, "" where it was not seen: tells one numbering from another.
        open: open alerts.
        raised: tag -> time of the change that raised its latest alert, epoch ms.
    """

    seq: int = 0
    first: str = ""
    open: list[Open] = []
    raised: dict[str, int] = {}


class Decision(NamedTuple):
    """What a change brings: (rule, arm, alert) in order, and what is to be counted: (rule, arm, what)."""

    alerts: list[tuple[Rule, str, Alert]]
    counts: list[tuple[str, str, str]]


def read(value: bytes | None) -> Change:
    """The change in a record of the topic.

    Raises:
        Unreadable: it is none.
    """
    try:
        event = msgspec.json.decode(value or b"")
        data = event["data"]
        corrects = tuple(map(str, data["corrects"])) if event["type"] == CORRECTED else ()
        return Change(
            str(event["id"]), str(data["customer_id"]), str(data["tag"]), int(data["seq"]), data["old"],
            data["new"], epoch_ms(data["effective_at"]), corrects, data["reason"], str(data["known_at"]),
        )  # fmt: skip
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise Unreadable(type(error).__name__) from None


def arm_of(customer_id: str, salt: str, share: float) -> str:
    """The arm of a customer: the same for as long as the salt is, and of a larger share still the same."""
    drawn = int.from_bytes(sha256(f"{salt}\n{customer_id}".encode()).digest()[:8])
    return HOLDOUT if drawn < share * 2.0**64 else TREATMENT


def alert_id(name: str, rule: str, change_id: str) -> str:
    """Id of the alert that a change raises: 32 hexadecimal digits."""
    return sha256(f"{name}\n{rule}\n{change_id}".encode()).hexdigest()[:32]


def encode(customer: Customer) -> bytes:
    """Bytes of what is remembered: one schema byte, then MessagePack."""
    return _SCHEMA + msgspec.msgpack.encode(customer)


def decode(blob: bytes | None) -> Customer:
    """What is remembered of a customer, out of its bytes; nothing where there are none.

    Raises:
        CodecError: another schema, or damage.
    """
    if blob is None:
        return Customer()
    try:
        if blob[:1] == _SCHEMA:
            return msgspec.msgpack.decode(blob[1:], type=Customer)
    except msgspec.DecodeError:
        pass
    raise CodecError("what is remembered of a customer's alerts has another schema, or is damaged")


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules.

    Attributes:
        name: of the deployment of alerts; part of every alert id.
        salt: of the hold-out draw.
        by_id: rules by id.
    """

    name: str
    salt: str
    by_id: dict[str, Rule]

    def decide(self, known: Customer, change: Change) -> Decision:
        """What a change brings; `known` is brought up to it.

        A change that was seen is known by its number: ids are made of it. When the change number 1 comes
        under another id, the deployment was rebuilt and numbers anew. A gap in the numbers is counted; what
        was missed shows in the old value of the next change, and an alert that it closed is taken back then.
        """
        out = Decision([], [])
        if change.seq <= known.seq:
            if change.seq != 1 or change.id == known.first:
                out.counts.append(("", "", "repeats"))
                return out
            out.counts.append(("", "", "renumbered"))
        elif known.seq and change.seq != known.seq + 1:
            out.counts.append(("", "", "gaps"))
        known.seq = change.seq
        if change.seq == 1:
            known.first = change.id
        self._take_back(known, change, out)
        self._raise(known, change, out)
        return out

    def _take_back(self, known: Customer, change: Change, out: Decision) -> None:
        """Cancel what the change corrects, and what no longer holds.

        The open alerts of a rule that was taken out of the file are forgotten: nobody is left to tell.
        """
        for one in list(known.open):
            if one.tag != change.tag:
                continue
            rule = self.by_id.get(one.rule)
            was_wrong = one.change in change.corrects
            if rule is not None and not was_wrong and rule.holds(change.new):
                continue
            known.open.remove(one)
            if was_wrong:  # a false alarm must not keep the next one quiet
                known.raised.pop(one.tag, None)
            if rule is not None:
                why = TAKEN_BACK if was_wrong else LEFT
                alert = self._alert(CANCELLED, one.id, rule, change, one.arm) | {"why": why}
                out.alerts.append((rule, one.arm, alert))
                out.counts.append((rule.id, one.arm, f"{CANCELLED}_{why}"))

    def _raise(self, known: Customer, change: Change, out: Decision) -> None:
        opened = {one.rule for one in known.open}
        latest_ms = known.raised.get(change.tag)
        for rule in self.by_id.values():
            if rule.tag != change.tag or rule.id in opened or not rule.holds(change.new):
                continue
            arm = arm_of(change.customer_id, self.salt, rule.holdout)
            if latest_ms is not None and change.at_ms < latest_ms + rule.cool_down_ms:
                out.counts.append((rule.id, arm, "cooled"))
                continue
            one = Open(rule.id, rule.tag, alert_id(self.name, rule.id, change.id), change.id, arm)
            known.open.append(one)
            known.raised[change.tag] = change.at_ms
            out.alerts.append((rule, arm, self._alert(RAISED, one.id, rule, change, arm)))
            out.counts.append((rule.id, arm, RAISED))

    def _alert(self, action: str, its_id: str, rule: Rule, change: Change, arm: str) -> Alert:
        return {
            "schema": 1,
            "id": its_id,
            "action": action,
            "rule": rule.id,
            "arm": arm,
            "customer_id": change.customer_id,
            "tag": change.tag,
            "value": change.new,
            "old": change.old,
            "reason": change.reason,
            "change_id": change.id,
            "seq": change.seq,
            "effective_at": iso(change.at_ms),
            "known_at": change.known_at,
        }
