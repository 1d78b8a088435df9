"""What keeps a long flow smooth: of its events, steps and lines only those in sight are drawn.

How smooth it is is measured by ``python -m benchmarks.dashboard``.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.browser.conftest import Visiting
from tests.support.flows import GOOD_DIFF, Flows, loop, says
from tests.support.long_flow import EVENTS, NEW, write_long_flow
from tests.support.provider import Provider
from tests.support.server import Server

pytestmark = pytest.mark.e2e

MOST_ELEMENTS = 3_000


def elements(page: Page) -> int:
    return int(page.evaluate("document.querySelectorAll('*').length"))


def scrolled(page: Page, name: str, share: float) -> None:
    page.get_by_role("region", name=name).evaluate(
        "(element, share) => { element.scrollTop = share * (element.scrollHeight - element.clientHeight) }",
        share,
    )


def test_two_thousand_events_and_five_thousand_lines_take_few_elements(
    visiting: Visiting, dashboard: Server, flows: Flows, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    database = dashboard.folder / "data" / "cfx.db"
    with ThreadPoolExecutor(1) as aside:  # Playwright's loop runs in this thread
        long = aside.submit(write_long_flow, database, flows.run()["id"]).result()
    visit = visiting()
    page = visit.page

    visit.go(f"/flow?id={long}&tab=events")
    events = page.get_by_role("region", name="Events")
    expect(page.get_by_role("heading", name="2,000 events")).to_be_visible()
    expect(events.get_by_text(str(1), exact=True)).to_be_visible()
    for share in (0.5, 1.0):
        scrolled(page, "Events", share)
        assert elements(page) < MOST_ELEMENTS
    expect(events.get_by_text(str(EVENTS), exact=True)).to_be_visible()

    for view in ("split", "unified"):
        visit.go(f"/flow?id={long}&tab=changes&view={view}")
        diff = page.get_by_role("region", name="Diff")
        expect(diff.get_by_text(NEW)).to_be_visible()
        expect(diff.locator(".hljs-string, .hljs-number, .hljs-comment").first).to_be_visible()
        for share in (0.1, 0.5, 1.0):
            scrolled(page, "Diff", share)
            page.wait_for_timeout(200)
            assert elements(page) < MOST_ELEMENTS
        expect(diff.get_by_text("report(total_").last).to_be_visible()

    visit.go(f"/flow?id={long}&tab=steps")
    expect(page.get_by_role("list", name="Steps")).to_be_visible()
    assert elements(page) < MOST_ELEMENTS

    page.get_by_role("list", name="Steps").get_by_role("button", name="failed as before").click()
    expect(page.get_by_role("list", name="Failed before too")).to_contain_text("and more")
    log = page.get_by_label("log", exact=True)
    assert len(log.inner_text()) <= 20_000
    page.get_by_role("button", name="Show the other").click()
    expect(log).to_contain_text("test_3999 PASSED")
