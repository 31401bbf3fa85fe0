"""Free loopback ports for the local stack."""

import os
import random
import socket
import sys
from collections import deque

# Below the ephemeral ranges of Linux (32768 up) and of IANA (49152 up), on purpose. Inside them, a client
# that keeps reconnecting to a killed server is sooner or later handed the server's own port as its source
# port, connects to itself, and the server can no longer be restarted there.
_LOWEST = 15_000
_HIGHEST = 32_767
_ATTEMPTS = 200
_HELD_MOST = 64
_held: deque[int] = deque()  # file descriptors of the ports given out last


def is_free(port: int) -> bool:
    """Whether nothing listens on a port of 127.0.0.1 at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nothing listened on a moment ago.

    Not even its user has it yet: a server binds it seconds later, and there may be others who look for one
    meanwhile. Drawing at random from 17 768 ports makes it rare that they meet; on Linux the port is held,
    too, so that nobody else is given it by this function.

    Returns:
        A port number, 15000 to 32767.

    Raises:
        OSError: no port was free in 200 draws.
    """
    draw = random.SystemRandom()  # not the seeded generator: two runs with one seed must not collide
    for _ in range(_ATTEMPTS):
        port = draw.randint(_LOWEST, _HIGHEST)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _hold(probe)
            return port
    raise OSError(f"no free loopback port between {_LOWEST} and {_HIGHEST} in {_ATTEMPTS} draws")


def _hold(probe: socket.socket) -> None:
    """Keep a port bound that nobody listens on: servers, which reuse addresses, get it, other draws do not.

    The sockets of the latest ones live as long as this process.
    """
    if sys.platform != "linux":
        return  # elsewhere a server could not bind it either
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _held.append(probe.detach())
    if len(_held) > _HELD_MOST:
        os.close(_held.popleft())
