"""One customer: found, shown whole, as Redis has it; and who has a strange name, is unknown or has left."""

import re
from collections.abc import Callable

import orjson
import pytest
from playwright.sync_api import expect

from browser.deployment import HOSTILE, MARKUP, WITHDRAWN, Deployment
from browser.looking import Look, rounded
from streams import exporter, keys

pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(600)]
WHO = "17"


def document(deployment: Deployment, who: str) -> dict:  # type: ignore[type-arg]
    """As Redis has it."""
    bucket = keys.bucket(who, deployment.stack.config.buckets)
    found: dict = orjson.loads(deployment.client.hget(keys.profile(bucket, who), keys.DOC))  # type: ignore[type-arg]
    return found


def test_search_by_keyboard_and_the_whole_person(look: Callable[..., Look], deployment: Deployment) -> None:
    found = look(deployment.url, "#/customer")
    page = found.page
    box = page.get_by_role("combobox")
    expect(box).to_be_focused()
    with page.expect_response(lambda one: "/api/customers?" in one.url) as answer:
        box.press_sequentially(WHO[:1])  # a search ends after a moment, wherever it is
    options = page.get_by_role("option")
    said = answer.value.json()["customers"]
    assert len(said) > 1
    assert set(said) <= {cid for cid in exporter.customer_ids(deployment.client) if cid.startswith(WHO[:1])}
    expect(options).to_have_count(len(said))
    assert options.all_inner_texts() == said
    box.press("ArrowDown")
    box.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    assert box.get_attribute("aria-activedescendant") == options.nth(1).get_attribute("id")
    box.press("Escape")
    expect(options.first).to_be_hidden()
    box.fill(WHO)
    box.press("Enter")
    expect(page).to_have_url(re.compile(f"#/customer/{WHO}$"))
    expect(page.locator("h1")).to_have_text(WHO)

    doc = document(deployment, WHO)
    rfm = doc["rfm"]
    facts = page.locator(".big-facts")
    expect(facts.locator("dd").nth(0)).to_have_text(str(rfm["frequency"]))
    expect(facts.locator("dd").nth(1)).to_have_text(f"${rfm['net_minor'] / 100:,.2f}")
    dials = page.locator(".dial").evaluate_all("all => all.map((one) => one.getAttribute('aria-label'))")
    assert dials[:3] == [
        f"{name}: {rfm[key]} of 5" for name, key in (("Recency", "r"), ("Frequency", "f"), ("Money", "m"))
    ]
    assert dials[3].startswith(f"Health: {rounded(doc['health']['score'])} of 100")
    held = page.locator(".held li")
    expect(held).to_have_count(len(doc["tags"]))
    for row, (name, tag) in zip(held.all(), doc["tags"].items(), strict=True):
        assert name in (row.locator(".tag-link").get_attribute("href") or "")
        expect(row.locator(".why-text").first).to_have_text(re.compile("^Since 201[67]-"))
        if "until" in tag:
            expect(row.locator(".until")).to_contain_text("until ")
    bucket = keys.bucket(WHO, deployment.stack.config.buckets)
    log = deployment.client.hget(keys.profile(bucket, WHO), keys.LOG).split(b"\n")
    assert page.locator(".moment .mark.tags").count() == len([line for line in log if line])
    shares = page.locator(".likes .bar-name").all_inner_texts()
    assert next(iter(doc["preferences"]["categories"])) in shares
    expect(page.locator(".canvas").first).to_have_attribute(
        "aria-label", re.compile("Still a customer?.*risk becomes")
    )


def test_a_change_of_the_customer_is_on_the_screen_at_once(
    look: Callable[..., Look], deployment: Deployment
) -> None:
    found = look(deployment.url, "#/live")
    who = deployment.next_customer()
    found.go(f"#/customer/{who}")
    as_of = found.page.locator(".as-of")
    expect(as_of).to_contain_text("As of")
    before = document(deployment, who)["version"]
    deployment.more(400)
    assert document(deployment, who)["version"] > before
    doc = document(deployment, who)
    expect(found.page.locator(".big-facts dd").first).to_have_text(str(doc["rfm"]["frequency"]))


def test_a_name_that_is_markup_is_a_name(look: Callable[..., Look], deployment: Deployment) -> None:
    found = look(deployment.url, "#/customer")
    page = found.page
    box = page.get_by_role("combobox")
    box.fill(HOSTILE[:4])
    page.get_by_role("option").first.click()
    expect(page.locator("h1")).to_have_text(HOSTILE)
    assert page.evaluate("decodeURIComponent(location.hash)") == f"#/customer/{HOSTILE}"
    expect(page.locator(".big-facts dd").first).to_have_text("1")
    for where in (".likes", ".facts", "table.plain"):
        expect(page.locator(where, has_text=MARKUP).first).to_be_visible()
    page.locator(".moments").scroll_into_view_if_needed()
    strip = page.locator(".timeline .canvas").bounding_box()
    assert strip
    for x in range(0, int(strip["width"]), 24):  # whatever a tooltip may show
        page.mouse.move(strip["x"] + x, strip["y"] + 20)
    assert page.locator("main img, main b[onclick]").count() == 0
    assert page.evaluate("document.title") == f"{HOSTILE} · profilestream"
    found.go(f"#/changes?tag={'%3Cimg%20src%3Dx%3E'}&value={'%3Cb%3E'}")
    expect(page.get_by_label("Value")).to_have_value("<b>")
    expect(page.locator(".empty")).to_be_visible()


def test_who_withdrew_consent_is_said_so_and_nothing_else(
    look: Callable[..., Look], deployment: Deployment
) -> None:
    found = look(deployment.url, f"#/customer/{WITHDRAWN}")
    expect(found.page.locator(".withdrawn")).to_contain_text("Consent was withdrawn")
    expect(found.page.locator(".person")).to_be_hidden()


@pytest.mark.parametrize("who", ["nobody", "a/b?c#d%", "..", "客户 ✓", "x" * 128])
def test_an_unknown_customer(look: Callable[..., Look], deployment: Deployment, who: str) -> None:
    found = look(deployment.url, "#/customer")
    box = found.page.get_by_role("combobox")
    box.fill(who)
    box.press("Enter")
    expect(found.page.locator("h1")).to_have_text(who)
    expect(found.page.locator(".empty")).to_contain_text(f"There is no profile of {who}.")
    found.page.get_by_role("link", name="Look for another customer").click()
    expect(found.page.get_by_role("combobox")).to_be_focused()
    found.forgive("404")


@pytest.mark.parametrize("address", ["#/tag/no_such", "#/tag/", "#/nothing/here", "#/customer/%E0%A4%A"])
def test_an_address_that_leads_nowhere_says_so_or_leads_home(
    look: Callable[..., Look], deployment: Deployment, address: str
) -> None:
    found = look(deployment.url, address)
    found.page.wait_for_selector("main h1")
    said = found.page.locator("main :is(.empty, .tiles, .filters):visible")
    expect(said.first).to_be_visible()
    found.forgive("404")
