"""What a compiled condition answers: whether it holds, and until when that stands, in one number.

The number is an instant with a sign: positive where the condition holds, negative where it does not; its
size is the instant, epoch ms, before which time alone does not change that, `NEVER` for ever. So the soonest
end of several true ones is a `min`, and "not" is a minus. How unknown values count is said in the package's
head.

A stretch may end with the same answer: of two false conditions joined by `and` the answer can change at the
earliest when the later one does. `Condition` says where that cannot be.
"""

from collections.abc import Callable
from typing import NamedTuple

from models.rulelang.facts import NEVER, Facts

Sign = Callable[[Facts], int]
YES, NO = NEVER, -NEVER


class Condition(NamedTuple):
    """A compiled condition.

    Attributes:
        sign: the answer and its end, see the module.
        firm: whether a false, and whether a true answer is sure to change at its end.
        rises: whether, left alone, it never ceases to hold once it does.
        sinks: whether, left alone, it never comes to hold once it does not.
    """

    sign: Sign
    firm: tuple[bool, bool] = (True, True)
    rises: bool = True
    sinks: bool = True


def stands_until(sign: Sign, moves: Callable[[Facts], int] | None) -> Sign:
    """An answer that stands no longer than its parts."""
    if moves is None:
        return sign

    def stands(facts: Facts) -> int:
        a, end_ms = sign(facts), moves(facts)
        return min(a, end_ms) if a > 0 else max(a, -end_ms)

    return stands
