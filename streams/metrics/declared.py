"""Every metric there is: name, meaning, unit, labels and who has it. `METRICS.md` is made of this.

Names follow the conventions of Prometheus. Labels are bounded by what a deployment is made of (topics,
partitions, tags, rules, sinks), never by customers. The prefix is added where samples are made.
"""

from collections.abc import Sequence
from typing import NamedTuple

from streams.metrics.histogram import DELAY_S, EPOCH_S, VISIBLE_S, WORK_S

PREFIX = "profilestream_"
GAUGE, COUNTER, HISTOGRAM = "gauge", "counter", "histogram"
WORKER, TRAINER, ALERTS, FEEDBACK, LAG, CONSOLE = "worker", "trainer", "alerts", "feedback", "lag", "console"
ROLES = (WORKER, TRAINER, ALERTS, FEEDBACK, LAG, CONSOLE)
TITLES = {
    WORKER: "Worker (`profilestream worker`)",
    TRAINER: "Trainer (`profilestream trainer`)",
    ALERTS: "Alerts (`profilestream alerts`)",
    FEEDBACK: "Feedback (`profilestream feedback`)",
    LAG: "Lag exporter (`profilestream lag --serve`)",
    CONSOLE: "Console (`profilestream console`)",
}


class Metric(NamedTuple):
    """One metric.

    Attributes:
        name: without the prefix.
        kind: gauge, counter or histogram.
        unit: of its value.
        help: one sentence.
        labels: names of its labels.
        edges: of a histogram: upper edges of its buckets.
        role: the one process that has it; "" = every process.
    """

    name: str
    kind: str
    unit: str
    help: str
    labels: tuple[str, ...] = ()
    edges: Sequence[float] = ()
    role: str = ""


def _of(role: str, *rows: Metric) -> tuple[Metric, ...]:
    return tuple(row._replace(role=role) for row in rows)


