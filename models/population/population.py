"""The population in force, ready to be asked about a customer."""

from models.population.clusters import Assigner
from models.population.snapshot import Snapshot


class Population:
    """A snapshot with its clusters in linear form.

    Args:
        snapshot: checked.

    Raises:
        SnapshotError: its clusters are of features that this version does not know.
    """

    __slots__ = ("assigner", "churn", "quintiles", "snapshot", "value", "version")

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.version = snapshot.version
        self.quintiles, self.churn, self.value = snapshot.quintiles, snapshot.churn, snapshot.value
        clusters = snapshot.clusters
        self.assigner = Assigner(clusters, snapshot.version) if clusters is not None else None
