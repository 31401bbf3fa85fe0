"""What a page costs: bytes, requests and connections; and that nothing comes from elsewhere."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Response, expect

from browser.deployment import Deployment
from browser.looking import HIDE, IS, Look

pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(600)]
MOST_BYTES = 1_000_000
# A stream that says nothing for ten seconds is opened anew, as on a machine that stood still: counted from
# the beginning of a page.
LOST = """
window.lost = 0;
import("/static/js/stream.js").then(({ on }) =>
  on("state", ({ state }) => { window.lost += state === "gone"; }));
"""


def test_the_whole_page_is_small_and_all_from_here(look: Callable[..., Look], deployment: Deployment) -> None:
    found = look(deployment.url)  # a browser that has never been here
    page = found.page
    responses: list[Response] = []
    page.on("response", lambda response: responses.append(response))  # noqa: PLW0108 - Playwright marks what it calls
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    sent: list[int] = []
    network.on("Network.loadingFinished", lambda event: sent.append(int(event["encodedDataLength"])))
    found.go("#/live")
    page.wait_for_selector("canvas")
    page.wait_for_function("() => document.querySelector('.tile .value').textContent")
    entries = page.evaluate("performance.getEntriesByType('paint').map((one) => [one.name, one.startTime])")
    for view in ("segments", "customer/1", "changes", "tag/vip", "dead-letters"):
        found.go(f"#/{view}")
        page.wait_for_selector(f"main[data-view='{view.split('/')[0]}'] h1")
        page.wait_for_timeout(300)
    paints = ", ".join(f"{name} {ms:.0f} ms" for name, ms in entries)
    print(f"{len(responses)} requests, {sum(sent):,} bytes as transferred, every view; {paints}")
    assert 250_000 < sum(sent) < MOST_BYTES  # with the charts, that is
    assert {response.url.split("/")[2] for response in responses} == {deployment.url.split("/")[2]}
    html = next(response for response in responses if response.url.rstrip("/") == deployment.url)
    policy = html.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_a_page_that_nobody_sees_holds_no_connection(
    look: Callable[..., Look], deployment: Deployment
) -> None:
    found = look(deployment.url, "#/live")
    page = found.page
    found.until(IS, "open")
    page.evaluate(HIDE, True)
    found.until(IS, "resting")
    expect(page.locator("#banner")).to_be_hidden()
    page.evaluate(HIDE, False)
    found.until(IS, "open")


def test_one_connection_a_page_whatever_is_looked_at(
    look: Callable[..., Look], deployment: Deployment
) -> None:
    found = look(deployment.url, "#/live")
    page = found.page
    views: list[str] = []  # looked at since
    opened: list[str] = []
    closed: list[str] = []
    page.on("request", lambda request: request.resource_type == "eventsource" and opened.append(request.url))
    page.on(
        "requestfinished",
        lambda request: request.resource_type == "eventsource" and closed.append(request.url),
    )
    # What the page before asks for while it goes is not counted.
    page.on("framenavigated", lambda _: (opened.clear(), closed.clear()) if not views else None)
    page.add_init_script(LOST)
    page.reload()
    found.until(IS, "open")
    for view in ("changes", "live", "tag/vip", "segments", "customer/1", "changes"):
        views.append(view)
        found.go(f"#/{view}")
        page.wait_for_selector(f"main[data-view='{view.split('/')[0]}'] h1")
    found.until(IS, "open")
    assert (len(opened), closed) == (1 + page.evaluate("window.lost"), [])
