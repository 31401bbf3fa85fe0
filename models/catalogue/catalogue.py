"""All tags of one version of the catalogue."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from models.catalogue.tag import Tag, Value

if TYPE_CHECKING:
    from models.state import State

_ORDERS, _CLICKS, _JOURNEY, _SERVICE, _ANSWERS, _ATTRIBUTES, _HABITS, _PROMOTION, _CHANNELS = (
    1 << i for i in range(9)
)
# What the path of a field, or "count.<subject>", begins with -> parts of the state without which the field is
# unknown for good. A part that was there once never goes away.
PARTS = {
    **dict.fromkeys((f"rfm.{name}" for name in ("first_order_at", "last_order_at", "r", "f", "m", "segment")),
                    _ORDERS),
    "promotion": _ORDERS,
    **dict.fromkeys(
        (f"promotion.{name}" for name in ("orders_known", "promo_orders", "coupon_orders", "promo_ratio")),
        _ORDERS | _PROMOTION,
    ),
    "habits": _ORDERS | _HABITS,
    **dict.fromkeys((f"preferences.{name}" for name in ("slices", "online", "offline")), _ORDERS | _CHANNELS),
    "engagement": _CLICKS | _JOURNEY,
    "journey": _JOURNEY,
    "service": _SERVICE | _JOURNEY,
    "satisfaction": _SERVICE | _JOURNEY | _ANSWERS,
    "attributes": _ATTRIBUTES,
    "count": _CLICKS | _JOURNEY,
    "count.orders": _ORDERS,
    "count.contacts": _SERVICE | _JOURNEY,
}  # fmt: skip


def set_of(tag_id: str, value: Value) -> str:
    """Name of the set of those who hold a value of a tag."""
    return tag_id if value is True else f"{tag_id}={value}"


def parts(path: str) -> int:
    """The parts of a path: of the longest beginning of it that is known."""
    while path:
        if path in PARTS:
            return PARTS[path]
        path = path.rpartition(".")[0]
    return 0


class Catalogue:
    """Tags in the order of the file, which is the order of their changes at one instant.

    Args:
        tags: all of them, ids unique.
        text: the file they were read from.
        revision: counts what was put into force in a deployment; 0 = never put into force.
    """

    def __init__(self, tags: Sequence[Tag] = (), text: str = "", revision: int = 0) -> None:
        self.tags = tuple(tags)
        self.text = text
        self.revision = revision
        self.by_id = {tag.id: tag for tag in tags}
        self.members = {tag.id for tag in tags if tag.about.members}
        self._asked: dict[int, tuple[Tag, ...]] = {}

    def sets(self) -> list[str]:
        """Names of the sets of members that are kept: a tag, or `tag=value`."""
        kept = [tag for tag in self.tags if tag.about.members]
        values = ((tag.id, tag.about.values or (True,)) for tag in kept)
        return [set_of(tag_id, value) for tag_id, some in values for value in some]

    def asked(self, state: "State") -> tuple[Tag, ...]:
        """The tags that can be held of a customer of whom so much is known."""
        purchases = state.purchases
        known = 0
        if purchases.orders.key or purchases.orders.n:
            known = _ORDERS
            if purchases.habits is not None:
                known |= _HABITS
            if purchases.promotion is not None:
                known |= _PROMOTION
            if purchases.channels is not None:
                known |= _CHANNELS
        if state.journey is not None:
            known |= _JOURNEY
            if state.engagement is not None:
                known |= _CLICKS
            if state.service is not None:
                known |= _SERVICE
                if state.satisfaction is not None:
                    known |= _ANSWERS
        if state.attributes is not None:
            known |= _ATTRIBUTES
        found = self._asked.get(known)
        if found is None:
            found = self._asked[known] = tuple(tag for tag in self.tags if tag.about.needs & ~known == 0)
        return found


EMPTY = Catalogue()
