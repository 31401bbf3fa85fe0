"""What the page shows is what the console answers and what Redis holds, at the same moment; and it moves."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from playwright.sync_api import APIResponse, Locator, Route, expect

from browser.deployment import REFUSED, Deployment
from browser.looking import HIDE, IS, PATIENCE_MS, Look, rounded
from streams import keys

pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(600)]
ASKED = "**/api/tag-changes?*"


def documents(deployment: Deployment) -> dict[str, dict[str, Any]]:
    """Every profile as Redis has it."""
    found = {}
    for key in deployment.client.scan_iter("ps:profile:*", count=1000):
        if raw := deployment.client.hget(key, keys.DOC):
            doc = orjson.loads(raw)
            found[doc["customer_id"]] = doc
    return found


def figure(text: str) -> int:
    """A number as the page writes it: 1,234."""
    return int(re.sub(r"[^\d-]", "", text.replace("−", "-")) or 0)


def tile(found: Look, label: str) -> Locator:
    return found.page.locator(".tile", has=found.page.get_by_text(label, exact=True))


def test_live_figures_are_those_of_the_api_and_move(
    look: Callable[..., Look], deployment: Deployment
) -> None:
    found, refused = look(deployment.url, "#/live"), deployment.refused()
    expect(tile(found, "Dead letters").locator(".value")).to_have_text(str(refused.total()))
    expect(tile(found, "Profiles").locator(".value")).to_have_text(f"{len(documents(deployment)):,}")
    detail = tile(found, "Events / s").locator(".detail")
    expect(detail).to_contain_text("applied")
    before = shown = detail.inner_text()
    for _ in range(3):  # the page rounds: 46.3k
        deployment.more(300)
        total = sum(deployment.until(lambda: settled(deployment)).values())
        expect(detail).to_have_text(re.compile(rf"^{re.escape(short(total))} "))
        shown = detail.inner_text()
    assert shown != before
    assert total == deployment.applied()
    by_reason = deployment.get("live")["dead_letters"]
    assert by_reason == refused
    rows = found.page.locator("main .bars li")
    expect(rows).to_have_count(len(refused))
    expect(rows.first).to_contain_text(str(max(refused.values())))
    expect(rows.filter(has_text="Not UTF-8 JSON")).to_contain_text(str(refused["not_json"]))
    expect(found.page.locator(".processes")).to_contain_text("Worker")
    expect(found.page.locator("#light")).to_have_text(re.compile("Fresh|Attention"))


def settled(deployment: Deployment) -> dict[str, int] | None:
    """What is applied by topic, once the console says the same as Redis."""
    said: dict[str, int] = deployment.get("live")["applied_total"]
    return said if sum(said.values()) == deployment.applied() else None


def short(n: int) -> str:
    """As `format.js` shortens a number."""
    return f"{rounded(n / 1000, '0.1')}".removesuffix(".0") + "k" if n >= 10_000 else f"{n:,}"


CELLS = """rows => rows.map((row) =>
  [...row.cells].slice(1).map((cell) => cell.querySelector("b, span").textContent))"""
SHARES = "rows => rows.map((row) => [row.cells[0].textContent, row.cells[2].textContent])"


def test_segments_are_those_of_every_document(look: Callable[..., Look], deployment: Deployment) -> None:
    page = look(deployment.url, "#/segments").page
    page.wait_for_selector(".heat b")

    def agrees() -> bool:  # the page asks every ten seconds, and judging everybody anew takes a moment
        docs = documents(deployment).values()
        cells = Counter((d["rfm"]["r"], d["rfm"]["f"]) for d in docs if "r" in d.get("rfm", {}))
        segments = Counter(
            d["rfm"]["segment"].replace("_", " ") for d in docs if "segment" in d.get("rfm", {})
        )
        clusters = sum("cluster" in d for d in docs)
        vip = page.locator(".tags-row tbody tr", has=page.get_by_role("link", name="VIP", exact=True))
        sizes = page.locator(".cluster-list .num").all_inner_texts()
        return (
            page.eval_on_selector_all(".heat tbody tr", CELLS)
            == [[str(cells[r, f]) for f in range(1, 6)] for r in range(5, 0, -1)]
            and dict(page.eval_on_selector_all(".shares tbody tr", SHARES))
            == {name: str(n) for name, n in segments.items()}
            and vip.locator("td").first.inner_text() == str(sum("vip" in d["tags"] for d in docs))
            and sum(figure(size.split("·")[0]) for size in sizes) == clusters
        )

    deployment.until(agrees)


def test_a_tags_page_is_that_of_its_holders(look: Callable[..., Look], deployment: Deployment) -> None:
    def held() -> int:
        return sum("monthly_spend" in d["tags"] for d in documents(deployment).values())

    deployment.until(lambda: deployment.get("tags/monthly_spend")["customers"] == held())
    said = deployment.get("tags/monthly_spend")
    found = look(deployment.url, "#/tag/monthly_spend")
    expect(tile(found, "Hold it now").locator(".value")).to_have_text(str(held()))
    expect(tile(found, "Entered").locator(".value")).to_have_text(f"{said['entered']:,}")
    expect(tile(found, "Precision").locator(".value")).to_have_text("–")
    expect(found.page.locator(".words")).to_have_text(said["words"]["en"])
    expect(found.page.locator(".rule")).to_contain_text("monetary_minor")
    rows = deployment.get("tag-changes", tag="monthly_spend", limit="50")["changes"]
    assert rows
    expect(found.page.locator(".feed tbody tr")).to_have_count(len(rows))


def feed(look: Callable[..., Look], deployment: Deployment) -> tuple[Look, Locator]:
    """The page of tag changes, and its rows."""
    found = look(deployment.url, "#/changes")
    rows = found.page.locator(".feed tbody tr")
    expect(rows).to_have_count(100)
    return found, rows


def newest(deployment: Deployment) -> dict[str, Any]:
    """The latest tag change that the console knows."""
    change: dict[str, Any] = deployment.get("tag-changes", limit="1")["changes"][0]
    return change


def test_the_feed_is_that_of_the_api_live_and_filtered(
    look: Callable[..., Look], deployment: Deployment
) -> None:
    found, rows = feed(look, deployment)
    page, latest = found.page, newest(deployment)
    expect(rows.first.locator(".who")).to_have_text(latest["customer_id"])
    deployment.more(300)
    deployment.until(lambda: newest(deployment)["id"] != latest["id"])
    page.wait_for_selector(".feed .fresh")
    assert rows.count() > 100
    # Held, nothing moves, and what waits is counted; then it goes on.
    page.get_by_role("button", name="Pause").click()
    count = rows.count()
    deployment.more(300)
    found.hear()
    expect(page.locator(".head [role=status]")).to_have_text(re.compile(r"\d+ new"))
    assert rows.count() == count
    page.get_by_role("button", name="Go on").click()
    expect(page.locator(".head [role=status]")).to_have_text("")
    # Filters ask the server, are remembered by the address, and hold for what comes.
    page.get_by_label("Tag", exact=True).select_option("high_intent")
    page.get_by_label("What").select_option("entered")
    expect(page).to_have_url(re.compile(r"#/changes\?tag=high_intent&direction=entered$"))
    wanted = deployment.get("tag-changes", tag="high_intent", direction="entered", limit="100")["changes"]
    expect(rows).to_have_count(len(wanted))
    deployment.more(300)
    found.hear()
    assert set(page.locator(".feed .tag-link").all_inner_texts()) == {"High intent"}
    page.reload()
    expect(page.get_by_label("Tag", exact=True)).to_have_value("high_intent")
    expect(rows.first).to_contain_text("High intent")
    assert set(page.locator(".feed .tag-link").all_inner_texts()) == {"High intent"}
    assert set(page.locator(".feed .moved").all_inner_texts()) == {"+entered"}


def test_what_changes_while_the_feed_is_asked_for_is_shown(
    look: Callable[..., Look], deployment: Deployment
) -> None:
    found, _ = feed(look, deployment)
    page = found.page
    answers: list[tuple[Route, APIResponse]] = []
    page.route(ASKED, lambda route: answers.append((route, route.fetch(timeout=PATIENCE_MS))))
    page.get_by_label("What").select_option("entered")
    deployment.until(lambda: page.wait_for_timeout(50) or answers)
    deployment.more(300)
    found.hear()
    route, answer = answers.pop()
    route.fulfill(response=answer)
    listed = answer.json()["changes"][0]
    page.wait_for_selector(".feed .fresh")
    assert page.locator(".feed tr:not(.fresh) .who").nth(0).inner_text() == listed["customer_id"]
    assert set(page.locator(".feed .moved").all_inner_texts()) == {"+entered"}


def test_what_changes_while_nobody_looks_is_there_afterwards(
    look: Callable[..., Look], deployment: Deployment
) -> None:
    found, rows = feed(look, deployment)
    page = found.page

    def look_away(customers: Callable[[], list[str]]) -> None:
        """Until there is somebody new, and the page is back."""
        before = customers()
        page.evaluate(HIDE, True)
        found.until(IS, "resting")
        deployment.until(lambda: deployment.more(300) or customers() != before)
        page.evaluate(HIDE, False)
        found.until(IS, "open")

    def told(**of: str) -> Callable[[], list[str]]:
        return lambda: [one["customer_id"] for one in deployment.get("tag-changes", **of)["changes"]]

    def shown(most: int) -> list[str]:
        return rows.locator(".who").all_inner_texts()[:most]

    look_away(told(limit="100"))
    deployment.until(lambda: shown(100) == told(limit="100")())
    # Held, the rows stay for whoever reads them.
    page.get_by_role("button", name="Pause").click()
    held = shown(100)
    look_away(told(limit="100"))
    found.hear()
    assert shown(100) == held
    page.get_by_role("button", name="Go on").click()
    deployment.until(lambda: shown(100) == told(limit="100")())
    # A tag's page has a list of its own.
    of_tag = told(tag="high_intent", limit="50")
    found.go("#/tag/high_intent")
    deployment.until(lambda: shown(50) == of_tag())
    look_away(of_tag)
    deployment.until(lambda: shown(50) == of_tag())


def test_a_feed_that_was_refused_comes_by_itself(look: Callable[..., Look], deployment: Deployment) -> None:
    found = look(deployment.url)
    found.forgive("503")
    found.page.route(ASKED, lambda route: route.fulfill(status=503))
    found.go("#/changes")
    expect(found.page.locator("main .notice")).to_contain_text("The store does not answer")
    found.page.unroute(ASKED)  # once it is seen: the page asks again after five seconds
    expect(found.page.locator(".feed tbody tr")).to_have_count(100)
    expect(found.page.locator("main .notice")).to_have_count(0)


def test_dead_letters_show_where_they_lie_and_nothing_of_what_was_in_them(
    look: Callable[..., Look], deployment: Deployment
) -> None:
    found = look(deployment.url, "#/dead-letters")
    said = deployment.get("dead-letters")
    expect(found.page.locator(".head")).to_contain_text(f"{said['total']} in all")
    reasons = found.page.locator("details.reason")
    expect(reasons).to_have_count(len(REFUSED))
    assert said["total"] == deployment.refused().total()
    for row, reason in zip(reasons.all(), said["reasons"], strict=True):
        expect(row.locator(".count")).to_have_text(str(reason["count"]))
        if row.get_attribute("open") is None:
            row.locator("summary").click()
        expect(row.locator("tbody tr")).to_have_count(len(reason["samples"]))
        sample = reason["samples"][0]
        cells = row.locator("tbody tr").first.locator("th, td").all_inner_texts()
        assert cells[:3] == [sample["topic"], str(sample["partition"]), str(sample["offset"])]
        assert sample["payload_sha256"].startswith(cells[5])
    assert "yesterday" not in found.page.content()
