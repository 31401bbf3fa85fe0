"""What is to be expected of a customer: will they come back, what will they bring, whom are they like."""

from rich.text import Text

from streams.cli.part import Part
from streams.cli.wording import named
from streams.screen import Times, money, percent, plain

_RISKS = {"low": "green", "medium": "yellow", "high": "red"}
_NEXT = {"low": "medium", "medium": "high"}


def outlook(doc: Part, times: Times, currency: str) -> list[tuple[str, list[str | Text]]]:
    """Label and pieces of each row; of a section that is not there the pieces are empty.

    Args:
        doc: the document.
        times: the reader's now.
        currency: of its money.
    """
    return [
        ("churn", _churn(doc.part("churn"), times)),
        ("in a year", [*_value(doc.part("value"), currency), *_cluster(doc.part("cluster"), times)]),
    ]


def _churn(churn: Part, times: Times) -> list[str | Text]:
    risk, alive, rises = churn.text("risk"), churn.number("p_alive"), churn.text("risk_changes_at")
    if not risk:
        return []
    out: list[str | Text] = [Text(f"{named(risk)} risk", _RISKS.get(risk, "bold"))]
    if alive is not None:
        out.append(f"{percent(alive)} likely still a customer")
    if day := times.day(rises):
        out.append(f"{_NEXT.get(risk, 'more')} on {day} without an order")
    return out


def _value(value: Part, currency: str) -> list[str | Text]:
    orders, minor = value.number("expected_orders_365d"), value.number("clv_365d_minor")
    if orders is None:
        return []
    out: list[str | Text] = [f"{orders:.1f} orders expected"]
    if minor is not None:
        out.append(f"worth {money(minor, currency)}")
    return out


def _cluster(cluster: Part, times: Times) -> list[str | Text]:
    name, day = cluster.text("name"), times.day(cluster.text("since"))
    if not name:
        return []
    return [Text.assemble("like ", (plain(named(name), 24), "bold"), f" since {day}" if day else "")]
