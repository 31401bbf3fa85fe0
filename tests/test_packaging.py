"""The wheel: what is in it, that it clashes with nothing it depends on, and that it runs installed.

`streams` and `models` are generic names, and an installer lets one distribution overwrite another's packages
without a word. So the application lives in an environment of its own, and no dependency may ever
bring the same names.
"""

import configparser
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
OURS = {"streams", "models"}
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def run(*argv: str | Path, cwd: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a program with none of the variables that would change what Python imports."""
    env = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PROFILESTREAM_"))
    }
    return subprocess.run(
        [str(word) for word in argv],
        check=False,
        capture_output=True,
        text=True,
        cwd=cwd,
        env=env | variables,
        timeout=300,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, built with the tools that are installed: nothing is downloaded."""
    out = tmp_path_factory.mktemp("wheel")
    done = run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_wheel_has_our_two_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    (info,) = {name.partition("/")[0] for name in names} - OURS
    assert info == f"{PROJECT['name']}-{PROJECT['version']}.dist-info"
    assert wheel.name.endswith("-py3-none-any.whl")
    # Every file of the two folders, data files too: a forgotten .lua is found when the worker starts.
    expected = {
        path.relative_to(ROOT).as_posix()
        for package in OURS
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if not name.startswith(info)} == expected
    assert {"streams/py.typed", "models/py.typed", "streams/store/lua/profilestream.lua"} <= names
    page = {"index.html", "js/main.js", "css/tokens.css", "vendor/echarts.min.js", "vendor/LICENSE-echarts"}
    assert {f"streams/console/static/{name}" for name in page} <= names
    assert f"{info}/licenses/LICENSE" in names


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_wheel_has_the_console_script_and_the_dependencies_of_the_project(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (entry_points,) = (name for name in archive.namelist() if name.endswith("/entry_points.txt"))
        scripts = configparser.ConfigParser()
        scripts.read_string(archive.read(entry_points).decode())
    assert dict(scripts["console_scripts"]) == {"profilestream": "streams.cli:main"}
    (found,) = importlib.metadata.distributions(path=[str(wheel)])
    assert found.metadata["Requires-Python"] == ",".join(sorted(PROJECT["requires-python"].split(",")))
    plain = {Requirement(line) for line in found.requires or () if "extra ==" not in line}
    assert plain == {Requirement(line) for line in PROJECT["dependencies"]}


def test_no_other_distribution_ships_our_package_names() -> None:
    found = importlib.metadata.packages_distributions()
    for package in OURS:
        assert set(found.get(package, ())) <= {PROJECT["name"]}


@pytest.mark.parametrize("intruder", ["models.py", "models/__init__.py"])
def test_a_foreign_models_is_named_in_the_error(tmp_path: Path, intruder: str) -> None:
    path = tmp_path / intruder
    path.parent.mkdir(exist_ok=True)
    path.write_text("")
    done = run(
        sys.executable, "-c", "import streams", cwd=tmp_path, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}"
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: profilestream needs its own package 'models'")
    assert str(path) in last
    assert "environment of its own" in last


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_wheel_runs_where_it_is_installed_and_not_from_a_checkout(wheel: Path, tmp_path: Path) -> None:
    # A fresh environment has no dependencies, and none are downloaded: they are lent by this one. Its own
    # packages come first on the path, so `streams` and `models` are those of the wheel.
    home = tmp_path / "environment"
    venv.create(home, with_pip=False, symlinks=True)
    (site,) = home.glob("lib/python3*/site-packages")
    here = importlib.metadata.distribution("click").locate_file("")
    (site / "lent.pth").write_text(f"{here}\n")
    installer = [sys.executable, "-m", "pip", "--python", str(home / "bin/python"), "install"]
    if run(sys.executable, "-m", "pip", "--version", cwd=tmp_path).returncode:
        installer = ["uv", "pip", "install", "--python", str(home / "bin/python")]
    done = run(*installer, "--no-deps", "--no-index", "--force-reinstall", wheel, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr

    elsewhere = tmp_path / "srv"
    elsewhere.mkdir()
    (elsewhere / "models.py").write_text(
        "raise SystemExit('shadowed')\n"
    )  # the script's own folder comes first, not this
    script = home / "bin/profilestream"
    listed = run(script, "--help", cwd=elsewhere, PYTHONSAFEPATH="1")
    assert listed.returncode == 0, listed.stderr
    assert "worker" in listed.stdout
    assert run(script, "--version", cwd=elsewhere).stdout.strip().endswith(PROJECT["version"])
    where = run(
        home / "bin/python",
        "-c",
        "import models, streams; print(streams.__file__)",
        cwd=site,
        PYTHONSAFEPATH="1",
    )
    assert Path(where.stdout.strip()).is_relative_to(site), where.stderr


def locked(name: str) -> dict[str, str]:
    """Distribution -> exact version of a lock; anything but `name==version` fails."""
    out = {}
    for line in (ROOT / "requirements" / name).read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            match = re.fullmatch(r"([a-z0-9-]+)==([a-z0-9.]+)", line)
            assert match, f"{name}: {line}"
            out[match[1]] = match[2]
    return out


def unmet(lines: list[str], lock: dict[str, str]) -> list[str]:
    """Requirements that a lock does not fulfil."""
    out = []
    for requirement in map(Requirement, lines):
        version = lock.get(canonicalize_name(requirement.name))
        if version is None or not requirement.specifier.contains(version):
            out.append(f"{requirement}, locked is {version}")
    return out


def test_locks_fulfil_what_the_project_asks_for_and_agree_with_each_other() -> None:
    extras = PROJECT["optional-dependencies"]
    runtime, dev, data = locked("runtime.lock"), locked("dev.lock"), locked("data.lock")
    trainer, tracing = locked("trainer.lock"), locked("tracing.lock")
    assert unmet(PROJECT["dependencies"], runtime) == []
    assert unmet(PROJECT["dependencies"] + extras["local"] + extras["dev"] + extras["tracing"], dev) == []
    assert unmet(extras["trainer"], trainer) == unmet(extras["trainer"], dev) == []
    assert unmet(extras["tracing"], tracing) == []
    assert {name: dev.get(name) for name in trainer | tracing} == trainer | tracing
    assert not runtime.keys() & (trainer | tracing).keys()
    assert unmet(extras["data"], data) == []
    assert {name: dev.get(name) for name in runtime} == runtime  # tests run on what the image runs


LEAN = ("runtime.lock", "tracing.lock")


@pytest.mark.parametrize("names", [("runtime.lock",), LEAN, (*LEAN, "trainer.lock")], ids=" + ".join)
def test_what_the_images_install_is_closed(names: tuple[str, ...]) -> None:
    """Whatever is installed of it asks for nothing that is not in it."""
    runtime = {name for lock in names for name in locked(lock)}
    for name in runtime:
        try:
            needs = importlib.metadata.distribution(name).requires or []
        except importlib.metadata.PackageNotFoundError:
            continue
        asked = [r for r in map(Requirement, needs) if r.marker is None or r.marker.evaluate({"extra": ""})]
        outside = {canonicalize_name(r.name) for r in asked} - runtime
        assert not outside, f"{name} needs {outside}"