_TP = ("topic", "partition")
_LAG = (*_TP, "clock")
_EVERYWHERE = (
    Metric("build_info", GAUGE, "1", "Always 1; which version runs, and as what.", ("version", "python", "role")),
    Metric("ready", GAUGE, "0 or 1", "Whether /readyz says so."),
    Metric("store_up", GAUGE, "0 or 1", "Whether the store answered when last asked, every 2 s."),
    Metric("setting", GAUGE, "as the setting", "Of settings that alert rules compare with: `lag_slo_s` and `stall_s` "
           "of a worker, `trainer_interval_s` of a trainer.", ("name",)),
)  # fmt: skip
_WORKER = _of(
    WORKER,
    Metric("store_durable", GAUGE, "0 or 1", "Whether the store writes its log: `appendonly` is on, the "
           "latest write went well."),
    Metric("records_total", COUNTER, "records", "Taken in from Kafka; again after a rewind.", ("topic",)),
    Metric("events_applied_total", COUNTER, "events", "Stored with all their effects; again after a rewind, "
           "which then changes nothing.", ("topic",)),
    Metric("events_repeated_total", COUNTER, "events", "Dropped as repeats of one that counts already."),
    Metric("dead_letters_total", COUNTER, "records", "Refused; reasons as in `dead-letter`.", ("topic", "reason")),
    Metric("events_late_total", COUNTER, "events", "Appended more than a minute after they happened: `lateness` is "
           "at least 1m, 1h, 1d, 7d, 30d; `older` is more than 365 days. With the event clock: behind the newest "
           "event of their partition.", ("lateness",)),
    Metric("lag_records", GAUGE, "records", "In the partition and not yet applied.", _TP),
    Metric("lag_seconds", GAUGE, "seconds", "Age of the oldest record not yet applied, since it was appended or "
           "since it happened (`clock`: append or event); while it is not fetched, at most so much. 0 = caught up; "
           "absent = not known.", _LAG),
    Metric("event_to_visible_seconds", HISTOGRAM, "seconds", "From a record's append to its effects in the store; "
           "all of a poll count as visible when its last one is.", ("topic",), VISIBLE_S),
    Metric("batch_seconds", HISTOGRAM, "seconds", "Work on one poll: `apply` is all of it; `load`, `fold` and `store` "
           "are sums over its chunks of 256 customers, which overlap.", ("phase",), WORK_S),
    Metric("publish_seconds", HISTOGRAM, "seconds", "One round of the relay that found something: outbox read to "
           "acknowledged and deleted.", (), WORK_S),
    Metric("tag_changes_total", COUNTER, "changes", "Decided and stored; `direction` is entered, left, changed or "
           "corrected.", ("tag", "direction")),
    Metric("tag_changes_published_total", COUNTER, "changes", "Acknowledged by Kafka."),
    Metric("timers_fired_total", COUNTER, "wake-ups", "Customers evaluated because their time had come."),
    Metric("timers_due", GAUGE, "customers", "Whose time has come by the clock of the timers, in this worker's "
           "buckets, not yet evaluated."),
    Metric("timer_delay_seconds", HISTOGRAM, "seconds", "From the due instant to the evaluation; with the event clock "
           "in event time.", (), DELAY_S),
    Metric("background_share_ratio", GAUGE, "ratio", "Share of the time that wake-ups and sweeps may take, 1/16 to 1/2; "
           "halved by each batch of over 50 ms, given back within seconds. With the event clock always 1/2."),
    Metric("outbox_entries", GAUGE, "entries", "Waiting in this worker's buckets for Kafka."),
    Metric("outbox_oldest_seconds", GAUGE, "seconds", "Age of the oldest of them; 0 = none waits."),
    Metric("cache_hits_total", COUNTER, "customers", "Of events, found in the cache."),
    Metric("cache_misses_total", COUNTER, "customers", "Of events, loaded from the store."),
    Metric("stale_writes_total", COUNTER, "writes", "Refused, because another writer was quicker; done again."),
    Metric("rewinds_total", COUNTER, "rewinds", "Starts over within a generation: the store was replaced or a fetch "
           "had a hole."),
    Metric("rebalances_total", COUNTER, "rebalances", "Generations of the group in which this worker took part."),
    Metric("generation", GAUGE, "number", "Of the group, as it is known here; -1 = none yet."),
    Metric("partitions_assigned", GAUGE, "partitions", "Of this worker."),
    Metric("catalogue_revision", GAUGE, "number", "Revision under which customers are judged."),
    Metric("population_version", GAUGE, "number", "Of the population snapshot in force; 0 = none."),
    Metric("population_age_seconds", GAUGE, "seconds", "Since the instant that the snapshot describes; absent = none."),
    Metric("swept_customers_total", COUNTER, "customers", "Judged anew after a change of catalogue or population."),
    Metric("data_gap_records_total", COUNTER, "records", "Gone from Kafka before they were applied.", _TP),
    Metric("watchdog_still_seconds", GAUGE, "seconds", "There is lag, the store answers, and nothing moved for so "
           "long; at `stall_s` the process ends."),
    Metric("held_back", GAUGE, "0 or 1", "Consumption rests because too many tag changes wait."),
)  # fmt: skip
_TRAINER = _of(
    TRAINER,
    Metric("trainer_active", GAUGE, "0 or 1", "Whether this one trains; 0 = it stands by."),
    Metric("trainer_epochs_total", COUNTER, "epochs", "`outcome`: published; lost (another trainer was quicker); "
           "refused (nothing a snapshot could be made of); failed (store or broker did not answer).", ("outcome",)),
    Metric("trainer_epoch_seconds", HISTOGRAM, "seconds", "One epoch, whatever came of it.", (), EPOCH_S),
    Metric("trainer_panel_customers", GAUGE, "customers", "In the snapshot in force."),
    Metric("trainer_snapshot_version", GAUGE, "number", "In force, as this trainer knows it; 0 = none."),
    Metric("trainer_snapshot_age_seconds", GAUGE, "seconds", "Since the instant that it describes."),
    Metric("trainer_inertia", GAUGE, "squared standard deviations", "Mean squared distance to the nearest centre."),
    Metric("trainer_cluster_customers", GAUGE, "customers", "Of the panel, by number of the cluster.", ("cluster",)),
    Metric("trainer_drift_alarms_total", COUNTER, "alarms", "Published snapshots that say the population has moved "
           "away (`source`: clusters).", ("source",)),
    Metric("trainer_model_loglik", GAUGE, "nats a customer", "Log-likelihood of the churn model."),
)  # fmt: skip
_CONSUMERS = (
    *_of(
        ALERTS,
        Metric("alerts_total", COUNTER, "alerts", "Decided and written down; `action` is raised, cancelled_left, "
               "cancelled_corrected, or cooled (kept quiet by a cool-down).", ("rule", "arm", "action")),
        Metric("alert_deliveries_total", COUNTER, "deliveries", "`outcome`: delivered, retried, or dead (in topic "
               "alerts-dead).", ("sink", "outcome")),
    ),
    *_of(
        FEEDBACK,
        Metric("feedback_precision", GAUGE, "ratio", "Right of all alerts that somebody judged, 0 to 1.",
               ("rule", "arm")),
    ),
)  # fmt: skip
_BESIDE = (
    *_of(
        LAG,
        Metric("group_lag_records", GAUGE, "records", "In the partition and not applied.", _TP),
        Metric("group_lag_seconds", GAUGE, "seconds", "Age of the oldest record not applied, by its timestamp (append) "
               "or since it happened (event); 0 = all is applied, absent = not known.", _LAG),
        Metric("group_stalled", GAUGE, "0 or 1", "There is lag, and nothing of it is applied.", _TP),
        Metric("group_gap_records", GAUGE, "records", "Deleted before they were applied; until a worker passes them.",
               _TP),
        Metric("group_catch_up_seconds", GAUGE, "seconds", "Until all is applied; +Inf = never at the present pace."),
        Metric("group_members", GAUGE, "members", "Of the group; absent = not known."),
        Metric("group_workers", GAUGE, "workers", "With a heartbeat in the store; absent = store away."),
        Metric("broker_up", GAUGE, "0 or 1", "Whether the broker answered when last asked; 0: what only it knows is "
               "absent."),
        Metric("dead_letters_records", GAUGE, "records", "In topic dead-letter."),
        Metric("group_outbox_entries", GAUGE, "entries", "In all outboxes; absent = store away."),
        Metric("group_outbox_oldest_seconds", GAUGE, "seconds", "Age of the oldest of them; 0 = none waits."),
    ),
    *_of(
        CONSOLE,
        Metric("console_requests_total", COUNTER, "requests", "Answered.", ("route", "status")),
        Metric("console_streams", GAUGE, "streams", "Open pages that are told live."),
    ),
)  # fmt: skip
METRICS = (*_EVERYWHERE, *_WORKER, *_TRAINER, *_CONSUMERS, *_BESIDE)
BY_NAME = {metric.name: metric for metric in METRICS}
LATENESS = (
    ("1m", 60),
    ("1h", 3_600),
    ("1d", 86_400),
    ("7d", 7 * 86_400),
    ("30d", 30 * 86_400),
    ("older", 365 * 86_400),
)
