"""One event into the aggregates of a state. Order of arrival and repeats leave no trace in them.

Repeats are recognised by event id: orders and service events for `SEEN_DAYS` days after they arrived and
among the customer's latest `SEEN_MOST`; clicks among the customer's latest 64 (`engagement`). An order is
recognised by its order id besides, for as long as it stands in the ledger (`orders`).
"""

from models.attributes import Attributes
from models.consent import Consent
from models.days import WINDOWS
from models.engagement import Engagement
from models.events import Click, Control, Order, Service
from models.journey import Journey
from models.rules import DAY_MS, Rules
from models.satisfaction import Satisfaction
from models.service import Service as ServiceStats
from models.state import PASSIVE_ACTIONS, Seen, State

SEEN_DAYS = 35  # promised are 30; the rest covers events that arrive out of order
SEEN_MOST = 512  # event ids, 12 bytes each
# An order and a service event of the same id come from different systems and are two events.
SERVICE_SALT = 0x5E12_71CE


def apply(state: State, event: Order | Click | Service, rules: Rules, now_ms: int) -> bool:
    """Count an event.

    Args:
        state: private working copy, changed in place.
        event: what happened.
        rules: how it is counted.
        now_ms: the instant at which it came in; from then on its identity is remembered.

    Returns:
        False where the event is a repeat; the state is then unchanged.
    """
    at_ms = event.ts_ms
    if isinstance(event, Order):
        if not _first_time(state.seen, event.event_hash, now_ms):
            return False
        _order(state, event, rules)
    elif isinstance(event, Click):
        if state.engagement is None:
            state.engagement = Engagement()
        if not state.engagement.add(event, rules):
            return False
        _click(state, event, rules)
        if event.action in PASSIVE_ACTIONS:
            at_ms = 0
    else:
        if not _first_time(state.seen, event.event_hash ^ SERVICE_SALT, now_ms):
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
    seen.trim(today)
    if len(seen.key) >= SEEN_MOST:
        del seen.key[0], seen.until_day[0]
    seen.key.append(key)
    seen.until_day.append(today + SEEN_DAYS)
    return True


def control(state: State, event: Control, rules: Rules) -> bool:
    """Take in what is said about a customer; False where it changes nothing here."""
    if event.action == "attributes" and event.attributes:
        if state.consent is not None and not state.consent.allows(event.ts_ms):
            return False
        old = state.local(rules)
        if state.attributes is None:
            state.attributes = Attributes()
        state.attributes.add(event.ts_ms, event.attributes)
        new = state.local(rules)
        if new is not old:
            state.purchases.rezone(old, new, rules)
        return True
    if event.action == "consent" and event.consent:
        if state.consent is None:
            state.consent = Consent()
        withdrawn_ms = state.consent.withdrawn_ms
        if not state.consent.add(event.ts_ms, event.consent["status"]):
            return False
        if state.consent.withdrawn_ms > withdrawn_ms:
            state.forget()
        return True
    return False


def _order(state: State, event: Order, rules: Rules) -> None:
    state.purchases.add(event, state.local(rules), rules)
    state.orders.days.trim(rules.calendar.day(max(state.as_of_ms, event.ts_ms)), WINDOWS[-1])


def _click(state: State, event: Click, rules: Rules) -> None:
    if state.journey is None:
        state.journey = Journey()
    state.journey.click(event, rules)


def _service(state: State, event: Service, rules: Rules) -> None:
    if state.service is None:
        state.service = ServiceStats()
    state.service.add(event, rules)
    if state.journey is None:
        state.journey = Journey()
    state.journey.service(event)
    if event.score is not None or event.sentiment is not None:
        if state.satisfaction is None:
            state.satisfaction = Satisfaction()
        state.satisfaction.add(event)
