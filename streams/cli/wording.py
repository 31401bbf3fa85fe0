"""What a profile says, in words of a shop; whatever is not known here is shown under its own name."""

from rich.text import Text

from models.catalogue.catalogue import Catalogue
from streams.cli.part import Part
from streams.screen import Times, holds, many, money, percent, plain

STAGES = {
    "prospect": "has not bought yet",
    "acquisition": "has not bought yet",
    "new": "one order so far",
    "first_purchase": "one order so far",
    "activation": "one order so far",
    "active": "buys regularly",
    "repeat": "has come back",
    "growth": "has come back",
    "maturity": "has bought many times",
    "reactivated": "came back after a long pause",
    "at_risk": "has not bought for a while",
    "decline": "has not bought for a while",
    "dormant": "has not bought for a long time",
    "lapsed": "has not bought for a long time",
    "lost": "probably gone",
}
SEGMENTS = {
    "champions": "bought lately, often and for much",
    "loyal_customers": "buys often",
    "potential_loyalists": "bought lately, more than once or for more than little",
    "new_customers": "bought lately for the first time",
    "promising": "bought not long ago, little so far",
    "need_attention": "used to buy more, quiet for some time",
    "about_to_sleep": "bought little, and not for some time",
    "at_risk": "was a good customer, quiet for long",
    "cannot_lose_them": "was one of the best, quiet for long",
    "hibernating": "bought little, long ago",
    "lost": "bought little, very long ago",
}
BANDS = {
    "healthy": ("healthy", "green"),
    "sub_healthy": ("sub-healthy 亚健康", "yellow"),
    "unhealthy": ("unhealthy", "red"),
}
COMPONENTS = {
    "recency": "time since the last order",
    "frequency": "how often they buy",
    "engagement": "visits",
    "satisfaction": "satisfaction",
    "service": "trouble with service",
}
STEPS = {
    "reach": "was reached: campaign, sign-up or login",
    "browse": "looking around",
    "cart": "filling a cart",
    "checkout": "at the checkout",
    "order": "has bought",
    "after_sale": "after the sale: delivery or service",
}
CARTS = {
    "open": ("being filled", "green"),
    "abandoned": ("left behind", "yellow"),
    "expired": ("given up", "dim"),
}
WEEKDAYS = {"mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday",
             "sat": "Saturday", "sun": "Sunday"}  # fmt: skip
