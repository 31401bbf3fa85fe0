"""Rows of the field reference: what follows from orders (rfm, preferences, habits, promotion)."""

from models import habits, rfm
from models.channels import MOST as CHANNELS
from models.days import WINDOWS
from models.details import BRANDS, CATEGORIES, PAYMENTS
from models.engagement import LOOKS
from models.foreign import CURRENCIES
from models.orders import DETAILED, LEDGER
from models.reference_kinds import (
    AMOUNT,
    AT_LEAST_ONE,
    BALANCE,
    COUNT,
    DOUBLE,
    FLAG,
    FOUR,
    INSTANT,
    MINOR,
    RATIO,
    SCORE,
    SEEN,
    Field,
    Kind,
    one_of,
)
from models.seasons import SEASONS
from models.shares import HALF_LIFE_DAYS, SHOWN

_LEDGER = f"exact; cancellations reach the latest {LEDGER} orders"
_NO_ORDER = "no order counts"
_RECENT = f"of the latest {DETAILED} orders"
_LATER = f"exact for up to {CHANNELS} channels; further ones together as `other`"
_WINDOWS = tuple(f"{width}d" for width in WINDOWS)
_UNKNOWN = "no order says whether there was a discount"
_GAPS = f"of the latest {habits.GAPS + 1} orders"


def _share(name: str, meaning: str, exact: str, serves: tuple[int, ...]) -> Field:
    """A decayed share."""
    limits = f"decayed, halves every {HALF_LIFE_DAYS} days; the {SHOWN} greatest, and `other`"
    return Field(f"preferences.{name}.*", RATIO, "ratio 0..1", f"{meaning}; {limits}.",
                 "no name of this sort is known", exact, serves)  # fmt: skip


def _slice(path: str, of: str, absent: str) -> tuple[Field, ...]:
    """RFM of a part of the orders."""
    return (
        Field(f"{path}.orders", AT_LEAST_ONE, "count", f"Orders {of}.", absent, _LATER, (14, 23, 27)),
        Field(f"{path}.monetary_minor", MINOR, "minor units", f"Their known amounts, orders {of}.", absent,
              _LATER, (27,)),
        Field(f"{path}.last_order_at", INSTANT, "", f"Time of the latest order {of}.",
              f"the latest was cancelled and none other is among the latest {LEDGER} orders"
              + (f", or {absent}" if absent else ""), _LATER, (27,)),
    )  # fmt: skip


