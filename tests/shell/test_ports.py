"""A free port is for whoever asked for it."""

import signal
import socket

import pytest

from streams.local.ports import _HELD_MOST, _held, free_port, is_free
from streams.local.process import unbroken


def test_a_port_is_given_out_once_and_a_server_gets_it() -> None:
    port = free_port()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))  # as another draw of it would
    for _ in range(2):  # a server that is started again, too
        assert is_free(port)
        with socket.create_server(("127.0.0.1", port)):
            assert not is_free(port)


def test_few_ports_are_held() -> None:
    for _ in range(2 * _HELD_MOST):
        free_port()
    assert len(_held) == _HELD_MOST


def test_ctrl_c_waits_for_the_end_of_what_must_not_be_broken_off() -> None:
    done = []

    def make() -> None:
        with unbroken():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            done.append("all of it")

    with pytest.raises(KeyboardInterrupt):
        make()
    assert done
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
