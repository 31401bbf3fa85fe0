"""The demo as a newcomer meets it: as a subprocess, with and without a terminal, and stopped half way."""

import fcntl
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import orjson
import pytest
from waiting import wait_for

from streams.local.synthetic import synthetic

pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
DEMO = (sys.executable, "-m", "streams", "demo")
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


class Demo:
    """A running demo with a temporary folder and a port of its own; knows what it left behind."""

    def __init__(self, folder: Path, *args: str, stdout: int = subprocess.PIPE, port: int = 0) -> None:
        self.folder = folder
        env = {**os.environ, "TMPDIR": str(folder), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        self.child = subprocess.Popen(
            [*DEMO, "--port", str(port), *args],
            cwd=ROOT,
            env={name: value for name, value in env.items() if not name.startswith("PROFILESTREAM_")},
            stdin=stdout if stdout >= 0 else subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE if stdout < 0 else stdout,
            start_new_session=True,
        )

    def finish(self, timeout_s: float = 480) -> tuple[int, str, str]:
        out, err = self.child.communicate(timeout=timeout_s)
        return self.child.returncode, (out or b"").decode(), (err or b"").decode()

    def parts(self) -> list[str]:
        """Commands of living processes in the folder: the demo's broker, store, worker, trainer, console."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != self.child.pid:
                try:
                    facts = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
                    logs = [str(fd.readlink()) for fd in (entry / "fd").iterdir()]
                except OSError:
                    continue
                if str(self.folder).encode() in facts or any(
                    log.startswith(str(self.folder)) for log in logs
                ):
                    found.append(facts[:80].decode(errors="replace"))
        return found

    def left_behind(self) -> list[str]:
        files = [str(path) for path in self.folder.iterdir()]
        return files + self.parts()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tmp").mkdir()
    return tmp_path / "tmp"


def test_once_without_a_terminal(folder: Path) -> None:
    demo = Demo(folder, "--once", "--seconds", "5", "--households", "20")
    code, out, err = demo.finish()
    assert (code, err) == (0, "")
    assert not CONTROL.search(out)
    assert re.search(
        r"^real +[\d,]+ orders, [\d,]+ campaign events, 20 households: Complete Journey$", out, re.MULTILINE
    )
    assert re.search(r"^simulated +[\d,]+ clicks and service events", out, re.MULTILINE)
    assert len(re.findall(r"^ +\d+ s  201[78]-\d\d-\d\d \d\d:\d\d  sent ", out, re.MULTILINE)) >= 1
    real, simulated = re.search(
        r"^ events +[\d,]+ +([\d,]+) real, ([\d,]+) simulated *$", out, re.MULTILINE
    ).groups()  # type: ignore[union-attr]
    assert int(simulated.replace(",", "")) > int(real.replace(",", "")) > 500
    assert re.search(r"^ profiles +20 +as of 201[78]-", out, re.MULTILINE)
    assert re.search(r"^ dead letters +0", out, re.MULTILINE)
    for tag in ("active_30d", "high_value", "lifecycle", "rfm_segment"):
        assert re.search(rf"^ {tag} ", out, re.MULTILINE)
    assert demo.left_behind() == []


def test_a_file_of_ones_own_with_dead_letters(folder: Path, seed: int, tmp_path: Path) -> None:
    lines = [orjson.dumps(event) for event in synthetic(seed, 10, 400, 1_480_000_000_000, 1_490_000_000_000)]
    (tmp_path / "own.jsonl").write_bytes(b"\n".join([b"no json", *lines, b"", b'{"type":"order"}']))
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port = somebody.getsockname()[1]
        demo = Demo(folder, "--once", "--seconds", "1", "--data", str(tmp_path / "own.jsonl"), port=port)
        code, out, err = demo.finish()
    assert (code, err) == (0, "")
    assert f"Port {port} is taken; the console answers on " in out
    assert re.search(r"^ events +402 ", out, re.MULTILINE)
    assert re.search(r"^ dead letters +2 ", out, re.MULTILINE)
    assert demo.left_behind() == []


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("after", ["process", "folder"])
def test_stopped_half_way_without_a_terminal(folder: Path, sig: signal.Signals, after: str) -> None:
    demo = Demo(folder, "--once", "--seconds", "60", "--households", "20")
    # Five: what `left_behind` looks for can be found, here and in the tests whose demo is soon over.
    wait_for(lambda: len(demo.parts()) == 5 if after == "process" else any(folder.iterdir()))
    time.sleep(3 if after == "process" else 0)
    demo.child.send_signal(sig)
    demo.child.send_signal(sig)  # impatience changes nothing
    code, _, err = demo.finish()
    assert (code, err.strip()) == (1, "profilestream: stopped")
    assert demo.left_behind() == []


class Terminal:
    """A pseudo-terminal of a size; what is written to it is collected."""

    def __init__(self, columns: int, lines: int) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.text = ""

    def read_until(self, wanted: str, timeout_s: float = 480) -> None:
        deadline_s = time.monotonic() + timeout_s
        while wanted not in self.text:
            assert time.monotonic() < deadline_s, self.text[-2_000:]
            self.read()

    def read(self) -> bool:
        """Take in a piece; False where there is none: it holds more than one."""
        if not select.select([self.master], [], [], 0.1)[0]:
            return False
        try:
            self.text += os.read(self.master, 65_536).decode(errors="replace")
        except OSError:  # nobody writes any more
            return False
        return True


def command(*args: str) -> "subprocess.CompletedProcess[str]":
    """Another command, as a user would run it."""
    return subprocess.run(
        [*DEMO[:-1], *args], cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
    )


@pytest.mark.parametrize(
    ("size", "until"),
    [((80, 24), "Replaying."), ((120, 40), "Ctrl-C ends the demo.")],
    ids=["during", "after"],
)
def test_on_a_terminal_until_it_is_stopped(folder: Path, size: tuple[int, int], until: str) -> None:
    terminal = Terminal(*size)
    seconds = "60" if until == "Replaying." else "3"
    demo = Demo(folder, "--seconds", seconds, "--households", "20", stdout=terminal.slave)
    os.close(terminal.slave)
    terminal.read_until(until)
    if until != "Replaying.":
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.text)
        brokers = re.search(r"export PROFILESTREAM_BROKERS=(\S+)", plain)
        store = re.search(r"export PROFILESTREAM_REDIS_URL=(\S+)", plain)
        customer = re.search(r"-m streams get (\S+)", plain)
        assert brokers
        assert store
        assert customer
        where = ("--brokers", brokers[1], "--redis-url", store[1])
        for args in (("get", customer[1]), ("verify",)):
            done = command(*where, *args)
            assert done.returncode == 0, done.stdout + done.stderr
        # It gives a broker that is busy two seconds, and says then that it is down.
        wait_for(lambda: command(*where, "lag", "--max", "0").returncode == 0, within_s=300)
    demo.child.send_signal(signal.SIGINT)
    deadline_s = time.monotonic() + 120
    while demo.child.poll() is None and time.monotonic() < deadline_s:
        terminal.read()
    while terminal.read():
        pass
    assert demo.child.returncode == 0
    assert "Traceback" not in terminal.text
    assert "\x1b[?1049l" in terminal.text  # back from the other screen
    assert demo.left_behind() == []
    os.close(terminal.master)
