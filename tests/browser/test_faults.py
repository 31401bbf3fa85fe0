"""What a page does when there is nothing yet, when the store is away, and when the console itself is gone."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from browser.deployment import Deployment
from browser.looking import Look, picture

pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(600)]
PROVOKED = "503|ERR_|Failed to load resource"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Nothing has been sent; there is no trainer."""
    with Deployment(tmp_path_factory.mktemp("small"), households=5) as found:
        yield found


def test_an_empty_deployment_then_its_first_customers(look: Callable[..., Look], small: Deployment) -> None:
    found = look(small.url, "#/live")
    page = found.page
    expect(page.get_by_text("No profiles yet.")).to_be_visible()
    expect(page.locator(".tile .value").last).to_have_text("0")
    picture(found, "empty-live")
    for address, says in (
        ("#/segments", "No customers yet."),
        ("#/customer", "No tag change yet."),
        ("#/changes", "No tag change yet."),
        ("#/dead-letters", "Nothing was refused."),
        ("#/tag/vip", "What it means"),
    ):
        found.go(address)
        expect(page.locator("main").get_by_text(says, exact=True)).to_be_visible()
    found.go("#/changes")
    small.more(200)
    page.wait_for_selector(".feed tbody tr")
    expect(page.locator(".empty")).to_be_hidden()
    found.go("#/live")
    expect(page.get_by_text("No profiles yet.")).to_be_hidden()


def test_the_store_goes_away_and_comes_back(look: Callable[..., Look], small: Deployment) -> None:
    small.more(50)
    found = look(small.url, "#/live")
    page = found.page
    figures = f"{small.applied():,} applied in all"  # at rest, but the page is told once a second
    expect(page.locator(".tile .detail").first).to_have_text(figures)
    small.stack.store.stop()
    try:
        expect(page.locator("#banner")).to_contain_text("The store does not answer")
        expect(page.locator(".verdict")).to_contain_text("Profiles cannot be read")
        assert page.locator(".tile .detail").first.inner_text() == figures  # the last that was known
        picture(found, "store-down-live")
        for address in ("#/customer/1", "#/segments", "#/changes", "#/dead-letters", "#/tag/vip"):
            found.go(address)
            expect(page.locator("main .notice")).to_contain_text("The store does not answer")
        picture(found, "store-down-tag")
        found.go("#/customer/1")
        expect(page.locator("main .notice")).to_be_visible()
    finally:
        small.stack.store.start()
    expect(page.locator(".person")).to_be_visible()
    expect(page.locator("main .notice")).to_have_count(0)
    expect(page.locator("#banner")).to_be_hidden()
    found.forgive(PROVOKED)


def test_the_console_goes_away_and_comes_back(look: Callable[..., Look], small: Deployment) -> None:
    found = look(small.url, "#/customer/1")
    page = found.page
    expect(page.locator(".person")).to_be_visible()
    expect(page.locator(".canvas canvas").first).to_be_attached()  # it has all that it needs
    expect(page.locator("#light")).to_have_text(re.compile("Fresh|Attention"))
    (console,) = small.stack.consoles
    console.stop()
    expect(page.locator("#banner")).to_contain_text("The console does not answer")
    expect(page.locator("#light")).to_have_text("Unknown")
    expect(page.locator(".person")).to_be_visible()  # what was known stays
    found.go("#/segments")
    expect(page.locator("main .notice")).to_contain_text("The console does not answer")
    picture(found, "console-gone")
    console.start()
    expect(page.locator("#banner")).to_be_hidden()
    expect(page.locator("main .notice")).to_have_count(0)
    expect(page.locator(".heat b").first).to_be_visible()
    found.forgive(PROVOKED)


def test_a_page_that_opens_while_the_store_is_away_comes_by_itself(
    look: Callable[..., Look], small: Deployment
) -> None:
    small.stack.store.stop()
    try:
        found = look(small.url, "#/customer/1")
        expect(found.page.locator("main .notice")).to_contain_text("The store does not answer")
    finally:
        small.stack.store.start()
    expect(found.page.locator(".person")).to_be_visible()
    found.forgive(PROVOKED)
