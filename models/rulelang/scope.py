"""What a rule may speak of."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from models.rulelang.nodes import Type


@dataclass(frozen=True, slots=True)
class Keyed:
    """A map of the document.

    Attributes:
        value: type of what lies under a key.
        keys: the only keys there are; None = any.
        types: types of single keys, where they differ from `value`.
    """

    value: Type
    keys: frozenset[str] | None = None
    types: Mapping[str, Type] = field(default_factory=dict)

    def of(self, key: str) -> Type:
        """Type of what lies under a key."""
        return self.types.get(key, self.value)


@dataclass(frozen=True, slots=True)
class Scope:
    """Names and their types.

    Attributes:
        fields: path, dotted as in the document -> type.
        maps: path -> what it maps to. `journey.steps` is written `journey.steps["browse"]`, and
            `rfm.windows.*.orders` is written `rfm.windows["30d"].orders`.
        counts: subject of `count` -> the largest number of events that are remembered.
        spans: subject -> for how long they are, ms, where that is bounded.
        hints: path of a field that no rule may use -> what to write instead.
    """

    fields: Mapping[str, Type]
    maps: Mapping[str, Keyed] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    spans: Mapping[str, int] = field(default_factory=dict)
    hints: Mapping[str, str] = field(default_factory=dict)
