"""Children of the local stack are awaited, stopped by pid, and never outlive their parent."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from streams.local.ports import free_port
from streams.local.process import LocalProcess, LocalProcessError

SLEEPER = ["sleep", "600"]  # longer than anything here is waited for


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie, which waits for its parent, does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # the latter where it goes between opening and reading
        return False


def eventually(holds, timeout_s: float = 60.0) -> bool:
    end = time.monotonic() + timeout_s
    while not (done := holds()) and time.monotonic() < end:
        time.sleep(0.02)
    return done


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_a_child_dies_with_a_parent_that_is_killed(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from streams.local.process import LocalProcess\n"
        "child = LocalProcess('child', ['sleep', '600'], log=Path(sys.argv[1]))\n"
        "child.start(); print(child.pid, flush=True); time.sleep(600)"
    )
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", script, str(tmp_path / "log")]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        # Only once the launcher became the program is its wish to die with the parent certain.
        assert eventually(lambda: b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0])
        parent.kill()
    assert eventually(lambda: not alive(pid))


def test_a_child_outlives_the_thread_that_started_it(tmp_path):
    child = LocalProcess("child", SLEEPER, log=tmp_path / "log")
    thread = threading.Thread(target=child.start)
    thread.start()
    thread.join()
    time.sleep(0.2)
    assert child.running
    child.stop(timeout_s=60)
    assert child.returncode == -signal.SIGTERM


def test_a_child_is_out_of_reach_of_the_terminal(tmp_path):
    with LocalProcess("child", SLEEPER, log=tmp_path / "log") as child:
        assert os.getsid(child.pid) == child.pid != os.getsid(0)


def test_a_paused_child_is_stopped_without_waiting(tmp_path):
    with LocalProcess("child", SLEEPER, log=tmp_path / "log") as child:
        child.signal(signal.SIGSTOP)
        child.stop(timeout_s=60)
    assert child.returncode == -signal.SIGTERM  # after a wait in vain it would have been killed


def test_a_child_that_ignores_sigterm_is_killed(tmp_path):
    log = tmp_path / "log"
    child = LocalProcess("child", ["sh", "-c", "trap '' TERM; echo deaf; exec sleep 600"], log=log)
    child.start()
    child.wait_until(lambda: "deaf" in log.read_text(), 60)
    child.stop(timeout_s=0.2)
    assert child.returncode == -signal.SIGKILL


def test_a_child_that_dies_is_reported_with_the_tail_of_its_log(tmp_path):
    child = LocalProcess("the thing", ["sh", "-c", "echo no such port; exit 3"], log=tmp_path / "log")
    child.start()
    with pytest.raises(LocalProcessError, match=r"the thing ended with status 3 before[^\n]*\nno such port$"):
        child.wait_until(lambda: False, 60)


def test_a_child_that_is_not_ready_in_time_is_reported(tmp_path):
    with (
        LocalProcess("the thing", SLEEPER, log=tmp_path / "log") as child,
        pytest.raises(LocalProcessError, match=r"the thing was not ready within 0\.1 s"),
    ):
        child.wait_until(lambda: False, 0.1)


def test_a_missing_program_is_reported_at_start(tmp_path):
    with pytest.raises(LocalProcessError, match="no program 'no-such-program'"):
        LocalProcess("the thing", ["no-such-program"], log=tmp_path / "log").start()


def test_the_environment_given_is_the_whole_environment(tmp_path):
    log = tmp_path / "log"
    child = LocalProcess("child", ["env"], log=log, env={"ONLY": "this"})
    child.start()
    assert eventually(lambda: not child.running)
    assert log.read_text().split() == ["ONLY=this"]


def test_free_ports_lie_below_the_ephemeral_range():
    assert all(15_000 <= free_port() < 32_768 for _ in range(50))
