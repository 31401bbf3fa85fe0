import random

import pytest

from models.sessions import GAP_MS, KEPT, Sessions

T = 1_700_000_000_000
STEP = GAP_MS


def of(*times: int) -> Sessions:
    out = Sessions()
    for at in times:
        out.add(T + at)
    return out


@pytest.mark.parametrize(
    ("times", "n"),
    [
        ([], 0),
        ([0], 1),
        ([0, 0], 1),
        ([0, STEP], 1),  # exactly half an hour is still the same visit
        ([0, STEP + 1], 2),
        ([0, 2 * STEP, STEP], 1),  # a late click joins what lay apart
        ([0, 3 * STEP, STEP], 2),
        ([0, STEP, 2 * STEP, 3 * STEP], 1),  # a visit has no longest duration
        ([5 * STEP, 0, 10 * STEP], 3),
    ],
)
def test_sessions_by_hand(times: list[int], n: int) -> None:
    assert of(*times).n == n
    assert of(*reversed(times)).n == n


def test_intervals_are_kept_apart_and_ascending(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(300):
        sessions = of(*(rng.randrange(60 * STEP) for _ in range(rng.randrange(40))))
        ends = [start + last for start, last in zip(sessions.start_ms, sessions.last_ms, strict=True)]
        gaps = [start - end for end, start in zip(ends, sessions.start_ms[1:], strict=False)]
        assert all(gap > GAP_MS for gap in gaps)


def test_older_sessions_are_counted_and_forgotten() -> None:
    sessions = of(*(n * 2 * STEP for n in range(KEPT + 10)))
    assert (sessions.n, len(sessions.start_ms), sessions.sealed) == (KEPT + 10, KEPT, 10)
    sessions.add(T + 3 * 2 * STEP)  # in a sealed time: taken as part of what was there
    assert sessions.n == KEPT + 10
