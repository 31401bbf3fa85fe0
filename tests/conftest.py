"""Fixtures of the real parts, and the seed of everything random in the tests.

A part that is not installed skips its tests with a line that says how to install it; with `CI=true` it
fails them, because a guarantee that was not tested there was not tested.
"""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from parts import (
    CHROMIUM,
    INSTALL,
    ApacheKafka,
    DebianRedis,
    kafka_available,
    redis_server_available,
)

from streams import admin, recorded
from streams.local.broker import EmbeddedBroker
from streams.local.process import LocalProcessError
from streams.local.server import LocalServer
from streams.local.store import EmbeddedStore

DEFAULT_SEED = 20_261_121


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=DEFAULT_SEED, help="seed of the randomised tests")


def pytest_configure() -> None:
    # A shell starts background jobs with SIGINT ignored, and programs under test inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # How long examples take says how busy the machine is. (With CI=true Hypothesis knows that itself.)
    if not os.environ.get("CI"):
        slow = [HealthCheck.too_slow]
        settings.register_profile("unhurried", deadline=None, suppress_health_check=slow)
        settings.load_profile("unhurried")


def pytest_collection_finish(session: pytest.Session) -> None:
    # With CI=true examples follow from the test and from the constants in those modules of ours that are
    # imported by then, which depends on what xdist gave a worker before. What is imported now all have alike.
    if any(getattr(getattr(item, "obj", None), "is_hypothesis_test", False) for item in session.items):
        known = providers._get_local_constants()
        providers._get_local_constants = lambda: known


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A failure is shown when it happens: the suite takes minutes, and may be cut off."""
    if report.failed:
        print(
            f"\n{report.nodeid} ({report.when})\n{report.longreprtext[-1_500:]}",
            file=sys.__stderr__,
            flush=True,
        )


def pytest_report_header(config: pytest.Config) -> str:
    return f"seed: {config.getoption('--seed')} (repeat with --seed N)"


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int:
    """Where every random draw of a test starts; the header of the run shows it."""
    return int(request.config.getoption("--seed"))


@pytest.fixture(scope="session", autouse=True)
def patience() -> Iterator[None]:
    """Ten seconds are enough for a person's broker; here it starts, and shares two cores with other tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(admin, "TIMEOUT_MS", 60_000)
        patch.setattr(recorded, "_TIMEOUT_MS", 60_000)
        patch.setattr(recorded, "_PATIENCE", 600)  # polls of 0.1 s
        yield


def missing(part: str) -> NoReturn:
    """Skip or, with CI=true, fail the test: a part it needs is not installed."""
    line = f"MISSING PART: {part} is not installed; get it with: {INSTALL[part]}"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(line, pytrace=False)
    pytest.skip(line)


@pytest.fixture(scope="session")
def embedded_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    """The broker of the local stack; topics of all tests live side by side in it."""
    try:
        server = EmbeddedBroker(tmp_path_factory.mktemp("embedded-broker"))
    except LocalProcessError:
        missing("embedded broker")
    with server:
        yield server


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """Apache Kafka; topics of all tests live side by side in it."""
    if not kafka_available():
        missing("Apache Kafka")
    # Nobody kills it: where the machine stands still it need not be given up, nor refuse topics after that.
    directory = tmp_path_factory.mktemp("apache-kafka")
    with ApacheKafka(directory, broker_session_timeout_ms="120000") as server:
        yield server


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """The store of the local stack; each test flushes it or uses keys of its own."""
    try:
        server = EmbeddedStore(tmp_path_factory.mktemp("valkey"))
    except LocalProcessError:
        missing("Valkey")
    with server:
        yield server


@pytest.fixture(scope="session")
def debian_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianRedis]:
    """Redis 7.0, the oldest supported server."""
    if not redis_server_available():
        missing("redis-server")
    with DebianRedis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session", params=["embedded_broker", "apache_kafka"], ids=["embedded", "kafka"])
def broker(request: pytest.FixtureRequest) -> LocalServer:
    """Both brokers, one after the other; `.address` is what clients connect to."""
    server: LocalServer = request.getfixturevalue(request.param)
    return server


@pytest.fixture(scope="session", params=["valkey", "debian_redis"], ids=["valkey", "redis7"])
def store_server(request: pytest.FixtureRequest) -> EmbeddedStore:
    """Both stores, one after the other; `.url` is what clients connect to."""
    server: EmbeddedStore = request.getfixturevalue(request.param)
    return server


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The program of Debian's browser."""
    if not CHROMIUM.is_file():
        missing("Chromium")
    return CHROMIUM
