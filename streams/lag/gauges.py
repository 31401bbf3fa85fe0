"""A look as metrics: what stands in `streams.metrics.declared` for the exporter. Pure.

What is not known has no sample, so that nobody takes it for 0; where the broker is away, only that is told.
"""

from streams.lag.report import outbox_s
from streams.lag.tracker import Look
from streams.metrics.sheet import Sheet


def fill(sheet: Sheet, look: Look) -> None:
    """Put all that a look knows on the sheet of a process."""
    sample = look.sample
    group, stored = sample.group, sample.stored
    sheet.put("ready", not sample.broker_says)
    sheet.put("broker_up", not sample.broker_says)
    sheet.put("store_up", stored is not None)
    sheet.put("group_outbox_oldest_seconds", outbox_s(sample))
    if stored is not None:
        sheet.put("group_workers", stored.workers)
        sheet.put("group_outbox_entries", stored.outbox)
    if group is not None:
        sheet.put("group_members", group.members)
    sheet.put("group_catch_up_seconds", look.motion.catch_up_s)
    sheet.put("dead_letters_records", sample.dead_letters)
    for row in look.rows:
        where = (row.part.topic, str(row.part.partition))
        sheet.put("group_lag_records", row.part.lag, *where)
        sheet.put("group_lag_seconds", row.append_s, *where, "append")
        sheet.put("group_lag_seconds", row.event_s, *where, "event")
        sheet.put("group_stalled", row.stalled, *where)
        sheet.put("group_gap_records", row.part.gap, *where)
