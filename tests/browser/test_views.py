"""Every view with real data: it renders, in both languages and themes, wide and on a phone, for everybody."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from browser.deployment import Deployment
from browser.looking import PATIENCE_MS, Look, picture

pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(600)]

WORDS = Path(__file__).parents[2] / "streams/console/static/js/words"
# View -> its address, and what is there once it shows data: selector -> how many at least.
VIEWS: dict[str, tuple[str, dict[str, int]]] = {
    "live": ("#/live", {".tile .value": 6, "canvas": 4, ".bars li": 3, ".processes li": 2}),
    "segments": ("#/segments", {".heat b": 5, ".shares tbody tr": 5, "canvas": 3, ".cluster-list button": 2,
                                ".tags-row tbody tr": 10}),
    "customer": ("#/customer/1", {".dial": 4, ".held li": 4, "canvas": 2, ".moments li": 5, ".likes li": 3,
                                  ".columns": 2, ".facts dd": 6}),
    "search": ("#/customer", {".suggestions a": 5}),
    "changes": ("#/changes", {".feed tbody tr": 50}),
    "tag": ("#/tag/high_intent", {".tile .value": 6, "canvas": 1, ".rule": 1, ".feed tbody tr": 1}),
    "dead-letters": ("#/dead-letters", {"details": 3, "tbody tr": 3}),
}  # fmt: skip
LOOKS = [("en", "light", "wide"), ("en", "dark", "wide"), ("zh", "dark", "wide"), ("en", "light", "phone"),
         ("zh", "dark", "phone")]  # fmt: skip


def arrive(found: Look, view: str) -> None:
    """Go there, and wait until it shows data."""
    address, wanted = VIEWS[view]
    found.go(address)
    name = "customer" if view == "search" else view
    found.page.wait_for_selector(f"main[data-view='{name}'] h1")
    for selector, n in wanted.items():
        found.page.wait_for_function(
            "([selector, n]) => document.querySelectorAll(`main ${selector}`).length >= n", arg=[selector, n]
        )


@pytest.mark.parametrize(("language", "theme", "size"), LOOKS, ids="-".join)
def test_every_view(
    look: Callable[..., Look], deployment: Deployment, language: str, theme: str, size: str
) -> None:
    found = look(deployment.url, "#/live", language=language, theme=theme, size=size)
    found.forgive("willReadFrequently")  # a chart that is looked at twice, for it was still to be drawn
    page = found.page
    for view in VIEWS:
        arrive(found, view)
        blank = drawn(page)
        picture(found, f"{view}-{size}-{theme}-{language}")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{view} is wider than the screen by {wide}"
        assert page.evaluate("document.documentElement.lang") == language
        assert blank == [], view
        if language == "zh":
            assert english_in(page) == set(), view


# Charts that are in sight, have data and drew nothing.
BLANK = """[...document.querySelectorAll("main .canvas canvas")]
  .filter((one) => one.offsetParent && one.width)
  .filter((one) => !one.getContext("2d").getImageData(0, 0, one.width, one.height).data.some(Boolean))
  .map((one) => one.closest(".panel").querySelector("h2").textContent)"""


def drawn(page: Page) -> list[str]:
    """Waits until every chart has drawn something, a frame or two; gives the titles of those that do not."""
    deadline_s = time.monotonic() + PATIENCE_MS / 1000
    while (blank := page.evaluate(BLANK)) and time.monotonic() < deadline_s:
        page.wait_for_timeout(50)
    return list(blank)


def texts(name: str) -> set[str]:
    """What stands in a file of words as it is."""
    code = f'import("file://{WORDS}/{name}.js").then((m) => console.log(JSON.stringify(m)))'
    done = subprocess.run(["node", "-e", code], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)

    def leaves(node: Any) -> list[str]:
        if isinstance(node, str):
            return [node]
        return [leaf for value in node.values() for leaf in leaves(value)] if isinstance(node, dict) else []

    return set(leaves(found))


def english_in(page: Page) -> set[str]:
    """English texts of the page that a Chinese reader is shown."""
    shown = page.evaluate(
        """() => {
        const out = [];
        const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (walk.nextNode())
          if (!walk.currentNode.parentElement.closest("code, pre, .mono"))
            out.push(walk.currentNode.textContent.trim());
        for (const one of document.querySelectorAll("[aria-label]")) out.push(one.getAttribute("aria-label"));
        return out; }"""
    )
    english = texts("en") | texts("names_en")
    return (english - texts("zh") - texts("names_zh")) & set(shown)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", ["wide", "phone"])
def test_nothing_serious_stands_in_anybodys_way(
    look: Callable[..., Look], deployment: Deployment, theme: str, size: str
) -> None:
    found = look(deployment.url, "#/live", theme=theme, size=size)
    serious = []
    for view in VIEWS:
        arrive(found, view)
        for violation in Axe().run(found.page).response["violations"]:
            if violation["impact"] in ("serious", "critical"):
                where = [node["target"] for node in violation["nodes"]][:4]
                serious.append((view, violation["id"], violation["help"], where))
    assert serious == []


def test_language_and_theme_are_switched_and_remembered(
    look: Callable[..., Look], deployment: Deployment
) -> None:
    found = look(deployment.url, "#/segments")
    page = found.page
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    expect(page.locator("h1")).to_have_text("Segments")
    page.get_by_role("button", name="Chinese").click()
    expect(page.locator("h1")).to_have_text("分群")
    expect(page.locator("#views [aria-current]")).to_have_text("分群")
    page.get_by_role("button", name="深色主题").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    expect(page.locator("h1")).to_have_text("分群")
    assert page.evaluate(ground) == dark
    page.get_by_role("button", name="English").click()
    page.get_by_role("button", name="Light theme").click()
    assert page.evaluate(ground) == light


def test_the_theme_is_that_of_the_system_until_somebody_chooses(
    look: Callable[..., Look], deployment: Deployment
) -> None:
    page = look(deployment.url, "#/segments", theme="dark").page
    expect(page.locator("h1")).to_have_text("Segments")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.emulate_media(color_scheme="light")
    expect(page.get_by_role("button", name="Dark theme")).to_be_visible()
    light = page.evaluate(ground)
    assert light != dark
    page.get_by_role("button", name="Dark theme").click()
    assert page.evaluate(ground) == dark
    page.emulate_media(color_scheme="dark")
    page.emulate_media(color_scheme="light")
    assert page.evaluate(ground) == dark
    page.reload()
    expect(page.get_by_role("button", name="Light theme")).to_be_visible()
    assert page.evaluate(ground) == dark


def test_the_whole_page_by_keyboard(look: Callable[..., Look], deployment: Deployment) -> None:
    found = look(deployment.url, "#/live")
    page = found.page
    page.wait_for_selector("main h1")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert page.url.endswith("#/live")
    page.locator("#views a").nth(2).focus()
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(outline) == "solid"
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Segments")
    assert page.evaluate("document.activeElement.id") == "main"
    # Every chart has its figures as a table, and back.
    toggle = page.get_by_role("button", name="As a table").first
    toggle.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".flow-panel .figures tbody tr").first).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(".flow-panel .canvas")).to_be_in_viewport()
    cluster = page.locator(".cluster-list button").nth(1)
    cluster.press("Enter")  # focused in that moment: the list is made anew every ten seconds
    expect(cluster).to_have_attribute("aria-pressed", "true")


def test_charts_answer_to_the_pointer_without_markup(
    look: Callable[..., Look], deployment: Deployment
) -> None:
    found = look(deployment.url, "#/live")
    arrive(found, "live")
    deployment.more(50)
    canvas, tip = found.page.locator(".canvas").first, found.page.locator(".bubble:visible span")
    deadline_s = time.monotonic() + PATIENCE_MS / 1000
    while not any(tip.all_inner_texts()):  # a chart that is drawn anew meanwhile does not see the pointer
        assert time.monotonic() < deadline_s
        box = canvas.bounding_box()
        assert box
        for back in (20, 24):
            found.page.mouse.move(box["x"] + box["width"] - back, box["y"] + box["height"] / 2)
        found.page.wait_for_timeout(100)


def test_a_chart_that_cannot_be_drawn_is_a_table(look: Callable[..., Look], deployment: Deployment) -> None:
    found = look(deployment.url)
    found.forgive("ERR_")
    found.page.route("**/echarts.min.js*", lambda route: route.abort())
    found.go("#/segments")
    expect(found.page.locator(".flow-panel .figures tbody tr").first).to_be_visible()
    expect(found.page.locator(".flow-panel .canvas")).to_have_class("canvas away")
