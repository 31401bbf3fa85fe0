"""The reader's wheel: the reader and nothing else of us, and it reads where nothing else of us is there."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from deployed import Deployed
from packaging.requirements import Requirement
from test_packaging import run

import streams.reader
from streams.local.store import EmbeddedStore

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "deploy/reader/pyproject.toml").read_text("utf-8"))["project"]
OURS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SOURCE = ROOT / "streams/reader"
LENT = ("redis", "hiredis", "orjson")  # its dependencies, so that nothing is downloaded
SCRIPT = """
import importlib.util, sys, profilestream_reader as reader
assert [name for name in ("streams", "models", "kafka", "faust") if importlib.util.find_spec(name)] == []
patient = reader.Settings(timeout_s=60, max_age_s=3600)  # of a machine that is busy
with reader.ProfileReader(sys.argv[1], patient) as profiles:
    print(profiles.get("c-1").value.doc["tags"]["vip"]["value"], profiles.get("nobody").known)
    try:
        profiles.watch("127.0.0.1:1")
    except reader.ReaderError as error:
        print(error)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        out,
        ROOT / "deploy/reader",
    ]
    done = run(*build, cwd=out)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("*.whl")
    return built


def test_it_asks_for_the_same_versions_as_the_application() -> None:
    assert PROJECT["version"] == OURS["version"]
    assert PROJECT["requires-python"] == OURS["requires-python"]
    assert set(PROJECT["dependencies"]) <= set(OURS["dependencies"])
    assert {Requirement(line).name for line in PROJECT["dependencies"]} == {"redis", "orjson"}
    (watch,) = map(Requirement, PROJECT["optional-dependencies"]["watch"])
    assert watch.name == "kafka-python"
    # A wider range than the application's, which calls private methods of it.
    assert watch.specifier.contains(importlib.metadata.version(watch.name))


def test_what_its_pages_import_is_there() -> None:
    pages = [ROOT / "deploy/reader/README.md", ROOT / "deploy/examples/recommender/recommend.py"]
    for page in (*pages, SOURCE / "__init__.py"):
        lines = re.findall(r"from profilestream_reader import (.+)", page.read_text("utf-8"))
        assert lines, page
        for name in re.split(r",\s*", ",".join(lines)):
            assert name in streams.reader.__all__, (page, name)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_wheel_has_the_reader_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    modules = {f"profilestream_reader/{path.name}" for path in SOURCE.glob("*.py")}
    assert names == modules | {"profilestream_reader/py.typed", "profilestream_reader/LICENSE"}
    (found,) = importlib.metadata.distributions(path=[str(wheel)])
    assert (found.metadata["Name"], found.version) == ("profilestream-reader", OURS["version"])
    assert "unknown" in str(found.metadata.get_payload())  # its own README


@pytest.mark.slow
@pytest.mark.store
@pytest.mark.timeout(900)
def test_it_installs_alone_and_reads_a_profile(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "environment"
    venv.create(home, with_pip=False, symlinks=True)
    (site,) = home.glob("lib/python3*/site-packages")
    for name in LENT:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        (site / name).symlink_to(Path(spec.origin).parent)
    with zipfile.ZipFile(wheel) as archive:  # what an installer does with a pure wheel
        archive.extractall(site)
    with EmbeddedStore(tmp_path / "store") as store:
        deployed = Deployed(store.url)
        deployed.put("c-1")
        deployed.client.close()
        argv = [home / "bin/python", "-I", "-c", SCRIPT, store.url]
        done: subprocess.CompletedProcess[str] = run(*argv, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == "True False"
    assert "profilestream-reader[watch]" in second
