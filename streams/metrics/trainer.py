"""What a trainer says of itself. It imports nothing of the trainer: workers must not carry its libraries."""

import time
from collections import Counter
from typing import Protocol

from models.population.codec import decode
from models.population.snapshot import Snapshot, SnapshotError
from streams.metrics.histogram import EPOCH_S, Histogram
from streams.metrics.sheet import Sheet


class TrainerCounts:
    """What a trainer has done since its start.

    Attributes:
        epochs: by outcome: published, lost, refused or failed.
        outcome: of the epoch under way.
        seconds: of epochs.
        drifts: published snapshots that say the population has moved away from its clusters.
        snapshot: in force, as far as this trainer knows; None where it never was active, or there is none.
    """

    def __init__(self) -> None:
        self.epochs: Counter[str] = Counter()
        self.outcome = ""
        self.seconds = Histogram(EPOCH_S)
        self.drifts = 0
        self.snapshot: Snapshot | None = None

    def in_force(self, blob: bytes) -> None:
        """A snapshot was found to be in force; one that cannot be read is not shown."""
        try:
            self.snapshot = decode(blob)
        except SnapshotError:
            self.snapshot = None

    def published(self, made: Snapshot) -> None:
        """A snapshot of ours came into force."""
        self.outcome, self.snapshot = "published", made
        self.drifts += made.clusters is not None and made.clusters.drift

    def epoch(self, took_s: float) -> None:
        """An epoch has ended."""
        self.epochs[self.outcome] += 1
        self.seconds.observe(took_s)


class Trainer(Protocol):
    """See `streams.population.trainer`."""

    seen: TrainerCounts

    @property
    def is_active(self) -> bool:
        """Whether it trains."""


class TrainerVitals:
    """Reads a trainer.

    Args:
        trainer: which.
        live: whether "now" is the clock; with the event clock no snapshot has an age.
    """

    def __init__(self, trainer: Trainer, *, live: bool) -> None:
        self._trainer, self._live = trainer, live

    def fill(self, sheet: Sheet) -> None:
        """All samples."""
        seen = self._trainer.seen
        sheet.put("trainer_active", self._trainer.is_active)
        for outcome in ("published", "lost", "refused", "failed"):
            sheet.put("trainer_epochs_total", seen.epochs[outcome], outcome)
        sheet.histogram("trainer_epoch_seconds", seen.seconds)
        sheet.put("trainer_drift_alarms_total", seen.drifts, "clusters")
        if seen.snapshot is not None:
            self._snapshot(sheet, seen.snapshot)

    def _snapshot(self, sheet: Sheet, made: Snapshot) -> None:
        sheet.put("trainer_snapshot_version", made.version)
        sheet.put("trainer_panel_customers", made.panel)
        if self._live:
            sheet.put("trainer_snapshot_age_seconds", max(0.0, time.time() - made.event_ms / 1000))
        if made.clusters is not None:
            sheet.put("trainer_inertia", made.clusters.inertia)
            for number, share in zip(made.clusters.ids, made.clusters.weights, strict=True):
                sheet.put("trainer_cluster_customers", round(share * made.panel), str(number))
        if made.churn is not None:
            sheet.put("trainer_model_loglik", made.churn.log_likelihood)
