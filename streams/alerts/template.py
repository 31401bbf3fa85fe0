"""Bodies of webhooks: a table of the rules file with `{name}` in its texts, filled from an alert.

The body is data until the end and only then JSON, so nothing that a customer id holds can break out of its
place. A text that is one placeholder and nothing else keeps the type of what it names.
"""

import re
from typing import Any

import orjson

_PLACE = re.compile(r"\{([a-z_]+)\}")
_OF_ALERTS = (
    "schema id action rule arm customer_id tag value old reason change_id seq effective_at known_at why"
)
NAMES = frozenset((*_OF_ALERTS.split(), "alert", "reason_text"))


class TemplateError(ValueError):
    """A template names what no alert has."""


def check(template: Any) -> None:
    """Refuse a template that cannot be filled.

    Raises:
        TemplateError: it names something unknown.
    """
    for text in _texts(template):
        for name in _PLACE.findall(text):
            if name not in NAMES:
                raise TemplateError(
                    f"'{{{name}}}' is nothing an alert has; there are {', '.join(sorted(NAMES))}"
                )


def fill(template: Any, alert: dict[str, Any]) -> Any:
    """The template with every place filled; `{alert}` is all of it, `{reason_text}` its reason in a line.

    >>> fill({"text": "{customer_id} is {value}"}, {"customer_id": "c-1", "value": "high"})
    {'text': 'c-1 is high'}
    """
    if isinstance(template, dict):
        return {name: fill(inner, alert) for name, inner in template.items()}
    if isinstance(template, list):
        return [fill(inner, alert) for inner in template]
    if not isinstance(template, str):
        return template
    if alone := _PLACE.fullmatch(template):
        return _value(alone[1], alert)
    return _PLACE.sub(lambda place: _text(_value(place[1], alert)), template)


def _value(name: str, alert: dict[str, Any]) -> Any:
    if name == "alert":
        return alert
    if name == "reason_text":
        return reason_text(alert.get("reason"))
    return alert.get(name)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def reason_text(reason: Any) -> str:
    """The evidence of a change in one line.

    >>> reason_text([["since(rfm.last_order_at)", "2026-01-01T00:00:00.000Z", ">=", "180d"]])
    'since(rfm.last_order_at) 2026-01-01T00:00:00.000Z >= 180d'
    """
    rows = reason if isinstance(reason, list) else []
    return "; ".join(" ".join(map(_text, row)) for row in rows if isinstance(row, list))


def _texts(template: Any) -> list[str]:
    if isinstance(template, dict):
        template = list(template.values())
    if isinstance(template, list):
        return [text for inner in template for text in _texts(inner)]
    return [template] if isinstance(template, str) else []
