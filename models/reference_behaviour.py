"""Rows of the field reference: engagement, journey, service, satisfaction and health."""

from typing import get_args

from models import engagement
from models.cart import KEPT as MOVES
from models.cart import KEPT_DAYS
from models.cart import SHOWN as LINES
from models.health import COMPONENTS, Band
from models.journey import STEPS, Abandoned, CartState
from models.reference_kinds import (
    AMOUNT,
    AT_LEAST_ONE,
    COUNT,
    DOUBLE,
    FOUR,
    INSTANT,
    MINOR,
    RATIO,
    SEEN,
    SIX,
    TEXT,
    Field,
    Kind,
    one_of,
)
from models.scores import KEPT as ANSWERS
from models.service import RECENT, REPEAT_DAYS
from models.sessions import KEPT as SESSIONS
from models.tickets import KEPT as TICKETS

_CLICKS = f"exact; repeats are known among the latest {engagement.SEEN_MOST} clicks"
_SESSIONS = f"exact for the latest {SESSIONS} sessions"
_NO_DWELL = "no click says how long it lasted"
_WINDOWS = tuple(f"{width}d" for width in engagement.WINDOWS)
_ACTIONS = (*sorted(engagement.ACTIONS), engagement.OTHER_ACTION)

ENGAGEMENT = (
    Field("engagement.clicks", AT_LEAST_ONE, "count", "Clicks.", exact=_CLICKS, serves=(2, 10)),
    Field("engagement.sessions", AT_LEAST_ONE, "count",
          "Visits: a click more than 30 minutes after the one before opens a new one.", exact=_SESSIONS,
          serves=(2,)),
    Field("engagement.pages", COUNT, "count", "Page, product and list views.", exact=_CLICKS, serves=(2,)),
    Field("engagement.activity", AMOUNT, "clicks",
          f"Clicks of the latest {engagement.WINDOWS[-1]} days, decayed: halves every "
          f"{engagement.HALF_LIFE_DAYS} days.", exact=SIX, serves=(2, 32)),
    Field("engagement.last_click_at", INSTANT, "", "Time of the latest click.", serves=(2,)),
    Field("engagement.actions.*", AT_LEAST_ONE, "count", "Clicks by action; unknown ones as `other`.",
          exact=_CLICKS, serves=(2, 4, 5), keys=_ACTIONS),
    Field("engagement.latest.*", INSTANT, "", "Time of the latest click of each action.", serves=(2, 33),
          keys=_ACTIONS),
    Field("engagement.dwell_ms", COUNT, "ms", "Time spent as the clicks tell it, each at most 6 hours.",
          _NO_DWELL, "exact, whole ms a click", (2,)),
    Field("engagement.dwell_mean_ms", AMOUNT, "ms", "The same by click that tells it.", _NO_DWELL, DOUBLE,
          (2, 28)),
    Field("engagement.windows.*.clicks", COUNT, "count",
          "Clicks within so many calendar days of the setting `zone`, today included.", exact=_CLICKS,
          serves=(2,), keys=_WINDOWS),
)  # fmt: skip

_EMPTY = "the cart is empty"
_CART = f"exact for the latest {MOVES} moves of the {KEPT_DAYS} days before the newest"


def _cart(name: str, kind: Kind, unit: str, meaning: str, absent: str = _EMPTY) -> Field:
    return Field(f"journey.cart.{name}", kind, unit, meaning, absent, _CART, (2, 29))


JOURNEY = (
    Field("journey.step", one_of(*STEPS), "",
          "The furthest step since the latest order, else the after-sale or the order itself.", serves=(28,)),
    Field("journey.since", INSTANT, "", "When that step was last taken.",
          "the step is `order`: see `rfm.last_order_at`", serves=(28,)),
    Field("journey.steps.*", INSTANT, "",
          "When each step but the order (`rfm.last_order_at`) was last taken, before the latest order too.",
          "nothing but orders is known", serves=(28,), keys=tuple(step for step in STEPS if step != "order")),
    _cart("lines[].sku", TEXT, "",
          f"What lies in the cart since the latest order; the first {LINES} by name."),
    _cart("lines[].qty", AMOUNT, "units", "How much of it, to the thousandth."),
    _cart("lines[].price_minor", MINOR, "minor units", "Unit price when it was last added with one.",
          "no price was said"),
    _cart("qty", AMOUNT, "units", "Sum of the quantities of all lines, shown or not."),
    _cart("value_minor", MINOR, "minor units", "Sum of price by quantity, lines without a price as 0."),
    _cart("since", INSTANT, "", "Since when something has lain in it."),
    _cart("updated_at", INSTANT, "", "When something was last put in or taken out."),
    _cart("idle_since", INSTANT, "", "The same, or the beginning of a checkout after it."),
    _cart("state", one_of(*get_args(CartState)), "",
          "Abandoned after the setting `cart_abandoned_s`, expired after 30 days."),
    Field("journey.abandoned", one_of(*get_args(Abandoned)), "",
          "What was left lying: a filled cart, or, without one, looking around after the setting "
          "`browse_abandoned_s`; for 30 days.", "nothing was", serves=(28, 29)),
)  # fmt: skip

_TICKETS = f"exact for the latest {TICKETS} tickets"
_NO_OPEN = "no ticket is open"
_NO_CLOSED = "no ticket was resolved"

