"""What a person does with a flow: cancel, resume, fork, take its patch away, write it and take it back."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.dashboard.browser.conftest import AtGate, Visiting
from tests.support.flows import (
    FILES,
    FILES_AFTER,
    GOOD_DIFF,
    Flows,
    loop,
    plan_text,
    says,
    verdict,
    write_files,
)
from tests.support.provider import CODE, PLAN, Provider
from tests.support.server import Server
from tests.workspace.trees import contents

pytestmark = pytest.mark.e2e


def texts(folder: Path) -> dict[str, str]:
    return {path: content.decode() for path, content in contents(folder).items()}


def dialog(page: Page, button: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()
    page.get_by_role("dialog").wait_for()


def test_running_flow_is_cancelled_after_a_second_thought(
    visiting: Visiting, flows: Flows, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF, delay_s=60)]))
    flow_id = flows.start("Never mind")
    visit = visiting()
    page = visit.page
    visit.go(f"/flow?id={flow_id}", "Never mind")
    dialog(page, "Cancel")
    page.get_by_role("button", name="Let it run").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    dialog(page, "Cancel")
    page.get_by_role("button", name="Cancel the flow").click()
    expect(page.get_by_text("Cancelled").first).to_be_visible()
    expect(page.get_by_text("by you", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_have_count(0)
    expect(page.get_by_role("button", name="Resume")).to_have_count(0)
    assert flows.finish(flow_id)["status"] == "cancelled"


def test_flow_out_of_rounds_is_resumed_with_more_and_another_budget(
    visiting: Visiting, flows: Flows, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [verdict("revise"), verdict("approve")]))
    flow_id = flows.run("Once more", max_rounds=1)["id"]
    visit = visiting()
    page = visit.page
    visit.go(f"/flow?id={flow_id}", "Once more")
    expect(page.get_by_text("out of rounds")).to_be_visible()
    dialog(page, "Resume")
    page.get_by_label("Rounds in all").fill("11")
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    expect(page.get_by_role("dialog")).to_be_visible()  # the browser's own word: at most 10
    page.get_by_label("Rounds in all").fill("2")
    page.get_by_label("What CODE should know").fill("Mind the tests")
    page.get_by_label("US dollars").fill("0.9")
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Approved").first).to_be_visible()
    flow = flows.finish(flow_id)
    assert (flow["round"], flow["max_rounds"], flow["budget"]["usd"]) == (2, 2, 0.9)
    assert len(provider.calls(PLAN)) == 1
    assert "Mind the tests" in str(provider.calls(CODE)[-1]["body"])


def test_fork_takes_a_step_over_and_goes_on_with_an_edited_plan(
    visiting: Visiting, flows: Flows, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)], plan=[says(plan_text("greet.py", head="# The first plan"))]))
    first = flows.run("The road not taken")["id"]
    visit = visiting()
    page = visit.page
    visit.go(f"/flow?id={first}", "The road not taken")
    dialog(page, "Fork")
    page.get_by_role("button", name="Write another plan").click()
    plan = page.get_by_label("Plan instead of the one taken over")
    plan.fill(plan.input_value().replace("# The first plan", "# Another plan"))
    page.get_by_label("Rounds in all").fill("4")
    page.get_by_role("dialog").get_by_role("button", name="Fork").click()
    expect(page.get_by_role("link", name=f"fork of {first[:8]} after step 1")).to_be_visible()
    expect(page.get_by_text("Approved").first).to_be_visible()
    fork = flows.finish(page.url.partition("?id=")[2].partition("&")[0])
    assert fork["id"] != first
    assert (fork["forked_from"]["step"], fork["max_rounds"]) == (1, 4)
    assert "# Another plan" in flows.client.get(f"/v1/flows/{fork['id']}/plan").text
    assert len(provider.calls(PLAN)) == 1
    page.get_by_role("tab", name="Plan").click()
    expect(page.get_by_role("heading", name="Another plan")).to_be_visible()


def test_fork_takes_the_plan_over_also_where_the_steps_come_in_after_the_form(
    visiting: Visiting, flows: Flows, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow_id = flows.run("Steps that come late")["id"]
    visit = visiting()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    visit.page.route("**/v1/flows/*/events**", hold)
    with visit.page.expect_request("**/v1/flows/*/events**"):
        visit.go(f"/flow?id={flow_id}", "Steps that come late")
    dialog(visit.page, "Fork")
    taken_over = visit.page.get_by_label("Take over steps up to")
    expect(taken_over).to_have_value("0")
    for route in held:
        route.continue_()
    expect(taken_over).to_have_value("1")


def test_downloads_are_what_the_api_gives(visiting: Visiting, flows: Flows, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow_id = flows.run()["id"]
    visit = visiting()
    page = visit.page
    visit.go(f"/flow?id={flow_id}")
    short = flow_id[:8]
    wanted = {
        "Patch": ("diff", f"{short}.patch"),
        "Reverse patch": ("diff?reverse=true", f"{short}.reverse.patch"),
        "Report": ("report", f"{short}.md"),
        "Bundle": ("bundle", f"{flow_id}.cfx.tar.gz"),
    }
    for name, (address, file) in wanted.items():
        page.locator("summary").filter(has_text="Download").click()
        with page.expect_download() as saved:
            page.get_by_role("button", name=name, exact=True).click()
        assert saved.value.suggested_filename == file
        assert saved.value.path().read_bytes() == flows.client.get(f"/v1/flows/{flow_id}/{address}").content


def test_who_chooses_from_a_menu_by_keyboard_goes_on_where_they_were(at_the_patch: AtGate) -> None:
    page, _ = at_the_patch
    button = page.locator("summary").filter(has_text="Download")
    button.press("Enter")
    page.get_by_role("button", name="Report", exact=True).focus()
    with page.expect_download():
        page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Report", exact=True)).to_be_hidden()
    expect(button).to_be_focused()


def test_patch_is_written_into_its_folder_and_taken_back_unless_somebody_was_there(
    visiting: Visiting, provider: Provider, dashboard: Server, projects: Path
) -> None:
    folder = projects / "greeter"
    write_files(folder, FILES)
    key = dashboard.create_key("owner of the folder", "--permission", "workspace")["key"]
    provider.script(*loop([says(GOOD_DIFF)]))
    flows = Flows(dashboard.client_of(key))
    answer = flows.client.post("/v1/flows", json={"task": "In place", "workspace": {"path": str(folder)}})
    assert answer.status_code == 202, answer.text
    flow_id = flows.finish(answer.json()["id"])["id"]
    visit = visiting(key=key)
    page = visit.page
    visit.go(f"/flow?id={flow_id}", "In place")

    def act(entry: str, button: str) -> None:
        page.locator("summary").filter(has_text="Folder").click()
        page.get_by_role("button", name=entry, exact=True).click()
        page.get_by_role("dialog").get_by_role("button", name=button).click()

    act("Write into the folder", "Write it")
    expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text("1 file written")
    assert texts(folder) == FILES_AFTER
    page.keyboard.press("Escape")
    expect(page.locator("summary").filter(has_text="Folder")).to_be_focused()
    act("Take it back", "Take it back")
    expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text("1 file as before")
    assert texts(folder) == FILES
    page.keyboard.press("Escape")
    write_files(folder, FILES | {"greet.py": "def greet(name):\n    return name\n"})
    act("Write into the folder", "Write it")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("greet.py")
    assert "return name" in texts(folder)["greet.py"]
