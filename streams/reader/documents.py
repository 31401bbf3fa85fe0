"""The profile document, schema 1, as types.

Generated: `profilestream contract documents.py`. Absent means unknown, so every name but those of the
head may be missing. FIELDS.md says what each means.
"""

from typing import Any, Literal, Required, TypedDict

SCHEMA = 1


class Consent(TypedDict, total=False):
    """What the customer said about being profiled."""

    status: Literal["given", "withdrawn"]
    at: str


class RfmForeign(TypedDict, total=False):
    """See FIELDS.md."""

    orders: int
    amount_minor: int


class RfmWindow(TypedDict, total=False):
    """See FIELDS.md."""

    orders: int
    monetary_minor: int


class Rfm(TypedDict, total=False):
    """Recency, frequency, money."""

    frequency: int
    monetary_minor: int
    orders_without_amount: int
    refunds_minor: int
    net_minor: int
    currency: str
    foreign: dict[str, RfmForeign]
    windows: dict[str, RfmWindow]
    first_order_at: str
    last_order_at: str
    recency_days: float
    r: int
    f: int
    m: int
    segment: Literal[
        "lost",
        "hibernating",
        "at_risk",
        "cannot_lose_them",
        "about_to_sleep",
        "need_attention",
        "loyal_customers",
        "promising",
        "potential_loyalists",
        "new_customers",
        "champions",
    ]


class Lifecycle(TypedDict, total=False):
    """Where the customer stands."""

    stage: Literal[
        "prospect",
        "new",
        "active",
        "reactivated",
        "at_risk",
        "dormant",
        "lost",
        "first_purchase",
        "repeat",
        "lapsed",
        "acquisition",
        "activation",
        "growth",
        "maturity",
        "decline",
    ]
    since: str


class TagCause(TypedDict, total=False):
    """See FIELDS.md."""

    topic: str
    partition: int
    offset: int
    timer: str
    catalogue: int
    population: int


class Tag(TypedDict, total=False):
    """See FIELDS.md."""

    value: Literal[True] | str | float
    since: str
    rule: str
    because: list[list[Any]]
    cause: TagCause
    until: str


class EngagementWindow(TypedDict, total=False):
    """See FIELDS.md."""

    clicks: int


class Engagement(TypedDict, total=False):
    """Visits and clicks."""

    clicks: int
    sessions: int
    pages: int
    activity: float
    last_click_at: str
    actions: dict[str, int]
    latest: dict[str, str]
    dwell_ms: int
    dwell_mean_ms: float
    windows: dict[str, EngagementWindow]


class JourneyCartLine(TypedDict, total=False):
    """See FIELDS.md."""

    sku: str
    qty: float
    price_minor: int


class JourneyCart(TypedDict, total=False):
    """See FIELDS.md."""

    lines: list[JourneyCartLine]
    qty: float
    value_minor: int
    since: str
    updated_at: str
    idle_since: str
    state: Literal["open", "abandoned", "expired"]


class Journey(TypedDict, total=False):
    """The way to the next order."""

    step: Literal["reach", "browse", "cart", "checkout", "order", "after_sale"]
    since: str
    steps: dict[str, str]
    cart: JourneyCart
    abandoned: Literal["cart", "browse"]


class PreferencesSlice(TypedDict, total=False):
    """See FIELDS.md."""

    orders: int
    monetary_minor: int
    last_order_at: str


class PreferencesOnline(TypedDict, total=False):
    """See FIELDS.md."""

    orders: int
    monetary_minor: int
    last_order_at: str


class PreferencesOffline(TypedDict, total=False):
    """See FIELDS.md."""

    orders: int
    monetary_minor: int
    last_order_at: str


class Preferences(TypedDict, total=False):
    """What is bought, where, and how it is paid."""

    channels: dict[str, float]
    payments: dict[str, float]
    categories: dict[str, float]
    brands: dict[str, float]
    interests: dict[str, float]
    slices: dict[str, PreferencesSlice]
    online: PreferencesOnline
    offline: PreferencesOffline


class HabitsPayday(TypedDict, total=False):
    """See FIELDS.md."""

    orders: int
    cycles: int
    ratio: float
    habit: bool


class Habits(TypedDict, total=False):
    """When the customer buys, by the customer's own clock (attribute `timezone`)."""

    hours: dict[str, int]
    weekdays: dict[str, int]
    month_days: dict[str, int]
    usual_hour: int
    usual_weekday: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    usual_month_day: int
    hour_concentration: float
    weekday_concentration: float
    month_day_concentration: float
    night_ratio: float
    weekend_ratio: float
    payday: HabitsPayday
    seasons: dict[str, float]
    holiday_ratio: float
    gap_median_days: float
    gap_spread_days: float
    next_order_from: str
    next_order_until: str


class Promotion(TypedDict, total=False):
    """Discounts and prices."""

    orders_known: int
    promo_orders: int
    coupon_orders: int
    promo_ratio: float
    discount_minor: int
    discount_ratio: float
    mean_order_minor: float
    uplift_ratio: float
    price_percentile: float


class Service(TypedDict, total=False):
    """Contacts, complaints, returns, tickets."""

    contacts: int
    repeat_contacts: int
    complaints: int
    returns: int
    open_tickets: int
    last_contact_at: str
    oldest_open_ticket_at: str
    oldest_open_ticket_days: float
    resolved_tickets: int
    resolve_mean_hours: float
    return_ratio: float


class Satisfaction(TypedDict, total=False):
    """What the customer answers and how it sounds."""

    csat_n: int
    csat_mean: float
    csat_last: float
    csat_trend: float
    nps_n: int
    nps_mean: float
    nps_last: float
    nps_trend: float
    sentiment_n: int
    sentiment_mean: float
    sentiment_last: float
    sentiment_trend: float


class Churn(TypedDict, total=False):
    """Is a silent customer still one?"""

    p_alive: float
    risk: Literal["low", "medium", "high"]
    risk_changes_at: str


class Value(TypedDict, total=False):
    """What a customer is expected to bring."""

    expected_orders_365d: float
    clv_365d_minor: int


class Health(TypedDict, total=False):
    """An early signal, from named components."""

    score: float
    band: Literal["healthy", "sub_healthy", "unhealthy"]
    components: dict[str, float]


class Cluster(TypedDict, total=False):
    """Customers that are alike."""

    id: int
    name: str
    model_version: int
    since: str
    cause: Literal["behaviour", "model"]


class Score(TypedDict, total=False):
    """See FIELDS.md."""

    value: float
    model: str
    at: str


class ProfileDocument(TypedDict, total=False):
    """Absent means unknown. Ignore what you do not know."""

    consent: Consent
    rfm: Rfm
    lifecycle: Lifecycle
    tags: Required[dict[str, Tag]]
    engagement: Engagement
    journey: Journey
    preferences: Preferences
    habits: Habits
    promotion: Promotion
    service: Service
    satisfaction: Satisfaction
    churn: Churn
    value: Value
    health: Health
    cluster: Cluster
    scores: dict[str, Score]
    attributes: dict[str, Any]
    customer_id: Required[str]
    schema: Required[Literal[1]]
    version: Required[int]
    as_of: Required[str]
    updated_at: Required[str]
    normalisation: str
    first_seen_at: str
    last_seen_at: str
    last_active_at: str
