"""A TCP proxy on loopback that can be slow, cut replies off, or answer in the server's place."""

import contextlib
import select
import socket
import threading
from typing import Self

from streams.local.ports import free_port


class Proxy:
    """Between a client and a server.

    Args:
        port: of the server.

    Attributes:
        url: for clients of a store.
        delay_s: how long each reply is held back.
        cut_after: replies end, and the connection with them, after so many bytes; None = never.
        says: what is answered to each command, instead of asking the server; None = it is asked.
        accepted: connections that clients have made so far.
    """

    def __init__(self, port: int) -> None:
        self.delay_s = 0.0
        self.cut_after: int | None = None
        self.says: bytes | None = None
        self.accepted = 0
        self._target = port
        self._closing = threading.Event()
        self._clients: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        port = free_port()
        self.url = f"redis://127.0.0.1:{port}/0"
        self._server = socket.create_server(("127.0.0.1", port))
        self._server.settimeout(0.05)
        self._start(self._accept)

    def drop(self) -> None:
        """Cut every connection."""
        while self._clients:
            with contextlib.suppress(OSError):
                self._clients.pop().shutdown(socket.SHUT_RDWR)

    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with self._server:
            while not self._closing.is_set():
                with contextlib.suppress(TimeoutError):
                    client, _ = self._server.accept()
                    self.accepted += 1
                    self._clients.append(client)
                    self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        target = ("127.0.0.1", self._target)
        with client, contextlib.suppress(OSError), socket.create_connection(target) as server:
            self._carry(client, server)

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        sent = 0
        while True:
            for end in select.select([client, server], [], [])[0]:
                data = end.recv(65_536)
                if not data:
                    return
                if end is client and self.says is not None:  # a command begins with its number of words
                    client.sendall(self.says * data.count(b"*"))
                elif end is client:
                    server.sendall(data)
                else:
                    self._closing.wait(self.delay_s)
                    left = len(data) if self.cut_after is None else self.cut_after - sent
                    client.sendall(data[: max(0, left)])
                    if left < len(data):
                        return
                    sent += len(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self.drop()
        for thread in self._threads:
            thread.join(5)
