"""A page that is looked at: what it complained of, and its picture."""

import re
import time
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Page

PATIENCE_MS = 120_000  # a browser beside other load; what is waited for ends the wait
ARTEFACTS = Path(__file__).parents[2] / ".artefacts" / "console"

# Puts it out of sight, or back.
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
HEARD = """async (at) => ((await import("/static/js/stream.js")).latest()?.at_ms ?? 0) > at"""
IS = """async (state) => (await import("/static/js/stream.js")).link.state === state"""


class Look:
    """One page, and what it complained of.

    Attributes:
        page: Playwright's.
    """

    def __init__(self, page: Page, base: str) -> None:
        self.page, self._base = page, base
        self._said: list[str] = []
        self._forgiven: list[str] = []
        page.on("pageerror", lambda error: self._said.append(f"script: {error}"))
        page.on("console", self._listen)

    @property
    def complaints(self) -> list[str]:
        """Errors of scripts, of the content security policy, of requests."""
        return [one for one in self._said if not any(re.search(some, one) for some in self._forgiven)]

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._said.append(f"{message.type}: {message.text} {message.location.get('url', '')}")

    def go(self, address: str) -> None:
        """Another view, by its address on the page."""
        self.page.goto(f"{self._base}/{address}")

    def forgive(self, pattern: str) -> None:
        """Complaints that the test provokes, also those that are still under way."""
        self._forgiven.append(pattern)

    def hear(self) -> None:
        """Until the page has taken in everything that the console has told by now."""
        now_ms = int(time.time() * 1000)
        self.until(HEARD, now_ms)

    def until(self, script: str, arg: Any = None) -> None:
        """Until a script says so; asked again and again, for `wait_for_function` takes a promise for true."""
        deadline_s = time.monotonic() + PATIENCE_MS / 1000
        while not self.page.evaluate(script, arg):
            assert time.monotonic() < deadline_s, script
            self.page.wait_for_timeout(50)


def picture(found: Look, name: str) -> None:
    """A screenshot as an artefact of the test."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    found.page.screenshot(path=ARTEFACTS / f"{name}.png")


def rounded(value: float, digits: str = "1") -> Decimal:
    """As the page rounds, half up."""
    return Decimal(str(value)).quantize(Decimal(digits), ROUND_HALF_UP)
