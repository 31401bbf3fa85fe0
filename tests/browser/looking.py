"""A page that is looked at: what it complained of, and its picture."""

import re
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Page

ARTEFACTS = Path(__file__).parents[2] / ".artefacts" / "console"


class Look:
    """One page, and what it complained of.

    Attributes:
        page: Playwright's.
        complaints: errors of scripts, of the content security policy, of requests.
    """

    def __init__(self, page: Page, base: str) -> None:
        self.page, self._base = page, base
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("console", self._said)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} {message.location.get('url', '')}")

    def go(self, address: str) -> None:
        """Another view, by its address on the page."""
        self.page.goto(f"{self._base}/{address}")

    def forgive(self, pattern: str) -> None:
        """Complaints that the test provoked."""
        self.complaints = [one for one in self.complaints if not re.search(pattern, one)]


def picture(found: Look, name: str) -> None:
    """A screenshot as an artefact of the test."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    found.page.screenshot(path=ARTEFACTS / f"{name}.png")
