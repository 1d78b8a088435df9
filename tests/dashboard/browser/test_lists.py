"""Lists of flows: live over one stream, asked again without it, searched by the server."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.browser.conftest import Visiting
from tests.support.flows import GOOD_DIFF, Flows, loop, says
from tests.support.provider import Provider

pytestmark = pytest.mark.e2e

LIST = re.compile(r"/v1/flows\?")
STREAM = "**/v1/flows/events"


def lists_asked_for(page: Page) -> Callable[[], int]:
    asked: list[str] = []
    page.on("request", lambda request: LIST.search(request.url) and asked.append(request.url))
    return lambda: len(asked)


def test_new_flow_comes_in_above_and_changes_in_place_without_the_list_being_asked_for_again(
    visiting: Visiting, flows: Flows, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flows.run("An older flow")
    visit = visiting()
    page = visit.page
    asked = lists_asked_for(page)
    with page.expect_response("**/v1/flows/events"):
        visit.go("/flows", "Flows")
    rows = page.get_by_role("list", name="Flows").get_by_role("listitem")
    expect(rows.first).to_contain_text("An older flow")
    before = asked()
    provider.script(*loop([says(GOOD_DIFF)]))
    flow_id = flows.start("A flow that has just begun", approval="patch")
    expect(rows.first).to_contain_text("A flow that has just begun")
    expect(rows.first).to_contain_text("approve the patch")
    expect(rows.nth(1)).to_contain_text("An older flow")
    flows.finish_with_a_person(flow_id)
    expect(rows.first).to_contain_text("Approved")
    assert asked() == before


def test_running_flows_of_the_overview_come_and_go_by_themselves(
    visiting: Visiting, flows: Flows, provider: Provider
) -> None:
    visit = visiting()
    page = visit.page
    visit.go("/", "Overview")
    provider.script(*loop([says(GOOD_DIFF)]))
    flow_id = flows.start("Seen from the overview", approval="patch")
    shown = page.get_by_role("link", name=re.compile("Seen from the overview"))
    expect(shown).to_contain_text("Needs you")
    flows.finish_with_a_person(flow_id)
    expect(shown).to_have_count(0)


def test_list_is_asked_for_while_the_stream_is_broken_and_no_longer_once_it_is_back(
    visiting: Visiting, flows: Flows, provider: Provider
) -> None:
    visit = visiting()
    page = visit.page
    asked = lists_asked_for(page)
    page.route(STREAM, lambda route: route.fulfill(status=503, body="away"))
    visit.go("/flows", "Flows")
    provider.script(*loop([says(GOOD_DIFF)]))
    flows.run("Seen without a stream")
    rows = page.get_by_role("list", name="Flows").get_by_role("listitem")
    expect(rows.first).to_contain_text("Seen without a stream")
    with page.expect_response(
        lambda answer: answer.url.endswith("/v1/flows/events") and answer.status == 200
    ):
        page.unroute(STREAM)
    page.wait_for_timeout(2_000)  # for the list that was already asked for
    before = asked()
    page.wait_for_timeout(4_000)
    assert asked() == before


def test_search_is_the_server_s_and_stands_in_the_address(
    visiting: Visiting, flows: Flows, provider: Provider
) -> None:
    for task in ("Round the totals of the invoice", "Greet everybody by name"):
        provider.script(*loop([says(GOOD_DIFF)]))
        flows.run(task)
    visit = visiting()
    page = visit.page
    visit.go("/flows", "Flows")
    page.get_by_label("Search tasks").fill("TOTALS of the inv")
    rows = page.get_by_role("list", name="Flows").get_by_role("listitem")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Round the totals")
    assert "q=TOTALS+of+the+inv" in page.url
    page.reload()
    expect(rows).to_have_count(1)
    page.get_by_label("Search tasks").fill("nothing is called like this")
    expect(page.get_by_text("No flow is like that")).to_be_visible()
