"""Tests of a patch, as they are watched: a new failure that goes back to CODE, an old one, and a pass."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.browser.conftest import Visiting
from tests.support.flows import FILES, GOOD_DIFF, Flows, loop, says
from tests.support.provider import Provider
from tests.support.sandboxes import BROKEN_DIFF, KEEPS_HELLO

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("bubblewrap")]

OLD = KEEPS_HELLO.replace("grep -q Hello", "failed old; grep -q Hello")
"""One of them always fails."""


def shown(page: Page, name: str) -> None:
    """The step of this name is opened from the timeline, by the keyboard."""
    timeline = page.get_by_role("group", name=re.compile("^Timeline"))
    timeline.get_by_role("button", name=re.compile(name)).press("Enter")


def test_patch_that_breaks_a_test_goes_back_and_the_one_that_does_not_is_approved(
    visiting: Visiting, flows: Flows, provider: Provider
) -> None:
    provider.script(*loop([says(BROKEN_DIFF), says(GOOD_DIFF)]))
    flow_id = flows.run(files=FILES | {"tests.sh": KEEPS_HELLO}, tests="junit")["id"]
    visit = visiting()
    page = visit.page
    visit.go(f"/flow?id={flow_id}&tab=steps")

    shown(page, r"^Step 4, test, round 1, 1 new failure, \d")
    step = page.get_by_role("article", name="Step 4")
    expect(step).to_contain_text("With the patch a test fails: greet::new. Without the patch they pass.")
    for fact in ("Policyjunit", "Passed1", "Failed1", "Exit code1", "Without the patchpassed", "bubblewrap"):
        expect(step).to_contain_text(fact)
    expect(step.get_by_role("list", name="Fail since the patch")).to_have_text("greet::new")
    expect(step.get_by_label("log", exact=True)).to_have_text("looking for the greeting")
    expect(page.get_by_role("button", name=re.compile("^Step 5, code, round 1"))).to_be_visible()

    shown(page, r"^Step 7, test, round 1, 1 passed, \d")
    step = page.get_by_role("article", name="Step 7")
    expect(step).to_contain_text("The tests pass: 1.")
    expect(step.get_by_role("list")).to_have_count(0)

    page.get_by_role("tab", name="Details").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("1 passed junit, step 7The tests pass: 1.")
    page.get_by_role("tab", name="Changes").click()
    page.get_by_role("button", name="Tests: 1 passed").click()
    expect(page.get_by_role("article", name="Step 7")).to_be_visible()
    page.get_by_role("tab", name="Changes").click()
    page.get_by_label("Patch", exact=True).select_option("Round 1, step 3")
    expect(page.get_by_role("button", name="Tests: 1 new failure")).to_be_visible()


def test_what_failed_before_stands_apart_and_is_no_proof(
    visiting: Visiting, flows: Flows, provider: Provider
) -> None:
    provider.script(*loop([says(BROKEN_DIFF), says(GOOD_DIFF)]))
    flow_id = flows.run(files=FILES | {"tests.sh": OLD}, tests="junit")["id"]
    visit = visiting()
    page = visit.page
    visit.go(f"/flow?id={flow_id}&tab=steps&step=4")
    step = page.get_by_role("article", name="Step 4")
    expect(step.get_by_role("list", name="Fail since the patch")).to_have_text("greet::new")
    expect(step.get_by_role("list", name="Failed before too")).to_have_text("greet::old")
    shown(page, "^Step 7, test, round 1, failed as before")
    step = page.get_by_role("article", name="Step 7")
    expect(step).to_contain_text("Without the patch1 failed")
    expect(step.get_by_role("list", name="Failed before too")).to_have_text("greet::old")
