"""While the server is away, and after."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.dashboard.browser.conftest import AtGate, Visiting
from tests.support.flows import Flows
from tests.support.server import Server

pytestmark = pytest.mark.e2e


def test_without_an_answer_the_page_says_so_and_goes_on_when_there_is_one(
    visiting: Visiting, dashboard: Server
) -> None:
    visit = visiting()
    visit.go("/flows", "Flows")
    dashboard.process.stop()
    try:
        expect(visit.page.get_by_text("The server does not answer.")).to_be_visible()
    finally:
        dashboard.start()
    expect(visit.page.get_by_text("The server does not answer.")).to_have_count(0)


def test_word_that_the_server_did_not_hear_is_not_said_to_be_on_its_way(
    at_the_patch: AtGate, flows: Flows, dashboard: Server
) -> None:
    page, flow_id = at_the_patch
    approve = page.get_by_role("button", name="Approve", exact=True)
    dashboard.process.stop()
    try:
        approve.click()
        told = page.get_by_role("alert").filter(has_text="The server cannot be reached.")
        expect(told).to_contain_text("Nothing is sent again by itself")
    finally:
        dashboard.start()
    expect(page.get_by_text("The server does not answer.")).to_have_count(0)
    assert flows.get(flow_id)["status"] == "requires_action"
    approve.click()
    expect(page.get_by_text("Approved").first).to_be_visible()
