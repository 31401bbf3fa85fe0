"""A page that is looked at: what it complained of, and its picture."""

import re
import time
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Page

PATIENCE_MS = 60_000  # a browser beside other load; what is waited for ends the wait
ARTEFACTS = Path(__file__).parents[2] / ".artefacts" / "console"


HEARD = """async (at) => ((await import("/static/js/stream.js")).latest()?.at_ms ?? 0) > at"""


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
        self.page.wait_for_function(HEARD, arg=now_ms)


def picture(found: Look, name: str) -> None:
    """A screenshot as an artefact of the test."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    found.page.screenshot(path=ARTEFACTS / f"{name}.png")


def rounded(value: float, digits: str = "1") -> Decimal:
    """As the page rounds, half up."""
    return Decimal(str(value)).quantize(Decimal(digits), ROUND_HALF_UP)
