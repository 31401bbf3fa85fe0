import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from panels import CHURN, CLUSTERS, EDGES, SNAPSHOT, VALUE

from models.population.codec import check, decode, encode
from models.population.sample import EVERYONE, in_panel
from models.population.snapshot import Quintiles, Snapshot, SnapshotError

ROOT = Path(__file__).resolve().parents[2]
REPLACE = msgspec.structs.replace
HUGE = float("inf")


def test_a_snapshot_comes_back_equal_and_its_bytes_are_stable() -> None:
    blob = encode(SNAPSHOT)
    assert decode(blob) == SNAPSHOT
    assert encode(decode(blob)) == blob


def test_parts_may_be_absent() -> None:
    small = Snapshot(version=1, parent=0, reason="warm_up", event_ms=5, panel=3)
    assert decode(encode(small)) == small


@pytest.mark.parametrize("in_force", [7, 8, 900])
def test_a_snapshot_that_is_not_newer_is_refused(in_force: int) -> None:
    with pytest.raises(SnapshotError, match=f"7 is not newer than {in_force}"):
        decode(encode(SNAPSHOT), newer_than=in_force)
    assert decode(encode(SNAPSHOT), newer_than=6) == SNAPSHOT


def test_another_schema_is_refused() -> None:
    blob = encode(SNAPSHOT).replace(b'"schema":1', b'"schema":2')
    with pytest.raises(SnapshotError, match="schema 2, this version reads 1"):
        decode(blob)


def test_every_truncation_is_refused() -> None:
    blob = encode(SNAPSHOT)
    for length in range(len(blob)):
        with pytest.raises(SnapshotError):
            decode(blob[:length])


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ({"churn": REPLACE(CHURN, r=float("nan"))}, "not finite"),
        ({"churn": REPLACE(CHURN, log_likelihood=-HUGE)}, "not finite"),
        ({"value": REPLACE(VALUE, v_minor=HUGE)}, "not finite"),
        ({"clusters": REPLACE(CLUSTERS, centres=((HUGE, 0.0, 0.0), *CLUSTERS.centres[1:]))}, "not finite"),
        ({"share": float("nan")}, "not finite"),
        ({"share": 0.0}, "share"),
        ({"share": 1.5}, "share"),
        ({"quintiles": Quintiles(EDGES, EDGES, REPLACE(EDGES, at=(10, 30, 20, 40)))}, "monetary_minor"),
        ({"quintiles": Quintiles(EDGES, REPLACE(EDGES, high=(11, 19, 31, 41)), EDGES)}, "outside its band"),
        ({"quintiles": Quintiles(REPLACE(EDGES, low=(9, 21, 29, 39)), EDGES, EDGES)}, "outside its band"),
        ({"clusters": REPLACE(CLUSTERS, weights=(0.5, 0.5, 0.0))}, "empty"),
        ({"clusters": REPLACE(CLUSTERS, ids=(), names=(), centres=(), weights=())}, "none"),
        ({"clusters": REPLACE(CLUSTERS, names=("a", "b"))}, "differ in number"),
        ({"clusters": REPLACE(CLUSTERS, ids=(1, 2, 2))}, "same id"),
        ({"clusters": REPLACE(CLUSTERS, names=("a", "b", "b"))}, "same id or name"),
        ({"clusters": REPLACE(CLUSTERS, sd=(1.0, 0.0, 1.0))}, "standard deviation"),
        ({"clusters": REPLACE(CLUSTERS, margin=1.0)}, "margin"),
        ({"clusters": REPLACE(CLUSTERS, dwell=0)}, "dwell"),
        ({"churn": REPLACE(CHURN, a=0.0)}, "not positive"),
        ({"churn": REPLACE(CHURN, medium=0.4, high=0.4)}, "thresholds"),
        ({"churn": REPLACE(CHURN, medium=1.0)}, "thresholds"),
        ({"churn": REPLACE(CHURN, high=0.0)}, "thresholds"),
        ({"value": REPLACE(VALUE, q=1.0)}, "q > 1"),
    ],
)
def test_an_unfit_part_is_refused_by_writer_and_reader(part: dict[str, object], reason: str) -> None:
    unfit = REPLACE(SNAPSHOT, **part)
    with pytest.raises(SnapshotError, match=reason):
        encode(unfit)
    with pytest.raises(SnapshotError, match=reason):
        check(unfit)


def test_a_number_that_is_not_finite_is_refused_in_bytes_too() -> None:
    blob = encode(SNAPSHOT).replace(b'"r":0.243', b'"r":null')
    with pytest.raises(SnapshotError, match="cannot be read"):
        decode(blob)


def test_a_panel_has_its_share_of_any_ids_and_of_every_bucket() -> None:
    ids = [f"customer-{i}" for i in range(40_000)]
    for share in (0.5, 0.1, 0.02):
        assert sum(in_panel(one, share) for one in ids) == pytest.approx(40_000 * share, rel=0.06)
    from streams.keys import bucket

    chosen = [bucket(one, 16) for one in ids if in_panel(one, 0.25)]
    assert min(chosen.count(b) for b in range(16)) > 0.85 * len(chosen) / 16
    assert all(in_panel(one, EVERYONE) for one in ids)


def test_a_smaller_panel_is_part_of_a_larger_one() -> None:
    ids = [str(i) for i in range(5_000)]
    assert {i for i in ids if in_panel(i, 0.1)} < {i for i in ids if in_panel(i, 0.3)}


def test_a_worker_that_uses_the_population_imports_no_numerical_library() -> None:
    folder = ROOT / "models/population"
    names = sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")
    assert names
    code = "import sys\n" + "".join(f"import models.population.{name}\n" for name in names)
    code += "print(sorted({'numpy', 'scipy', 'river', 'random', 'time'} & set(sys.modules) - BEFORE))"
    code = "import sys, msgspec, datetime\nBEFORE = set(sys.modules)\n" + code
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
