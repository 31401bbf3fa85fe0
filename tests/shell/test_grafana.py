"""The dashboards. Grafana is not to be had here: its files are held against what it requires of them."""

import importlib.util
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from monitoring import DASHBOARDS, ROOT, panels

GRAFANA = ROOT / "deploy/grafana"
UNITS = {"s", "ops", "reqps", "short", "none", "bytes", "percentunit"}


def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_dashboards", GRAFANA / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_dashboards_are_those_of_the_boards() -> None:
    made = build().files()
    assert sorted(made) == DASHBOARDS
    for path, text in made.items():
        assert path.read_text("utf-8") == text, f"{path.name}: run deploy/grafana/build.py"
    done = subprocess.run([sys.executable, GRAFANA / "build.py", "--check"], check=False)
    assert done.returncode == 0


def test_a_misspelt_field_of_a_board_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown stcked"):
        build().panel({"title": "t", "says": "s", "unit": "s", "stcked": True, "lines": {}})


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_has_what_grafana_requires(path: Path) -> None:
    board = json.loads(path.read_text("utf-8"))
    assert board["uid"] == f"profilestream-{path.stem}"
    assert len(board["uid"]) <= 40
    assert isinstance(board["schemaVersion"], int)
    assert "id" not in board  # Grafana's own number
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    names = [variable["name"] for variable in board["templating"]["list"]]
    assert names == ["datasource", "job", "instance"]
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(board["panels"])))
    assert used <= {*names, "__rate_interval"}


def test_panels_lie_side_by_side_and_none_on_another() -> None:
    for path in DASHBOARDS:
        taken: dict[tuple[int, int], str] = {}
        rows = [
            panel["gridPos"]["y"]
            for board, panel in panels()
            if board == path.stem and panel["type"] == "row"
        ]
        assert rows == sorted(set(rows))
        for board, panel in panels():
            if board != path.stem:
                continue
            at = panel["gridPos"]
            assert at["w"] > 0
            assert at["x"] + at["w"] <= 24, panel["title"]
            for cell in itertools.product(
                range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])
            ):
                assert taken.setdefault(cell, panel["title"]) == panel["title"]


@pytest.mark.parametrize(
    "panel",
    [panel for _, panel in panels() if panel["type"] != "row"],
    ids=lambda panel: str(panel["title"])[:40],
)
def test_a_panel_says_what_it_shows_in_which_unit(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert panel["type"] in {"timeseries", "stat", "table", "heatmap"}
    assert [target["refId"] for target in panel["targets"]] == list("ABCDEFGH"[: len(panel["targets"])])
    for target in panel["targets"]:
        assert target["datasource"] == panel["datasource"]
        assert target["instant"] != target["range"]
        assert target["expr"].count("(") == target["expr"].count(")")
    defaults = panel["fieldConfig"]["defaults"]
    if panel["type"] in {"timeseries", "stat"}:
        assert defaults["unit"] in UNITS
    if panel["type"] == "stat":
        steps = [step["value"] for step in defaults["thresholds"]["steps"]]
        assert steps[0] is None
        assert steps[1:] == sorted(steps[1:])
