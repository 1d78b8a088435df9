"""A person's word about a plan or a patch."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.dashboard.browser.conftest import Visiting
from tests.support.flows import GOOD_DIFF, Flows, loop, says
from tests.support.provider import Provider

pytestmark = pytest.mark.e2e


def test_person_reads_the_patch_and_approves_it_by_a_click(
    visiting: Visiting, flows: Flows, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow_id = flows.start(approval="patch")
    visit = visiting()
    page = visit.page
    visit.go(f"/flow?id={flow_id}")
    page.get_by_role("heading", name="The patch waits for your word").wait_for()
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_text("Approved").first).to_be_visible()
    assert flows.finish(flow_id)["status"] == "approved"


def test_word_that_came_too_late_is_said_not_to_have_counted(
    visiting: Visiting, flows: Flows, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow_id = flows.start(approval="patch")
    visit = visiting()
    page = visit.page
    visit.go(f"/flow?id={flow_id}")
    page.get_by_role("heading", name="The patch waits for your word").wait_for()

    def another_is_quicker(route: Route) -> None:
        word = {"gate": "patch", "decision": "reject", "version": flows.get(flow_id)["version"]}
        assert flows.client.post(f"/v1/flows/{flow_id}/decision", json=word).status_code == 200
        route.continue_()

    page.route("**/decision", another_is_quicker)
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_role("alert").first).to_contain_text("Your word did not count.")
    expect(page.get_by_role("button", name="Approve", exact=True)).to_have_count(0)
    expect(page.get_by_role("alert").first).to_be_visible()
    assert flows.finish(flow_id)["status"] == "rejected"
