"""The reference of the public profile document: every field, and the page that is made of it.

The rows stand in `reference_customer`, `reference_orders` and `reference_behaviour`; `reference_schema`
makes the JSON Schema of the same rows. Nothing on the way of an event comes here.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from models import reference_behaviour, reference_customer, reference_orders
from models.reference_kinds import Field, Kind

FIELDS: tuple[Field, ...] = (*reference_customer.ROWS, *reference_orders.ROWS, *reference_behaviour.ROWS)
REQUIRED = ("customer_id", "schema", "version", "as_of", "updated_at", "tags")

# Sections in the order of the document: what each is, and when it is not there.
SECTIONS = {
    "": ("The document", ""),
    "consent": ("What the customer said about being profiled.", "nothing was ever said"),
    "rfm": ("Recency, frequency, money.", "consent is withdrawn"),
    "lifecycle": ("Where the customer stands.", "consent is withdrawn"),
    "tags": ("What is held of the customer now, by tag, and why.", ""),
    "engagement": ("Visits and clicks.", "there was no click"),
    "journey": ("The way to the next order.", "no step is known"),
    "preferences": ("What is bought, where, and how it is paid.", "nothing is known of it"),
    "habits": ("When the customer buys, by the customer's own clock (attribute `timezone`).",
               "fewer than 3 orders count"),
    "promotion": ("Discounts and prices.", "no order says an amount or a discount"),
    "service": ("Contacts, complaints, returns, tickets.", "there was no service event"),
    "satisfaction": ("What the customer answers and how it sounds.", "nothing was said"),
    "churn": ("Is a silent customer still one?", "no order counts"),
    "value": ("What a customer is expected to bring.", "no order counts, or nothing is known of others"),
    "health": ("An early signal, from named components.", "no component is known"),
    "cluster": ("Customers that are alike.", "no order counts, or there are no clusters yet"),
    "scores": ("What models elsewhere say of the customer.", "none said anything"),
    "attributes": ("What other systems state about the customer.", "nothing is stated"),
}  # fmt: skip


class Capability(NamedTuple):
    """Something a customer profile is expected to give; `besides` is what serves it that is no field."""

    name: str
    besides: str = ""


CAPABILITIES = {
    1: Capability("Transactions: orders, amounts, payment"),
    2: Capability("Behaviour on site and in the app"),
    3: Capability("Service records"),
    4: Capability("Response to campaigns"),
    5: Capability("Social events", "any action is accepted; unknown ones count as `other`"),
    6: Capability("Answers to surveys"),
    7: Capability("Base attributes from other systems"),
    8: Capability("External data", "stated as attributes; scores of other models as `scores.*`"),
    9: Capability("Cleaning", "what breaks the contract goes to topic `dead-letter` with a reason"),
    10: Capability("Repeats are counted once", "by event id and by order id, before anything is counted"),
    11: Capability("One currency, one spelling", "settings `rates`, `categories`, `channels`"),
    12: Capability("Masking", "setting `privacy`, before anything is stored"),
    14: Capability("Many channels in one profile", "setting `sources` maps the fields of producers"),
    15: Capability("Recency, frequency, monetary value"),
    16: Capability("Purchases by month, quarter, year"),
    17: Capability("Quantitative tags: mean spend"),
    18: Capability("Descriptive tags"),
    19: Capability("Rules of one's own for tags", "`profilestream tags`: check, diff, apply"),
    20: Capability("Tags that change with behaviour and with time", "topic `tag-changes`"),
    22: Capability("Category and brand preference"),
    23: Capability("Channel and payment preference"),
    24: Capability("Time habits: hour, date, payday, holidays, seasons"),
    25: Capability("Promotion sensitivity"),
    26: Capability("Price sensitivity"),
    27: Capability("Online and offline compared"),
    28: Capability("Funnel: step and times of one customer", "funnels over many customers are for BI"),
    29: Capability("Abandoned cart and visit"),
    30: Capability("Lifecycle stages, three vocabularies"),
    31: Capability("Churn warning", "`profilestream alerts`, `profilestream feedback`"),
    32: Capability("Health and its early signal"),
    33: Capability("Purchase intent (in part)", "tag `high_intent`; there is no probability yet"),
    34: Capability("Groups found by clustering"),
    37: Capability("Lifetime value"),
    38: Capability("High potential"),
    39: Capability("Satisfaction and loyalty"),
    40: Capability("Service quality, pain points"),
    42: Capability("Interests"),
    45: Capability("Reminders (in part)", "when the next order is due; no reminder is sent yet"),
    54: Capability("Privacy and consent (in part)", "erasure on request is not there yet"),
    56: Capability("Always current instead of a snapshot"),
}
# Expected of the stream and not served by it yet; the numbers go on.
LATER = {
    13: "One customer of several identities: alias, merge, undo",
    51: "Live page of operations (`lag` and `doctor` are there)",
    53: "Expiry of stale profiles (shares and activity decay already)",
}
OUTSIDE = (
    "Association rules, trained models, review of the tag system, recommendation, campaigns, retention, "
    "charts and sharing are the business of readers: they read this document, `profilestream export` and "
    "topic `tag-changes`."
)
_HEAD = """# Fields of the profile