RFM = (
    Field("rfm.frequency", COUNT, "count", "Orders that count: distinct order ids without a `cancelled`.",
          exact=_LEDGER, serves=(1, 10, 15)),
    Field("rfm.monetary_minor", MINOR, "minor units", "Sum of their known amounts.", exact=_LEDGER,
          serves=(1, 11, 15, 17)),
    Field("rfm.orders_without_amount", COUNT, "count",
          "Of them without a known amount, or with one in a currency that has no rate.", exact=_LEDGER,
          serves=(9,)),
    Field("rfm.refunds_minor", MINOR, "minor units",
          "Amounts of returns and refunds; one in a currency without a rate is left out.",
          exact=SEEN, serves=(3, 15)),
    Field("rfm.net_minor", BALANCE, "minor units", "Spending less refunds; may be negative.", exact=_LEDGER,
          serves=(15,)),
    Field("rfm.currency", Kind("string", pattern="^[A-Z]{3}$"), "ISO 4217",
          "Currency of all money in the document but `rfm.foreign`.", serves=(11,)),
    Field("rfm.foreign.*.orders", AT_LEAST_ONE, "count",
          f"Orders whose amount is known only in this currency, which has no rate; at most {CURRENCIES}.",
          "every known amount could be converted", f"exact for the first {CURRENCIES} currencies", (11,)),
    Field("rfm.foreign.*.amount_minor", MINOR, "minor units of that currency", "Their amounts.",
          "every known amount could be converted", f"exact for the first {CURRENCIES} currencies", (11,)),
    Field("rfm.windows.*.orders", COUNT, "count",
          "Orders that count within so many calendar days of the setting `zone`, today included.",
          exact=_LEDGER, serves=(16,), keys=_WINDOWS),
    Field("rfm.windows.*.monetary_minor", MINOR, "minor units", "Their known amounts.", exact=_LEDGER,
          serves=(16, 17), keys=_WINDOWS),
    Field("rfm.first_order_at", INSTANT, "", "Time of the earliest order that counts.", _NO_ORDER, _LEDGER,
          (15,)),
    Field("rfm.last_order_at", INSTANT, "", "Time of the latest order that counts.", _NO_ORDER, _LEDGER,
          (15,)),
    Field("rfm.recency_days", AMOUNT, "days", "From the latest order to `as_of`, with fractions.", _NO_ORDER,
          DOUBLE, (15, 31)),
    Field("rfm.r", SCORE, "score 1..5", "Recency by the setting `recency_edges_days`, 5 is best.", _NO_ORDER,
          serves=(15,)),
    Field("rfm.f", SCORE, "score 1..5", "Frequency by the setting `frequency_edges`, 5 is best.", _NO_ORDER,
          serves=(15,)),
    Field("rfm.m", SCORE, "score 1..5", "Money by the setting `monetary_edges_minor`, 5 is best.", _NO_ORDER,
          serves=(15,)),
    Field("rfm.segment", one_of(*(name for row in rfm.SEGMENTS for name in row)), "",
          "One of the eleven segments, by recency and the mean of frequency and money.", _NO_ORDER,
          serves=(15, 18)),
)  # fmt: skip

PREFERENCES = (
    _share("channels", f"Share {_RECENT} by channel", FOUR, (14, 23)),
    _share("payments", f"Share {_RECENT} by means of payment, equal parts; {PAYMENTS} of an order",
           FOUR, (1, 23)),
    _share("categories", f"Share {_RECENT} by category, by money; {CATEGORIES} of an order and `other`",
           FOUR, (1, 11, 22)),
    _share("brands", f"Share {_RECENT} by brand, equal parts; {BRANDS} of an order", FOUR, (22,)),
    _share("interests", f"Share of the latest {LOOKS} clicks with a category", FOUR, (2, 22, 42)),
    *_slice("preferences.slices.*", "through this channel", "no order says its channel"),
    *_slice("preferences.online", "through a channel not in the setting `offline_channels`", "there is none"),
    *_slice("preferences.offline", "through a channel in the setting `offline_channels`", "there is none"),
)  # fmt: skip

_ZONED = f"exact; orders older than the latest {LEDGER} keep the time zone they were counted in"


def _habit(name: str, kind: Kind, unit: str, meaning: str, exact: str = _ZONED,
           keys: tuple[str, ...] = ()) -> Field:  # fmt: skip
    return Field(f"habits.{name}", kind, unit, meaning, exact=exact, serves=(24,), keys=keys)


