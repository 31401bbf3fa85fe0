"""What time it is for timers: never later than what every input partition has applied.

Each worker reports for its partitions whether they are caught up and up to which instant everything is
applied. While one lags, timers hold at its oldest unapplied event: a backlog must raise no alarm that
its own next record takes back. A dead worker's last report holds the clock until the next owner speaks.
"""

from collections.abc import Iterable, Mapping


def safe_now(
    reports: Mapping[str, tuple[bool, int]], expected: Iterable[str], *, live: bool, until_ms: int | None
) -> int:
    """The instant up to which timers may fire, epoch ms; 0 = not yet known.

    Args:
        reports: source -> (caught up, instant).
        expected: every source that must have reported.
        live: wall clock: a caught-up partition's instant is the clock when it reported. Otherwise event
            time: a caught-up partition does not hold the others back.
        until_ms: event time: where the clock stands once all is caught up; None = at the newest event.
    """
    marks = []
    for source in expected:
        report = reports.get(source)
        if report is None:
            return 0
        marks.append(report)
    if not marks:
        return 0
    if live:
        return min(at_ms for _, at_ms in marks)
    behind = [at_ms for caught_up, at_ms in marks if not caught_up]
    if behind:
        return min(behind)
    newest_ms = max(at_ms for _, at_ms in marks)
    return newest_ms if until_ms is None else max(newest_ms, until_ms)
