"""Write-through cache of stored profiles: bytes and token, least recently written out first.

Bytes rather than objects: a cached profile is what the store holds, nothing can change it by accident,
and 200,000 of them are a hundred megabytes the garbage collector never looks at. A cached profile that
somebody else has overwritten costs one refused write and a reload; it can never do harm.
"""

from collections.abc import Iterable, Mapping

from streams.store.contract import Stored


class Cache:
    """At most `size` profiles."""

    __slots__ = ("_items", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: dict[str, Stored] = {}

    def __getitem__(self, customer_id: str) -> Stored:
        return self._items[customer_id]

    def missing(self, customer_ids: Iterable[str]) -> list[str]:
        """Those that are not here."""
        items = self._items
        return [cid for cid in customer_ids if cid not in items]

    def update(self, profiles: Mapping[str, Stored]) -> None:
        """Put profiles in; they count as the most recent."""
        items = self._items
        for cid, stored in profiles.items():
            items.pop(cid, None)
            items[cid] = stored

    def trim(self) -> None:
        """Let the oldest go. Called between batches: within one, what was loaded must stay."""
        excess = len(self._items) - self._size
        if excess > 0:
            for cid in [cid for cid, _ in zip(self._items, range(excess), strict=False)]:
                del self._items[cid]

    def drop(self, customer_ids: Iterable[str]) -> None:
        """Forget some."""
        for cid in customer_ids:
            self._items.pop(cid, None)

    def clear(self) -> None:
        """Forget all."""
        self._items.clear()
