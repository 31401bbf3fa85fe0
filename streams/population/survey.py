"""The panel out of the store: everyone is looked at, and those of the sample are remembered.

Profiles are found by SCAN, so nobody has to tell the trainer anything: a panel fed by the workers' own
messages would have to be filled anew, and could miss one, whenever either side starts again.
"""

import msgspec

from models import codec
from models.calendar import Calendar
from models.population.row import Row
from models.population.sample import EVERYONE, in_panel
from models.state import State
from streams.pace import paced
from streams.population.panel import CAPACITY, SHRINK, Panel
from streams.store.contract import Store

SCANNED = 512  # keys looked at in one call


def row_of(state: State, calendar: Calendar) -> Row | None:
    """What the panel remembers of a customer; None for who withdrew, or has no order that counts.

    Args:
        state: of the customer.
        calendar: whose days make purchase occasions.
    """
    orders = state.orders
    if state.withdrawn or not orders.n:
        return None
    return Row(
        first_ms=orders.first_ms(),
        second_ms=orders.second_ms(calendar),
        last_ms=orders.last_ms(),
        orders=orders.n,
        occasions=orders.occasions,
        total_minor=orders.total_minor,
        valued=orders.valued,
    )


class Survey(msgspec.Struct):
    """A panel being filled.

    Attributes:
        panel: rows so far.
        newest_ms: the latest order of any of them, epoch ms; 0 = none.
        unreadable: customers whose state another version wrote; they are left out.
    """

    panel: Panel
    newest_ms: int = 0
    unreadable: int = 0


async def survey(store: Store, calendar: Calendar, share: float, capacity: int = CAPACITY) -> Survey:
    """Everyone in the sample, a little at a time, with rests as long as the looks.

    Args:
        store: of the profiles.
        calendar: whose days make purchase occasions.
        share: of all customers that was in the panel before. The panel begins one step wider: where
            customers have gone, there is room again.
        capacity: most customers in the panel.

    Raises:
        StoreError: the store did not answer.
    """
    out = Survey(Panel(capacity, min(EVERYONE, share / SHRINK)))
    cursor = 0
    while True:
        cursor, ids = await store.scan(cursor, SCANNED)
        await paced(_look(store, calendar, ids, out))
        if not cursor:
            return out


async def _look(store: Store, calendar: Calendar, ids: list[str], out: Survey) -> None:
    mine = [cid for cid in ids if in_panel(cid, out.panel.share)]
    for cid, stored in (await store.load(mine)).items():
        if not stored.state:
            continue  # gone since the scan
        try:
            row = row_of(codec.decode(stored.state), calendar)
        except codec.CodecError:
            out.unreadable += 1
            continue
        out.panel.take(cid, row)
        out.newest_ms = max(out.newest_ms, row.last_ms if row is not None else 0)
