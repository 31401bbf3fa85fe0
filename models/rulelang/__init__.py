"""The language of tag rules: from text to a typed expression and back.

`parse` reads a rule; `compiled` makes it answer, explain itself (`evidence`) and tell when the answer flips
(`conditions`). Where something is unknown:

- A field may be absent, then it is unknown. A comparison (`==` to `>=`, `in`, `not in`) or a `within` with
  an unknown operand is false, and so is an unknown flag on its own; `not` of either is then true. So
  `not (x in {1})` holds of an unknown x, `x not in {1}` and `x != 1` do not. `known(x)` asks.
- Arithmetic with an unknown operand and a division by zero are unknown; a `since` of an unknown instant is.
- `count` is never unknown; it stops at the largest number that is remembered.
"""

from models.rulelang.errors import RuleError
from models.rulelang.evidence import Item, fact
from models.rulelang.facts import NEVER, Bind, Facts, Reader
from models.rulelang.needs import needs
from models.rulelang.nodes import Node, Type, counts_of, fields_of, walk
from models.rulelang.parser import parse
from models.rulelang.rule import Rule, compiled
from models.rulelang.scope import Keyed, Scope
from models.rulelang.unparse import unparse
from models.rulelang.values import Value, value

__all__ = [
    "NEVER",
    "Bind",
    "Facts",
    "Item",
    "Keyed",
    "Node",
    "Reader",
    "Rule",
    "RuleError",
    "Scope",
    "Type",
    "Value",
    "compiled",
    "counts_of",
    "fact",
    "fields_of",
    "needs",
    "parse",
    "unparse",
    "value",
    "walk",
]