SERVICE = (
    Field("service.contacts", COUNT, "count",
          "How often the customer turned to us: tickets, complaints, returns, refunds, answers.",
          exact=SEEN, serves=(3, 40)),
    Field("service.repeat_contacts", COUNT, "count",
          f"Contacts within {REPEAT_DAYS} days of the one before, among the latest {RECENT}.", serves=(40,)),
    Field("service.complaints", COUNT, "count", "Complaints.", exact=SEEN, serves=(3, 40)),
    Field("service.returns", COUNT, "count", "Returns.", exact=SEEN, serves=(3,)),
    Field("service.open_tickets", COUNT, "count",
          "Tickets opened, or opened again, after they were last resolved.", exact=_TICKETS, serves=(3, 40)),
    Field("service.last_contact_at", INSTANT, "", "Time of the latest contact.", "there was none",
          serves=(3,)),
    Field("service.oldest_open_ticket_at", INSTANT, "", "When the oldest open ticket was first opened.",
          _NO_OPEN, _TICKETS, (40,)),
    Field("service.oldest_open_ticket_days", AMOUNT, "days", "From then to `as_of`, with fractions.",
          _NO_OPEN, DOUBLE, (40,)),
    Field("service.resolved_tickets", AT_LEAST_ONE, "count", "Tickets that were opened and are resolved.",
          _NO_CLOSED, _TICKETS, (40,)),
    Field("service.resolve_mean_hours", AMOUNT, "hours", "Mean time from first opening to last resolution.",
          _NO_CLOSED, DOUBLE, (40,)),
    Field("service.return_ratio", RATIO, "ratio 0..1", "Returns per order that counts, at most 1.",
          "no order counts", FOUR, (3,)),
)  # fmt: skip


def _answers(name: str, what: str, more: str, unit: str, least: float, most: float) -> tuple[Field, ...]:
    """Rows of one sort of answer."""
    none, width = f"there was no {what}", most - least
    return (
        Field(f"satisfaction.{name}_n", AT_LEAST_ONE, "count", f"Number of {more}.", none, SEEN,
              (6, 39)),
        Field(f"satisfaction.{name}_mean", Kind("number", least, most), unit, f"Mean of all {more}.", none,
              SIX, (39,)),
        Field(f"satisfaction.{name}_last", Kind("number", least, most), unit, f"The latest {what}.", none,
              SIX, (6, 39)),
        Field(f"satisfaction.{name}_trend", Kind("number", -width, width), unit,
              f"The latest less the mean of the up to {ANSWERS - 1} before it.",
              f"there was no {what} before the latest", SIX, (39,)),
    )  # fmt: skip


SATISFACTION = (
    *_answers("csat", "CSAT answer", "CSAT answers", "ratio 0..1 of its scale", 0, 1),
    *_answers("nps", "NPS answer", "NPS answers", "score 0..10", 0, 10),
    *_answers("sentiment", "sentiment", "sentiments", "-1 bad to 1 good", -1, 1),
)

HEALTH = (
    Field("health.score", Kind("number", 0, 100), "score 0..100",
          "Weighted mean of the known components, setting `health_weights`.",
          exact="rounded to 2 decimals", serves=(32,)),
    Field("health.band", one_of(*get_args(Band)), "",
          "Band of the unrounded score, setting `health_edges`; sub_healthy is the early warning.",
          serves=(31, 32)),
    Field("health.components.*", RATIO, "ratio 0..1",
          "Recency score; orders of 90 days against the year's pace; clicks of 30 days against those of 90; "
          "mean of the latest answers; 1 less open tickets, repeated contacts and complaints.",
          "nothing is known of that component", FOUR, (32,), COMPONENTS),
)  # fmt: skip

_NO_POPULATION = "nothing is known of the population yet"
CHURN = (
    Field("churn.p_alive", RATIO, "probability 0..1",
          "That the customer has not dropped out, by BG/NBD, as of `as_of`; of one who bought once, by how "
          "long those took who came back.", _NO_POPULATION, SIX, (31,)),
    Field("churn.risk", one_of("low", "medium", "high"), "",
          "By what silence has left of p(alive) since the latest order, below .7 medium, below .4 high; by "
          "days (setting `churn_days`) while the population is not known, or with `churn_rule` fixed.",
          serves=(31,)),
    Field("churn.risk_changes_at", INSTANT, "", "When the risk rises if nothing happens.",
          "it is high already", serves=(31, 45)),
)  # fmt: skip

VALUE = (
    Field("value.expected_orders_365d", AMOUNT, "count",
          "Days with an order that are expected in the coming 365, by BG/NBD.", exact=FOUR, serves=(37,)),
    Field("value.clv_365d_minor", MINOR, "minor units",
          "What they are expected to bring, by Gamma-Gamma, not discounted.", "no amount is known",
          "whole minor units", (37,)),
)  # fmt: skip

CLUSTER = (
    Field("cluster.id", COUNT, "", "Number of the cluster; stays through new models.", serves=(34,)),
    Field("cluster.name", TEXT, "", "Its name.", serves=(34,)),
    Field("cluster.model_version", AT_LEAST_ONE, "", "Snapshot of the population it was last held against.",
          serves=(34,)),
    Field("cluster.since", INSTANT, "", "Since when the customer has belonged to it.", serves=(34,)),
    Field("cluster.cause", one_of("behaviour", "model"), "",
          "What made it that one: the customer, or another model.", serves=(34,)),
)  # fmt: skip

ROWS = (*ENGAGEMENT, *JOURNEY, *SERVICE, *SATISFACTION, *CHURN, *VALUE, *HEALTH, *CLUSTER)