HABITS = (
    _habit("hours.*", AT_LEAST_ONE, "count", "Orders by hour of the day.", keys=tuple(map(str, range(24)))),
    _habit("weekdays.*", AT_LEAST_ONE, "count", "Orders by day of the week.", keys=habits.WEEKDAYS),
    _habit("month_days.*", AT_LEAST_ONE, "count", "Orders by day of the month.",
           keys=tuple(map(str, range(1, 32)))),
    _habit("usual_hour", Kind("integer", 0, 23), "hour", "The commonest hour; of equals the earliest."),
    _habit("usual_weekday", one_of(*habits.WEEKDAYS), "",
           "The commonest day of the week; of equals the first."),
    _habit("usual_month_day", Kind("integer", 1, 31), "day of the month",
           "The commonest day of the month; of equals the first."),
    _habit("hour_concentration", RATIO, "ratio 0..1",
           "Mean resultant length of the hours on their circle: 0 spread evenly, 1 always the same.", FOUR),
    _habit("weekday_concentration", RATIO, "ratio 0..1", "The same of the days of the week.", FOUR),
    _habit("month_day_concentration", RATIO, "ratio 0..1", "The same of the days of the month, of 31.", FOUR),
    _habit("night_ratio", RATIO, "ratio 0..1", "Share of orders from 22:00 to 5:59.", FOUR),
    _habit("weekend_ratio", RATIO, "ratio 0..1", "Share of orders on Saturday or Sunday.", FOUR),
    _habit("payday.orders", COUNT, "count",
           "Orders on a payday (setting `paydays`) or one of the three days after it."),
    _habit("payday.cycles", Kind("integer", 0, habits.CYCLES), "count",
           "Months whose paydays brought such an order.",
           f"exact for the latest {habits.CYCLES} such months"),
    _habit("payday.ratio", RATIO, "ratio 0..1", "Share of such orders.", FOUR),
    _habit("payday.habit", FLAG, "",
           f"Whether there are {habits.EVIDENCE} such months, and twice the share that chance would bring."),
    _habit("seasons.*", RATIO, "ratio 0..1",
           "Share of orders by season, from the first of March, June, September and December; the setting "
           "`southern` turns them by half a year.", FOUR, SEASONS),
    Field("habits.holiday_ratio", RATIO, "ratio 0..1", "Share of orders on a day of the setting `holidays`.",
          "the setting is empty", FOUR, (24,)),
    Field("habits.gap_median_days", AMOUNT, "days", f"Median time between successive orders, {_GAPS}.",
          "fewer than 3 orders are remembered", DOUBLE, (1, 24, 45)),
    Field("habits.gap_spread_days", AMOUNT, "days", f"Third less first quartile of these times, {_GAPS}.",
          "fewer than 3 orders are remembered", DOUBLE, (24,)),
    Field("habits.next_order_from", INSTANT, "", "Latest order and first quartile: when the next is due.",
          "fewer than 4 orders, or most at one instant", "whole ms", (24, 31, 45)),
    Field("habits.next_order_until", INSTANT, "", "Latest order and third quartile: when it is overdue.",
          "fewer than 4 orders, or most at one instant", "whole ms", (24, 31, 45)),
)  # fmt: skip

PROMOTION = (
    Field("promotion.orders_known", AT_LEAST_ONE, "count", "Orders that say whether there was a discount.",
          _UNKNOWN, _LEDGER, (25,)),
    Field("promotion.promo_orders", COUNT, "count", "Of them with a discount.", _UNKNOWN, _LEDGER, (25,)),
    Field("promotion.coupon_orders", COUNT, "count", "Of them with a coupon.", _UNKNOWN, _LEDGER,
          (4, 25, 26)),
    Field("promotion.promo_ratio", RATIO, "ratio 0..1", "Share with a discount.", _UNKNOWN, FOUR, (18, 25)),
    Field("promotion.discount_minor", MINOR, "minor units", "Sum of discounts and coupons.", _UNKNOWN,
          _LEDGER, (25,)),
    Field("promotion.discount_ratio", RATIO, "ratio 0..1",
          "Discounts as a share of full prices, over orders that say both amount and discount.",
          "there is no such order, or all are 0", FOUR, (25, 26)),
    Field("promotion.mean_order_minor", AMOUNT, "minor units", "Mean known amount of an order.",
          "fewer than two amounts are known", "rounded to 2 decimals", (17,)),
    Field("promotion.uplift_ratio", Kind("number", least=-1), "ratio",
          "How much more an order with a discount is worth than one without, shrunk where there are few of "
          "either: by k/(k+5) for k orders.",
          "there are not both, or those without are worth 0", FOUR, (25,)),
    Field("promotion.price_percentile", RATIO, "ratio 0..1",
          "Where the unit prices paid lie among those of the setting `price_edges`, by category, weighted by "
          f"money; {_RECENT}.",
          "no category bought has reference prices", FOUR, (18, 26)),
)  # fmt: skip

ROWS = (*RFM, *PREFERENCES, *HABITS, *PROMOTION)
