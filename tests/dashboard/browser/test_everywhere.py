"""For everybody, on every page: phones, screen readers, slow lines."""

from __future__ import annotations

import gzip
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from cli.dashboard.build import SITE
from tests.dashboard.browser.conftest import Visiting
from tests.support.browser import PHONE
from tests.support.flows import BAD_DIFF, FILES, GOOD_DIFF, Flows, loop, says
from tests.support.processes import HOUSE
from tests.support.provider import Provider
from tests.support.sandboxes import BROKEN_DIFF, KEEPS_HELLO

pytestmark = pytest.mark.e2e

PAGES = {"/": "Overview", "/flows": "Flows", "/logs": "Logs", "/keys": "Keys", "/settings": "Settings"}
BROKEN_STEP = 6
AXE = HOUSE / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"


def run_with_tests(flows: Flows, provider: Provider) -> str:
    """A refused diff, one that breaks a test, and a good one."""
    provider.script(*loop([says(BAD_DIFF), says(BROKEN_DIFF), says(GOOD_DIFF)]))
    return str(flows.run(files=FILES | {"tests.sh": KEEPS_HELLO}, tests="junit")["id"])


def test_every_page_fits_a_phone(visiting: Visiting, flows: Flows, provider: Provider) -> None:
    flow_id = run_with_tests(flows, provider)
    visit = visiting(viewport=PHONE)
    page = visit.page

    def fits(what: str) -> None:
        expect(page.get_by_role("status", name=re.compile("^Loading"))).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], what

    for address in (*PAGES, f"/flow?id={flow_id}", "/new"):
        visit.go(address)
        page.get_by_role("heading", level=1).wait_for()
        fits(address)
    visit.go(f"/flow?id={flow_id}")
    for tab in ("Steps", "Plan", "Events", "Details", "Changes"):
        page.get_by_role("tab", name=tab).click()
        fits(tab)
    visit.go(f"/flow?id={flow_id}&tab=steps&step={BROKEN_STEP}")
    page.get_by_role("article").wait_for()
    fits("a step of tests")
    page.get_by_role("button", name="Fork").click()
    page.get_by_role("dialog").wait_for()
    fits("the form of a fork")
    visit.go("/keys", "Keys")
    page.get_by_role("button", name="New key").click()
    fits("the form of a key")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in to CF-X Flow").wait_for()
    fits("sign-in")


def test_first_page_sends_at_most_250_kb_of_script(site: None) -> None:
    page = (SITE / "index.html").read_text("utf-8")
    scripts = {SITE / name for name in re.findall(r'<script[^>]+src="/(_next/[^"]+[.]js)"', page)}
    assert scripts
    assert sum(len(gzip.compress(script.read_bytes())) for script in scripts) <= 250_000


def serious(page: Page) -> list[dict[str, Any]]:
    page.evaluate(AXE.read_text("utf-8"))  # by the debugger, past the policy
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        {"rule": one["id"], "where": [node["target"] for node in one["nodes"][:3]]}
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def test_no_page_has_a_serious_finding_of_axe(visiting: Visiting, flows: Flows, provider: Provider) -> None:
    flow_id = run_with_tests(flows, provider)
    visit = visiting()
    found = {}
    shown = ("changes", "steps", f"steps&step={BROKEN_STEP}", "plan", "events", "details")
    tabs = [f"/flow?id={flow_id}&tab={tab}" for tab in shown]
    for address in (*PAGES, *tabs, "/new"):
        visit.go(address)
        visit.page.get_by_role("heading", level=1).wait_for()
        expect(visit.page.get_by_role("status", name=re.compile("^Loading"))).to_have_count(0)
        found[address] = serious(visit.page)
    visit.page.get_by_role("button", name="Sign out").click()
    visit.page.get_by_role("heading", name="Sign in to CF-X Flow").wait_for()
    found["/sign-in"] = serious(visit.page)
    assert {address: problems for address, problems in found.items() if problems} == {}
