"""When not to ask: a circuit breaker, and a budget for trying again."""

import threading
import time

from .deployment import Settings

_SAVED_RETRIES = 10.0  # most that a quiet time saves up


class Breaker:
    """Counts what fails. Closed it lets everyone ask; open nobody, but one caller each `rest_s`."""

    def __init__(self, settings: Settings) -> None:
        self._limit, self._rest_s, self._ratio = settings.failures, settings.rest_s, settings.retry_ratio
        self._failed = 0
        self._open_until_s = 0.0
        self._retries = _SAVED_RETRIES
        self._lock = threading.Lock()

    def allows(self, *, is_retry: bool) -> bool:
        """Whether to ask now; a yes to a retry is paid from the budget."""
        if not is_retry and not self._failed:
            # Without the lock: a race loses a tenth of a retry.
            self._retries = min(self._retries + self._ratio, _SAVED_RETRIES)
            return True
        with self._lock:
            if is_retry:
                is_paid = self._failed < self._limit and self._retries >= 1
                self._retries -= is_paid
                return is_paid
            self._retries = min(self._retries + self._ratio, _SAVED_RETRIES)
            if self._failed < self._limit:
                return True
            if time.monotonic() < self._open_until_s:
                return False
            self._open_until_s = (
                time.monotonic() + self._rest_s
            )  # this caller tries, the others go on waiting
            return True

    def succeeded(self) -> None:
        """It answered."""
        if self._failed:
            with self._lock:
                self._failed = 0

    def failed(self) -> None:
        """It did not."""
        with self._lock:
            self._failed += 1
            if self._failed >= self._limit:
                self._open_until_s = time.monotonic() + self._rest_s
