"""Terms of evidence, in words: what a fact is called, its unit, how much of it, and why it is not known.

A fact is the canonical text of an expression (`models.rulelang`). It comes out of a document, so it may be
any text: one that is no expression over the fields of this version has no term.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from models.catalogue.scope import documented, scope
from models.reference import SECTIONS
from models.rulelang import Node, RuleError, parse, walk
from models.rulelang.literals import write_number
from models.rulelang.nodes import Arith, Call, Const, Field
from streams.cli.nouns import ACTIONS, CLICK, NOUNS, ORDER, POPULATION, SERVICE, STEPS, UNKNOWN, moved_by
from streams.cli.part import Part
from streams.cli.wording import WEEKDAYS, named
from streams.screen import figure, many, money

_ATTRIBUTE = re.compile(r'attributes\["([^"\\]{1,64})"\]')
_RULE_UNITS = {"frequency": "count", "monetary": "minor units", "recency": "days", "threshold": "days"}
_SPANS = ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1_000, "second"))
_CLAUSES = ("no ", "there was no ", "the cart is ", "fewer than ")  # how a reason begins that stands alone


@lru_cache(maxsize=1_024)
def term(fact: str, kind: str = "text") -> Node | None:
    """The expression of a fact; `kind` is what its attributes are, if it speaks of any."""
    attributes = dict.fromkeys(_ATTRIBUTE.findall(fact), kind)
    try:
        return parse(fact, scope(attributes), expect=None)
    except RuleError:
        return None


def fields(node: Node) -> Iterator[Field]:
    """The fields it speaks of."""
    return (one for one, _ in walk(node) if isinstance(one, Field))


def noun(node: Node) -> str:
    """What it is called, with a bar where it is counted."""
    match node:
        case Field():
            return _field(node)
        case Call(name="count", args=(Const(value=subject), Const(value=window_ms))):
            return f"{ACTIONS.get(str(subject)) or named(str(subject)) + '|'} within {span(int(window_ms))}"
        case Call():
            return noun(node.args[0])
        case Const(value=value):
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if node.type.kind == "duration" and is_number:
                return span(float(value))
            return figure(float(value)) if is_number else named(str(value))
        case Arith():
            return _arith(node)
        case _:
            return "condition"


def plural(node: Node) -> str:
    """What it is called where no number stands before it."""
    singular, bar, rest = noun(node).partition("|")
    return f"{_several(singular)}{rest}" if bar else singular


def counted(n: float, noun_: str) -> str:
    """So many of what a noun with a bar counts.

    >>> counted(1, "order| in 30 days"), counted(2, "search|")
    ('1 order in 30 days', '2 searches')
    """
    singular, _, rest = noun_.partition("|")
    return f"{figure(n)} {singular if n == 1 else _several(singular)}{rest}"


def unit(node: Node) -> str:
    """As the reference has it."""
    match node:
        case Field(path=path):
            row = documented(path)
            rule = path.partition(".")[2].partition("_")[0]
            return row.unit if row is not None else _RULE_UNITS.get(rule, "")
        case Call(name="count"):
            return "count"
        case Arith(op="+" | "-"):
            return unit(node.left) or unit(node.right)
        case Arith(op="*"):
            return unit(node.right if isinstance(node.left, Const) else node.left)
        case Arith() if isinstance(node.right, Const):
            return unit(node.left)
        case Arith():
            money_per = "minor units" if unit(node.left) == "minor units" else ""
            return "ratio" if _is_share(node) else money_per
        case _:
            return ""


def amount(node: Node, n: float, currency: str) -> str:
    """So much of it, in its unit."""
    measure = unit(node)
    if measure.startswith("minor units"):
        key = next((one.key for one in fields(node) if one.path.startswith("rfm.foreign")), None)
        return money(n, named(key) if key else currency)
    if measure.startswith("ratio"):
        return f"{figure(round(100 * n, 2))} %"
    if measure in ("days", "hours"):
        return many(round(n, 1), measure.removesuffix("s"))
    if measure == "ms":
        return span(n)
    return f"{int(n):02}:00" if measure == "hour" else figure(n)


def whole(node: Node) -> str:
    """What a score is out of, behind it; "" of all else."""
    measure = unit(node)
    is_score = measure.startswith("score ") and isinstance(node, Field) and not node.path.endswith("_trend")
    return f" of {measure.rpartition('.')[2]}" if is_score else ""


def span(ms: float) -> str:
    """A duration in the two largest of its units.

    >>> span(86_400_000), span(1_785_055_000), span(1_500), span(0)
    ('1 day', '20 days 15 hours', '1 second', '0 seconds')
    """
    out: list[str] = []
    for one_ms, name in _SPANS:
        n, ms = divmod(ms, one_ms)
        if n:
            out.append(many(n, name))
    return " ".join(out[:2]) or "0 seconds"


def unknown(node: Node, doc: Part) -> str:
    """Why it is not known."""
    asked = [one for one in fields(node) if documented(one.path) is not None]
    absent = [one for one in asked if not _is_there(doc, one)]
    reason = _reason(absent[0], doc) if absent else ""
    verb = "are" if "|" in noun(node) else "is"
    return reason or f"{plural(node)} {verb} not known"


def moved(nodes: list[Node]) -> list[str]:
    """What can move any of them before their time."""
    out: list[str] = []
    for node in nodes:
        for one, _ in walk(node):
            if isinstance(one, Field):
                out += moved_by(one.path)
            elif isinstance(one, Call) and one.name == "count" and isinstance(one.args[0], Const):
                out.append({"orders": ORDER, "contacts": SERVICE}.get(str(one.args[0].value), CLICK))
    return list(dict.fromkeys(out))


def _field(node: Field) -> str:
    path, key = node.path, node.key or ""
    if path.startswith("population."):
        what, _, place = path.partition(".")[2].partition("_p")
        return f"what {place} % of all customers stay below in {POPULATION.get(what, what)}"
    if path == "engagement.actions":
        return ACTIONS.get(key, named(key) + "|")
    if path == "engagement.latest":
        return f"last {ACTIONS.get(key, named(key)).replace('|', '')}"
    if path == "journey.steps":
        return f"last {STEPS.get(key, named(key))}"
    return NOUNS.get(path, named(path.replace(".", " "))).format(_key(path, key))


def _key(path: str, key: str) -> str:
    if ".windows." in path:
        return many(int(key.removesuffix("d")), "day")
    return WEEKDAYS.get(key, named(key)) if path == "habits.weekdays" else named(key)


def _several(singular: str) -> str:
    return singular + ("es" if singular.endswith(("s", "x", "ch", "sh")) else "s")


def _arith(node: Arith) -> str:
    left, right = node.left, node.right
    if node.op == "/":
        if isinstance(right, Const):
            return f"{plural(left)} divided by {noun(right)}"
        return f"{plural(left)} {'as a share of' if _is_share(node) else 'per'} {plural(right)}"
    if node.op == "*":
        if isinstance(right, Const) and right.type.kind == "duration":
            return plural(left)  # a number of days, as a duration
        number, other = (left, right) if isinstance(left, Const) else (right, left)
        if isinstance(number, Const):
            return f"{write_number(number.value)} times the {plural(other)}"  # type: ignore[arg-type]
        return f"{plural(left)} times {plural(right)}"
    return f"{plural(left)} {'plus' if node.op == '+' else 'less'} {plural(right)}"


def _is_share(node: Arith) -> bool:
    """Whether it divides like by like."""
    if isinstance(node.left, Const) or isinstance(node.right, Const):
        return False
    is_money = unit(node.left) == unit(node.right) == "minor units"
    heads = [noun(side).partition("|") for side in (node.left, node.right)]
    return is_money or (heads[0][:2] == heads[1][:2] and heads[0][1] == "|")


def _is_there(doc: Part, field: Field) -> bool:
    path = field.path.replace("*", field.key or "") if "*" in field.path else field.path
    *above, last = path.split(".") + ([field.key] if field.key and "*" not in field.path else [])
    for name in above:
        doc = doc.part(name)
    return last in list(doc)


def _reason(field: Field, doc: Part) -> str:
    path, key = field.path, field.key or ""
    if path in ("engagement.latest", "engagement.actions", "journey.steps"):
        return f"no {_field(field).replace('|', '').removeprefix('last ')} so far"
    if path in UNKNOWN:
        return UNKNOWN[path].format(_key(path, key))
    if key:
        return ""  # others may be known
    row, section = documented(path), path.partition(".")[0]
    reasons = [row.absent if row is not None else ""]
    if section in SECTIONS and not doc.part(section):
        reasons.append(SECTIONS[section][1])
    return next((reason for reason in reasons if reason.startswith(_CLAUSES)), "")