_NTH = ("", "", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_FIRM = 0.3  # concentration from which a habit has a time: orders spread evenly have 0


def named(name: str) -> str:
    """A name of the document in words."""
    return plain(name.replace("_", " "))


def label(catalogue: Catalogue, tag_id: str, lang: str = "en") -> str:
    """What people call a tag; one without a label, or unknown to the catalogue, by its name in words."""
    tag = catalogue.by_id.get(tag_id)
    labels = tag.about.label if tag is not None else {}
    return plain(labels.get(lang) or labels.get("en") or "") or named(tag_id)


def holding(catalogue: Catalogue, tag_id: str, tag: Part) -> str:
    """A tag that is held, in a few words."""
    number = tag.number("value")
    return holds(
        label(catalogue, tag_id), tag.is_true("value") or (tag.value("value") if number is None else number)
    )


def bought(part: Part, currency: str) -> str:
    """Orders and their money, of a channel or some days."""
    orders = part.count("orders")
    return many(orders, "order") + (f", {money(part.count('monetary_minor'), currency)}" if orders else "")


def orders(rfm: Part, currency: str) -> list[str]:
    """How many orders, what they brought, and what of it is not known in the shop's money."""
    out = [many(rfm.count("frequency"), "order"), f"{money(rfm.count('net_minor'), currency)} net"]
    if refunds := rfm.count("refunds_minor"):
        out.append(f"{money(refunds, currency)} refunded")
    if unknown := rfm.count("orders_without_amount"):
        out.append(f"{many(unknown, 'order')} of unknown amount")
    foreign = rfm.part("foreign")
    for code in foreign:
        one = foreign.part(code)
        amount = money(one.count("amount_minor"), plain(code))
        out.append(f"of them {amount} in {many(one.count('orders'), 'order')}")
    return out


def cart_line(line: Part, currency: str) -> str:
    """How much of something lies in the cart, and at what price."""
    price = line.number("price_minor")
    what = f"{round(line.count('qty'), 3):g} × {line.text('sku')}"
    return f"{what} at {money(price, currency)}" if price is not None else what


def habits(part: Part, clock: str) -> list[str]:
    """When and how often a customer buys; `clock` says whose time the hours are."""
    out = []
    day = WEEKDAYS.get(part.text("usual_weekday"), "")
    hour = part.number("usual_hour")
    is_on = day and part.count("weekday_concentration") >= _FIRM
    is_at = hour is not None and 0 <= hour < 24 and part.count("hour_concentration") >= _FIRM
    if is_on or is_at:
        at = f" around {int(hour or 0):02}:00{clock}" if is_at else ", at any hour"
        out.append(f"usually buys {f'on {day}s' if is_on else 'on any day'}{at}")
    elif part:
        out.append("buys on any day at any hour")
    if (gap := part.number("gap_median_days")) is not None:
        out.append(f"about every {many(round(gap), 'day')}" if gap >= 1.5 else "about every day")
    if part.part("payday").value("habit") == "yes":
        out.append("payday shopper")
    if part.count("month_day_concentration") >= 0.8:
        out.append(f"around day {part.count('usual_month_day'):.0f} of the month")
    for name, least, what in (("weekend_ratio", 0.5, "at weekends"), ("night_ratio", 0.3, "at night"),
                              ("holiday_ratio", 0.2, "on holidays")):  # fmt: skip
        if part.count(name) >= least:
            out.append(f"{percent(part.count(name))} of orders {what}")
    seasons = part.part("seasons")
    most = max(seasons, key=seasons.count, default="")
    if seasons.count(most) >= 0.5:
        out.append(f"mostly in {named(most)} ({percent(seasons.count(most))})")
    return out


def promotion(part: Part, currency: str) -> list[str]:
    """Whether it takes a discount, whether more is bought then, and how dear the goods are."""
    out = []
    if (mean := part.number("mean_order_minor")) is not None:
        out.append(f"{money(mean, currency)} an order")
    known, ratio = part.count("orders_known"), part.number("promo_ratio")
    if known and ratio is not None:
        out.append(_how_often(part.count("promo_orders"), known, ratio) + " with a discount")
    uplift = part.number("uplift_ratio")
    if uplift is not None:
        more = f"{percent(abs(uplift))} {'more' if uplift > 0 else 'less'}"
        out.append(f"buys {more if abs(uplift) >= 0.005 else 'as much'} then")
    if coupons := part.count("coupon_orders"):
        out.append(f"{many(coupons, 'order')} with a coupon")
    if saved := part.count("discount_minor"):
        of = f" ({percent(part.count('discount_ratio'))})" if part.count("discount_ratio") else ""
        out.append(f"saved {money(saved, currency)}{of}")
    place = part.number("price_percentile")
    if place is not None:
        out.append(f"buys {'dear' if place >= 2 / 3 else 'cheap' if place <= 1 / 3 else 'mid-priced'} goods")
    return out


def _how_often(n: float, whole: float, ratio: float) -> str:
    if not ratio:
        return "never"
    if ratio >= 1:
        return "every order"
    nth = round(1 / ratio) if ratio > 0.01 else 0
    if 2 <= nth < len(_NTH) and abs(1 / nth - ratio) <= 0.04:
        return f"every {_NTH[nth]} order"
    return f"{n:.0f} of {many(whole, 'order')}"


def satisfaction(part: Part) -> list[str]:
    """What the customer said when asked, and how it sounded."""
    out = []
    if (last := part.number("csat_last")) is not None:
        n, mean = part.count("csat_n"), part.number("csat_mean")
        of = f", {percent(mean)} on average of {many(n, 'answer')}" if n > 1 and mean is not None else ""
        out.append(f"satisfied to {percent(last)} (CSAT){of}{_trend(part.count('csat_trend'), 0.1)}")
    if (last := part.number("nps_last")) is not None:
        would = (
            "would recommend us"
            if last >= 9
            else "might recommend us"
            if last >= 7
            else "would not recommend us"
        )
        out.append(f"{would}: {last:g} of 10 (NPS){_trend(part.count('nps_trend'), 1)}")
    if (last := part.number("sentiment_last")) is not None:
        sounds = "friendly" if last >= 0.25 else "annoyed" if last <= -0.25 else "neutral"
        out.append(f"sounds {sounds}{_trend(part.count('sentiment_trend'), 0.2)}")
    return out


def _trend(change: float, least: float) -> str:
    return ", rising" if change >= least else ", falling" if change <= -least else ""


def visits(part: Part, times: Times) -> list[str]:
    """How often the customer looked in."""
    out = [f"{many(part.count('clicks'), 'click')} in {many(part.count('sessions'), 'visit')}"]
    month = part.part("windows").part("30d").number("clicks")
    if month is not None:
        out.append(f"{many(month, 'click')} in 30 days")
    if last := times.ago(part.text("last_click_at")):
        out.append(f"last {last}")
    return out


def service(part: Part, times: Times) -> list[str | Text]:
    """What troubled the customer, what is still open first."""
    out: list[str | Text] = []
    if waiting := part.count("open_tickets"):
        age = times.span(part.text("oldest_open_ticket_at"))
        oldest = f", {'the oldest ' if waiting > 1 else ''}for {age}" if age else ""
        out.append(Text(many(waiting, "open ticket") + oldest, "bold red"))
    for name, noun in (("complaints", "complaint"), ("returns", "return"), ("contacts", "contact")):
        if n := part.count(name):
            out.append(many(n, noun))
    if last := times.ago(part.text("last_contact_at")):
        out.append(f"last contact {last}")
    if again := part.count("repeat_contacts"):
        out.append(f"{again:.0f} within a week of the one before")
    if (hours := part.number("resolve_mean_hours")) is not None:
        took = many(round(hours), "hour") if hours < 72 else many(round(hours / 24), "day")
        out.append(f"{many(part.count('resolved_tickets'), 'ticket')} solved, {took} on average")
    return out
