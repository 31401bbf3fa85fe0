"""When a profile changes next if nothing happens, tags aside."""

from models.days import WINDOWS
from models.engagement import WINDOWS as CLICK_WINDOWS
from models.population.drifting import looks_again_ms
from models.view import View


def next_change_ms(view: View) -> int:
    """The earliest later instant at which a fact of the document changes with no event; 0 = never.

    Tags are not looked at; nor is what grows with every millisecond. A customer on the way to another cluster
    is looked at again before that shows.
    """
    now, state, day = view.now, view.state, view.day
    if now.withdrawn:
        return 0
    soon = [now.stage_until_ms, now.r_until_ms, now.journey.until_ms, _cluster_ms(view)]
    if view.risk is not None:
        soon.append(view.risk.until_ms)
    start_ms = view.rules.calendar.start_ms
    at_day = state.orders.days.next_change(day, WINDOWS)
    if at_day is not None:
        soon.append(start_ms(at_day))
    if state.engagement is not None:
        at_day = state.engagement.days.next_change(day, CLICK_WINDOWS)
        if at_day is not None:
            soon.append(start_ms(at_day))
    return min([at for at in soon if at], default=0)


def _cluster_ms(view: View) -> int:
    now, population, held = view.now, view.rules.population, view.state.membership
    if held is None or population is None or population.assigner is None or not now.orders:
        return 0
    return looks_again_ms(held, view.point, now.last_order_ms, view.at_ms, population.assigner)
