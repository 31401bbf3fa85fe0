"""One event into the aggregates of a state. Order of arrival and repeats leave no trace in them.

Repeats are recognised by event id: orders and service events for `SEEN_DAYS` days after they arrived and
among the customer's latest `SEEN_MOST`; clicks among the customer's latest 64 (`engagement`). An order is
recognised by its order id besides, for as long as it stands in the ledger (`orders`).
"""

from models.engagement import Engagement
from models.events import Click, Control, Order, Service
from models.orders import CANCELLED, UNKNOWN
from models.rules import DAY_MS, Rules
from models.satisfaction import Satisfaction
from models.service import Service as ServiceStats
from models.standing import ORDER_WINDOWS
from models.state import PASSIVE_ACTIONS, Seen, State

SEEN_DAYS = 35  # promised are 30; the rest covers events that arrive out of order
SEEN_MOST = 512  # event ids, 12 bytes each
# An order and a service event of the same id come from different systems and are two events.
SERVICE_SALT = 0x5E12_71CE


def apply(state: State, event: Order | Click | Service | Control, rules: Rules) -> bool:
    """Count an event.

    Returns:
        False where the event is a repeat; the state is then unchanged.
    """
    at_ms = event.ts_ms
    if type(event) is Order:
        if not _first_time(state.seen, event.event_hash, max(state.as_of_ms, at_ms)):
            return False
        _order(state, event, rules)
    elif type(event) is Click:
        if state.engagement is None:
            state.engagement = Engagement()
        if not state.engagement.add(event, rules):
            return False
        if event.action in PASSIVE_ACTIONS:
            at_ms = 0
    elif type(event) is Service:
        if not _first_time(state.seen, event.event_hash ^ SERVICE_SALT, max(state.as_of_ms, at_ms)):
            return False
        _service(state, event, rules)
        if event.action in PASSIVE_ACTIONS:
            at_ms = 0
    state.first_seen_ms = min(event.ts_ms, state.first_seen_ms or event.ts_ms)
    state.last_seen_ms = max(event.ts_ms, state.last_seen_ms)
    state.last_active_ms = max(at_ms, state.last_active_ms)
    return True


def _first_time(seen: Seen, key: int, now_ms: int) -> bool:
    if key in seen.key:
        return False
    today = now_ms // DAY_MS
    if seen.until_day and (seen.until_day[0] < today or len(seen.key) >= SEEN_MOST):
        drop = sum(1 for day in seen.until_day if day < today) or 1
        del seen.key[:drop], seen.until_day[:drop]
    seen.key.append(key)
    seen.until_day.append(today + SEEN_DAYS)
    return True


def _order(state: State, event: Order, rules: Rules) -> None:
    if event.status == "cancelled":
        minor = CANCELLED
    elif event.amount_minor is None or (event.currency is not None and event.currency != rules.currency):
        minor = UNKNOWN
    else:
        minor = event.amount_minor
    state.orders.join(event.order_hash, event.ts_ms, minor, rules.calendar)
    state.orders.days.trim(rules.calendar.day(max(state.as_of_ms, event.ts_ms)), ORDER_WINDOWS[-1])


def _service(state: State, event: Service, rules: Rules) -> None:
    if state.service is None:
        state.service = ServiceStats()
    state.service.add(event, rules)
    if event.score is not None or event.sentiment is not None:
        if state.satisfaction is None:
            state.satisfaction = Satisfaction()
        state.satisfaction.add(event)
