"""Child processes of the local stack: started, awaited, stopped by pid, never left behind.

Rules of the file:

- A child dies with its parent, even when the parent is killed with SIGKILL (Linux; elsewhere it may survive).
- A child does not see the terminal's Ctrl-C: the parent decides in which order things stop.
- Output goes to a file. Nothing here reads it but the sentence that reports a failure.
"""

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

_POLL_S = 0.02
_TAIL_BYTES = 4_096
_TAIL_LINES = 15

# Asks the kernel for SIGKILL at the parent's death (prctl 1 is PR_SET_PDEATHSIG; it outlives exec), looks
# whether the parent died in the meantime, and becomes the program. A launcher rather than a preexec_fn:
# that one runs Python between fork and exec, which can deadlock in a process with threads and warns so
# from Python 3.12 on.
_LAUNCHER = """
import ctypes, json, os, sys
parent, argv, env = json.loads(sys.argv[1])
try:
    ctypes.CDLL(None, use_errno=True).prctl(1, 9, 0, 0, 0)
except (AttributeError, OSError):
    pass
if os.getppid() == parent:
    os.execve(argv[0], argv, os.environ if env is None else env)
"""


class LocalProcessError(Exception):
    """A part of the local stack is missing, did not start or died; one sentence, then its last output."""


class LocalProcess:
    """One child process; can be started again after it ended.

    Attributes:
        name: what messages call it.
        log: file that its output is appended to.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Describe the process; nothing is started.

        Args:
            name: what messages call it.
            argv: program, by path or looked up on the PATH, and its arguments.
            log: file for its output; parent directories are made.
            env: its whole environment; None hands on ours.
            cwd: its working directory; None hands on ours.
        """
        self.name = name
        self.log = log
        self._argv = list(argv)
        self._env = None if env is None else dict(env)
        self._cwd = cwd
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process; says nothing about its being ready.

        Raises:
            LocalProcessError: it is running already, or its program cannot be executed.
        """
        if self.running:
            raise LocalProcessError(f"{self.name} is already running as process {self.pid}.")
        program = shutil.which(self._argv[0])
        if program is None:
            raise LocalProcessError(f"{self.name} cannot start: there is no program {self._argv[0]!r}.")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        argv = [str(Path(program).absolute()), *self._argv[1:]]
        try:
            # In the spawner's thread: the kernel counts the death of the *thread* that forked as the
            # parent's death, and start() may be called from a pool thread that soon ends.
            with unbroken():  # or there would be a child that nobody knows
                self._child = _spawner(os.getpid()).submit(self._spawn, argv).result()
        except OSError as error:
            raise LocalProcessError(f"{self.name} cannot start: {error}.") from error

    def _spawn(self, argv: list[str]) -> "subprocess.Popen[bytes]":
        env = self._env
        if sys.platform == "linux":
            order = json.dumps([os.getpid(), argv, env])
            # The launcher keeps our environment (Python may need LD_LIBRARY_PATH), the program gets its own.
            argv, env = [sys.executable, "-I", "-S", "-c", _LAUNCHER, order], None
        with self.log.open("ab") as out:
            return subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=self._cwd,
                start_new_session=True,
            )

    def wait_until(self, probe: Callable[[], bool], timeout_s: float) -> None:
        """Wait until the process is ready; it keeps running whatever the outcome.

        Args:
            probe: answers whether it is ready; raises nothing, and bounds its own waiting.
            timeout_s: seconds to wait at most, apart from the probe's last call.

        Raises:
            LocalProcessError: the process ended, or was not ready in time.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            # Before the probe: a stranger on the same port would answer for a process that died.
            if not self.running:
                raise self._failure(f"ended with status {self.returncode} before it was ready")
            if probe():
                return
            if time.monotonic() >= deadline:
                raise self._failure(f"was not ready within {timeout_s:g} s")
            time.sleep(_POLL_S)

    def _failure(self, what: str) -> LocalProcessError:
        tail = _tail(self.log)
        return LocalProcessError(f"{self.name} {what}; see {self.log}." + (f"\n{tail}" if tail else ""))

    def stop(self, timeout_s: float = 10.0) -> None:
        """Ask the process to end and wait for it; does nothing when it is not running.

        Args:
            timeout_s: seconds it has to end by itself; after them it is killed.
        """
        if self._child is None or not self.running:
            return
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)  # a process that a test paused hears nothing until it is continued
        try:
            self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process with SIGKILL and wait for it; does nothing when it is not running."""
        if self._child is not None and self.running:
            self._child.kill()
            self._child.wait()

    def signal(self, sig: int) -> None:
        """Send a signal to this process alone, not to its group; does nothing when it ended.

        Args:
            sig: signal number, e.g. `signal.SIGSTOP`.
        """
        if self._child is not None:
            self._child.send_signal(sig)

    @property
    def pid(self) -> int:
        """Process id of the latest start.

        Raises:
            LocalProcessError: it was never started.
        """
        if self._child is None:
            raise LocalProcessError(f"{self.name} was never started.")
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    @property
    def returncode(self) -> int | None:
        """Exit status of the latest start, minus the signal that ended it; None while it runs."""
        return None if self._child is None else self._child.poll()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@contextmanager
def unbroken() -> Iterator[None]:
    """Ctrl-C waits until the block is over: what is made by halves nobody would clear away."""
    if threading.current_thread() is not threading.main_thread():
        yield  # it is told to the main thread only
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)


@functools.cache
def _spawner(pid: int) -> ThreadPoolExecutor:  # noqa: ARG001 (a forked process needs a thread of its own)
    """The one thread that forks every child; it lives as long as this process."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="local-spawner")


def _tail(log: Path) -> str:
    """The last lines of a log, or nothing when it cannot be read."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-_TAIL_LINES:])
