"""A real deployment and Debian's Chromium; what a page complains of fails the test that opened it.

Both end with this folder: Playwright keeps an event loop running in the thread of the tests, and asynchronous
tests elsewhere need that to themselves.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from browser.deployment import REFUSED, Deployment
from browser.looking import PATIENCE_MS, Look

SIZES = {"wide": (1280, 800), "phone": (390, 844)}
# A page gives an answer up after fifteen seconds, and does not ask for everything again: a busy machine shall
# not bring that about.
PATIENT = "AbortSignal.timeout = () => new AbortController().signal"


@pytest.fixture(scope="package")
def browser(chromium: Path) -> Iterator[Browser]:
    """The browser, without a window."""
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_MS)
        found = playwright.chromium.launch(
            executable_path=str(chromium), args=["--no-sandbox"], timeout=PATIENCE_MS
        )
        yield found
        found.close()


@pytest.fixture(scope="package")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A crowd with a past: months of 200 households, their clusters, and a few oddities."""
    with Deployment(tmp_path_factory.mktemp("crowd"), households=200) as found:
        found.replay(0.4, seconds=12)
        found.oddities()
        found.train()
        found.until(lambda: found.get("dead-letters")["total"] == found.refused().total())
        assert found.refused().keys() == REFUSED.keys()
        assert found.refused() >= Counter(REFUSED)
        found.until(lambda: found.get("segments")["profiles"] == found.profiles())
        yield found


@pytest.fixture
def look(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Look]]:
    """Opens pages of a deployment: `look(url, "#/live", language="zh", theme="dark", size="phone")`.

    Without an address it goes nowhere yet.
    """
    contexts, looks = [], []

    def opened(
        url: str,
        address: str | None = None,
        *,
        language: str = "en",
        theme: str = "light",
        size: str = "wide",
        **more: Any,
    ) -> Look:
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce",
            locale="zh-CN" if language == "zh" else "en-GB", **more,
        )  # fmt: skip
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(PATIENT)
        contexts.append(context)
        found = Look(context.new_page(), url)
        looks.append(found)
        if address is not None:
            found.go(address)
        return found

    yield opened
    for context in contexts:
        context.close()
    for found in looks:
        assert found.complaints == []
