"""Real purchase histories through the whole pipeline equal the oracle, in any order, with repeats."""

import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest
from oracle import SHIPPED, OracleSettings, compare, event_time_ms, recompute

from models.rules import DAY_MS
from streams.local.datasets import cdnow, complete_journey, write_jsonl
from streams.local.simulate import disorder

Event = dict[str, Any]
pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(1_200)]


def replay(events: Iterable[Event], at: str, folder: Path) -> list[Event]:
    """The profiles after `profilestream replay --embedded --as-of AT --export OUT FILE`."""
    file, out = folder / "events.jsonl", folder / "out.jsonl"
    write_jsonl(events, file)
    argv = [
        sys.executable,
        "-m",
        "streams",
        "replay",
        "--embedded",
        "--as-of",
        at,
        "--export",
        str(out),
        str(file),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    summary = orjson.loads(done.stdout.splitlines()[-1])
    profiles = [orjson.loads(line) for line in out.read_bytes().splitlines()]
    assert summary["profiles"] == len(profiles)
    assert summary["dead_letters"] == 0
    return profiles


REMEMBER = {
    name for name, said in tomllib.loads(SHIPPED)["tags"].items() if {"leave", "dwell", "ttl"} & said.keys()
}


def stripped(value: Any) -> Any:
    """Without what depends on how and when the events came; some tags remember what they were."""
    if isinstance(value, dict):
        path = ("updated_at", "version", "since", "cause", *REMEMBER)
        return {k: stripped(v) for k, v in value.items() if k not in path}
    if isinstance(value, list):
        return [stripped(item) for item in value]
    return value


def differences(profiles: list[Event], events: Iterable[Event], at: str) -> dict[str, list[str]]:
    expected = recompute(events, event_time_ms(at), settings=OracleSettings(catalogue_text=SHIPPED))
    found = {profile["customer_id"]: profile for profile in profiles}
    assert found.keys() == expected.keys()
    return {cid: lines for cid in found if (lines := compare(expected[cid], found[cid]))}


@pytest.mark.parametrize(
    ("events", "at", "customers"),
    [
        pytest.param(complete_journey, "2017-10-01T00:00:00Z", 199, id="complete-journey"),
        pytest.param(cdnow, "1998-07-01T00:00:00Z", 23_570, id="cdnow"),
    ],
)
def test_a_replay_equals_the_oracle_for_every_customer(
    events: Callable[[], Iterable[Event]], at: str, customers: int, tmp_path: Path
) -> None:
    history = list(events())
    profiles = replay(history, at, tmp_path)
    assert len(profiles) == customers
    assert differences(profiles, history, at) == {}


def test_shuffling_and_repeating_changes_no_byte(tmp_path: Path, seed: int) -> None:
    at = "2017-10-01T00:00:00Z"
    history = list(complete_journey())
    shuffled = disorder(history, seed, 2 * DAY_MS, 0.1)
    assert shuffled[: len(history)] != history
    assert len(shuffled) >= 1.09 * len(history)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    straight = replay(history, at, tmp_path / "a")
    mixed = replay(shuffled, at, tmp_path / "b")
    assert orjson.dumps(stripped(mixed)) == orjson.dumps(stripped(straight))
