"""The population snapshot: everything that a worker has to know of the others, as one versioned JSON object.

Parts for which the panel was too small are absent, and the fixed thresholds of `Rules` stand in for them.
`codec` reads, writes and checks it.
"""

import msgspec

from models.population.sample import EVERYONE

SCHEMA = 1
Four = tuple[int, int, int, int]
Three = tuple[float, float, float]


class SnapshotError(Exception):
    """A snapshot cannot be used; the message is one sentence that says why."""


class Edges(msgspec.Struct, frozen=True):
    """The four edges between five scores of one measure, each with the band in which a score is held.

    Attributes:
        at: quantiles .2, .4, .6, .8 of the panel, ascending; equal ones where customers tie.
        low: lower end of each band.
        high: upper end of each band.
    """

    at: Four
    low: Four
    high: Four


class Quintiles(msgspec.Struct, frozen=True):
    """Edges of the three measures over customers with an order: silence in ms, orders, minor units."""

    recency_ms: Edges
    frequency: Edges
    monetary_minor: Edges


class Clusters(msgspec.Struct, frozen=True):
    """Centres of customers that are alike, in standardised feature space.

    Attributes:
        algorithm: what found them, with its version.
        features: names of the features, in order.
        transform: name and version of the way from raw values to features.
        mean: of each feature over the panel.
        sd: standard deviation of each.
        clip: standardised features are cut off at +-clip.
        ids: stable number of each cluster.
        names: of each.
        centres: k rows of standardised features.
        weights: share of the panel in each, 0..1.
        margin: another cluster must be nearer by this share of the squared distance, 0..1.
        dwell: evaluations in a row that must say so.
        inertia: mean squared distance to the nearest centre.
        drift: whether the population has lately moved away from its clusters.
    """

    algorithm: str
    features: tuple[str, ...]
    transform: str
    mean: Three
    sd: Three
    clip: float
    ids: tuple[int, ...]
    names: tuple[str, ...]
    centres: tuple[Three, ...]
    weights: tuple[float, ...]
    margin: float = 0.3
    dwell: int = 2
    inertia: float = 0.0
    drift: bool = False


class Churn(msgspec.Struct, frozen=True):
    """BG/NBD of the panel, time in days, and the rule for those who bought once; see `churn`.

    Attributes:
        r: shape of the gamma distribution of buying rates.
        alpha_days: its rate parameter.
        a: of the beta distribution of drop-out after a repeat purchase.
        b: likewise.
        once_odds: odds that a new customer never comes back.
        once_power: shape of the waiting time (Lomax) of those who do.
        once_days: its scale.
        medium: risk is medium once p(alive) is below this share of what it was at the last purchase.
        high: the same for high.
        log_likelihood: of the fit, a customer.
    """

    r: float
    alpha_days: float
    a: float
    b: float
    once_odds: float
    once_power: float
    once_days: float
    medium: float = 0.7
    high: float = 0.4
    log_likelihood: float = 0.0


class Value(msgspec.Struct, frozen=True):
    """Gamma-Gamma of the panel's spending per purchase occasion.

    Attributes:
        p: shape of the spending of one customer.
        q: shape of the distribution of its scale between customers, above 1.
        v_minor: scale of that distribution, minor units.
    """

    p: float
    q: float
    v_minor: float


class Snapshot(msgspec.Struct, frozen=True):
    """One version of the population.

    Attributes:
        version: greater than that of every snapshot before.
        parent: version of the one it came from, 0 = none.
        reason: warm_up, refresh or restart of the clusters.
        event_ms: the instant at which the panel was looked at.
        panel: customers in the panel.
        share: share of all customers that belong to it.
        quintiles: edges of the scores, None where the panel is too small.
        clusters: likewise.
        churn: likewise.
        value: likewise.
        schema: of this object.
    """

    version: int
    parent: int
    reason: str
    event_ms: int
    panel: int
    share: float = EVERYONE
    quintiles: Quintiles | None = None
    clusters: Clusters | None = None
    churn: Churn | None = None
    value: Value | None = None
    schema: int = SCHEMA