Generated by `profilestream fields` from `models/reference.py`; the same as JSON Schema, by
`profilestream fields --format json-schema`: [deploy/schema/profile-1.json](deploy/schema/profile-1.json).

- Absent means unknown or not applicable, never zero. Where "absent when" is empty, the field is there
  whenever its section is.
- Ignore fields, keys and tags you do not know: new ones may come within one `schema`.
- In a path `*` is a key that varies, `[]` an element of a list. An `instant` is text, ISO-8601 in UTC with ms
  (`2026-11-25T08:30:00.000Z`). Money is an integer of minor units of `rfm.currency`.
- An order counts unless it was cancelled; its time is the earliest of its events. All is as of `as_of`,
  whatever the order in which events arrived.
"""


@lru_cache(maxsize=4_096)
def find(parts: tuple[str, ...]) -> Field | None:
    """The row of a path in a document, given name by name; below a row of type any, that row."""
    for field in FIELDS:
        mine = field.parts
        is_long_enough = len(mine) == len(parts) or (field.kind.json == "any" and len(mine) < len(parts))
        if is_long_enough and all(a in ("*", b) for a, b in zip(mine, parts, strict=False)):
            return field
    return None


def field_table() -> str:
    """The page FIELDS.md, Markdown."""
    lines = [_HEAD]
    for section, (title, absent) in SECTIONS.items():
        lines += [f"## {f'`{section}`' if section else title}", ""]
        if section:
            lines += [f"{title} Absent when {absent}." if absent else f"{title} Always there.", ""]
        lines += ["| field | type | unit | meaning | absent when | exactness |", "|---|---|---|---|---|---|"]
        keys: tuple[str, ...] = ()
        for field in FIELDS:
            if _section(field) == section:
                lines.append(_row(field, explain=field.keys != keys))
                keys = field.keys
        lines.append("")
    lines += ["## What is expected of a profile, and the fields that give it", ""]
    lines += [_capability(number) for number in CAPABILITIES]
    lines += ["", "Not served yet:", "", *(f"- {name}" for name in LATER.values()), "", OUTSIDE]
    return "\n".join(lines) + "\n"


def _section(field: Field) -> str:
    return field.parts[0] if len(field.parts) > 1 else ""


def _row(field: Field, *, explain: bool) -> str:
    """`explain` says what `*` can be; the row before may have said it."""
    meaning = field.meaning
    if field.keys and explain:
        names = [f"`{key}`" for key in field.keys]
        listed = ", ".join(names) if len(names) <= 16 else f"{names[0]} to {names[-1]}"
        meaning += f" `*`: {listed}."
    cells = (f"`{field.path}`", kind_text(field.kind), field.unit, meaning, field.absent, field.exact)
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def kind_text(kind: Kind) -> str:
    """A type for a reader.

    >>> kind_text(Kind("integer", 1, 5)), kind_text(Kind("string", values=("a", "b")))
    ('integer, 1 to 5', 'string: `a`, `b`')
    """
    text = {"tag": "true, string or number", "any": "any JSON value", "evidence": "list of lists"}.get(
        kind.json, kind.json
    )
    if kind.values:
        text += ": " + ", ".join(f"`{value}`" for value in kind.values)
    elif kind.least is not None and kind.most is not None:
        text += f", {kind.least} to {kind.most}"
    elif kind.least is not None:
        text += f", {kind.least} or more"
    return text


def serving(number: int) -> Iterator[Field]:
    """The fields that serve a capability."""
    return (field for field in FIELDS if number in field.serves)


def _capability(number: int) -> str:
    name, besides = CAPABILITIES[number]
    fields = ", ".join(f"`{field.path}`" for field in serving(number))
    return f"- **{name}**: {fields}" + (f" ({besides})" if besides else "")
