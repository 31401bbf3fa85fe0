"""A rule: a condition, compiled, that can be asked, explained, and solved for its next change."""

from typing import NamedTuple

from models.rulelang.conditions import condition
from models.rulelang.evidence import Evidence, evidence
from models.rulelang.facts import NEVER, Bind, Facts
from models.rulelang.nodes import Node
from models.rulelang.sign import Sign

MOST_STEPS = 100_000  # instants looked at for one flip; a rule has at most some hundred


class Rule(NamedTuple):
    """A compiled condition.

    Attributes:
        sign: the answer and until when it stands, see `sign`.
        firm: whether a false, and whether a true answer is sure to change at that instant.
        evidence: why.
    """

    sign: Sign
    firm: tuple[bool, bool]
    evidence: Evidence

    def holds(self, facts: Facts) -> bool:
        """The answer."""
        return self.sign(facts) > 0

    def flips_at(self, facts: Facts) -> int:
        """The very instant at which the answer changes if nothing happens; 0 = never."""
        sign = self.sign(facts)
        holds = sign > 0
        for _ in range(MOST_STEPS):
            at_ms = abs(sign)
            if at_ms == NEVER:
                return 0
            sign = self.sign(facts.later(at_ms))
            if (sign > 0) != holds:
                return at_ms
        raise AssertionError(f"no end after {MOST_STEPS} instants")


def compiled(node: Node, bind: Bind) -> Rule:
    """The rule of a condition.

    Raises:
        RuleError: a `since` does not stand alone on one side of a comparison, so no flip could be solved.
    """
    found = condition(node, bind)
    return Rule(found.sign, found.firm, evidence(node, bind))
