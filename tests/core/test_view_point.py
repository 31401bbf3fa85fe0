"""Where a customer is among all: recency, frequency and money, by logarithms, at the instant of the view."""

from math import log1p

import orjson
import pytest

from models import step
from models.events import parse
from models.rules import DAY_MS
from models.state import State
from models.step import Arrival
from models.view import View
from streams.config import Config

AT_MS = 1_790_000_000_000


def test_a_point_is_made_of_recency_frequency_and_money() -> None:
    state, rules = State(), Config().rules()
    for n, amount in enumerate((19.99, 40.01)):
        raw = {"type": "order", "event_id": f"e{n}", "customer_id": "c", "ts": AT_MS + n, "order_id": f"o{n}",
               "amount": amount}  # fmt: skip
        event = parse("order", orjson.dumps(raw), latest_ms=None)
        step.on_events(state, [Arrival(event, "orders/0", n, event.ts_ms)], rules, live=False)
    view = View(state, AT_MS + 1, rules)
    assert view.point == pytest.approx((log1p(0), log1p(2), log1p(60)))
    assert view.later(AT_MS + 1 + 9 * DAY_MS).point == pytest.approx((log1p(9), log1p(2), log1p(60)))
