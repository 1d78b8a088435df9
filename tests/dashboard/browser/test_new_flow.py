"""The form for a new flow: files and folders from this machine, options, and what the server refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from cfx_flow.workspace.snapshot import from_files
from tests.dashboard.browser.conftest import Visiting
from tests.support.flows import FILES, GOOD_DIFF, Flows, loop, says, write_files
from tests.support.provider import Provider

pytestmark = pytest.mark.e2e


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with what is made beside what is written."""
    write_files(tmp_path / "shop", FILES | {"lib/prices.py": "ONE = 1\n", "node_modules/x/x.js": "x"})
    return tmp_path / "shop"


def started(url: str) -> str:
    """The flow that the page shows."""
    return url.partition("?id=")[2].partition("&")[0]


def test_folder_is_uploaded_without_what_is_made_and_every_option_reaches_the_flow(
    visiting: Visiting, flows: Flows, provider: Provider, folder: Path
) -> None:
    provider.script(*loop([says("not asked")]), {"model": "gpt-4.1-nano", "replies": [says(GOOD_DIFF)]})
    visit = visiting()
    page = visit.page
    visit.go("/new", "New flow")
    page.get_by_label("Task").fill("Greet with an f-string")
    page.get_by_test_id("folder").set_input_files(folder)
    expect(page.get_by_role("list", name="Files").get_by_role("listitem")).to_have_text(
        ["README.md", "greet.py", "lib/prices.py"], use_inner_text=True
    )
    expect(page.get_by_text("Left out: node_modules (1)")).to_be_visible()
    page.get_by_role("group", name="Approval").get_by_role("button", name="The patch").click()
    page.get_by_label("Rounds").fill("2")
    page.get_by_label("Tests").select_option("junit")
    page.get_by_label("Model for code").select_option("gpt-4.1-nano")
    page.get_by_label("US dollars").fill("0.25")
    page.get_by_label("Tokens").fill("40000")
    page.get_by_label("Seconds").fill("300")
    page.get_by_role("button", name="Start").click()
    page.get_by_role("heading", name="Greet with an f-string").wait_for()
    page.get_by_role("heading", name="The patch waits for your word").wait_for()
    flow = flows.get(started(page.url))
    assert (flow["approval"], flow["max_rounds"], flow["tests"]) == ("patch", 2, "junit")
    assert flow["budget"] == {"usd": 0.25, "tokens": 40000, "seconds": 300}
    assert flow["stages"]["code"]["model"] == "gpt-4.1-nano"
    assert flow["snapshot_id"] == from_files(FILES | {"lib/prices.py": "ONE = 1\n"}).id


def test_files_are_uploaded_and_a_form_that_is_sent_again_starts_no_second_flow(
    visiting: Visiting, flows: Flows, provider: Provider, folder: Path
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    visit = visiting()
    page = visit.page
    visit.go("/new", "New flow")
    page.get_by_label("Task").fill("Sent twice")
    page.get_by_test_id("files").set_input_files([folder / name for name in FILES])

    def answer_is_lost(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/v1/flows", answer_is_lost, times=1)
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert").first).to_contain_text("The server cannot be reached")
    page.get_by_role("button", name="Start").click()
    page.get_by_role("heading", name="Sent twice").wait_for()
    assert flows.finish(started(page.url))["snapshot_id"] == from_files(FILES).id
    newest = flows.client.get("/v1/flows").json()["data"]
    assert [flow["task"] for flow in newest].count("Sent twice") == 1


def test_what_is_missing_or_refused_is_said_in_words_and_nothing_that_was_typed_is_lost(
    visiting: Visiting,
) -> None:
    visit = visiting()
    page = visit.page
    visit.go("/new", "New flow")
    page.get_by_label("Task").fill("Something")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert").first).to_contain_text("Choose the files")
    page.get_by_role("button", name="Folder on the server").click()
    page.get_by_role("textbox", name="Folder").fill("/etc")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert").first).to_contain_text("workspace")
    page.get_by_role("button", name="None").click()
    page.get_by_label("Webhook").fill("https://elsewhere.example/hook")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert").first).to_contain_text("CFX_WEBHOOK_HOSTS")
    expect(page.get_by_label("Task")).to_have_value("Something")
