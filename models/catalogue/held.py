"""What was announced of a tag, as the state remembers it."""

import msgspec

BY_TIMER = 0  # in place of the number of a source
# Likewise: what else makes tags be judged anew, by the name that its cause has.
BY_OTHERS = {-1: "catalogue", -2: "population"}


class Held(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A tag as announced.

    Attributes:
        value: what was announced; False for a tag that was left.
        since_ms: since when it has it (event time).
        seq: number of the change that announced it.
        lag_ms: how long before `since_ms` the event happened that caused it; 0 for a timer.
        source: what caused it: the n-th of the state's `offsets`, `BY_TIMER`, or a key of `BY_OTHERS`.
        offset: of the event there; revision of the catalogue, version of the population.
        spent: of a tag that was left because its time ran out: its condition has gone on since.
        before: (number, time of the cause) of up to three changes before it, latest first.
    """

    value: bool | str | int | float
    since_ms: int
    seq: int = 0
    lag_ms: int = 0
    source: int = BY_TIMER
    offset: int = 0
    before: list[tuple[int, int]] = []
    spent: bool = False

    def changes(self) -> list[tuple[int, int]]:
        """(number, time of the cause) of the changes remembered, latest first."""
        return [(self.seq, self.since_ms - self.lag_ms), *self.before]
