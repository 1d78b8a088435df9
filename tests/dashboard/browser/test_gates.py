"""A person's word about a plan or a patch."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.dashboard.browser.conftest import AtGate, Visiting
from tests.support.flows import GOOD_DIFF, Flows, loop, plan_text, says
from tests.support.provider import CODE, PLAN, Provider

pytestmark = pytest.mark.e2e


def test_person_reads_the_patch_and_approves_it_by_a_click(at_the_patch: AtGate, flows: Flows) -> None:
    page, flow_id = at_the_patch
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_text("Approved").first).to_be_visible()
    assert flows.finish(flow_id)["status"] == "approved"


def test_word_that_came_too_late_is_said_not_to_have_counted(at_the_patch: AtGate, flows: Flows) -> None:
    page, flow_id = at_the_patch

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


def test_plan_is_edited_at_its_gate_and_the_patch_is_held_to_the_edited_one(
    visiting: Visiting, flows: Flows, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)], plan=[says(plan_text("other.py", head="# As planned"))]))
    flow_id = flows.start("Edit my plan", approval="plan")
    flows.gate_or_end(flow_id)  # who comes earlier follows the steps, and stays there
    visit = visiting()
    page = visit.page
    visit.go(f"/flow?id={flow_id}", "Edit my plan")
    page.get_by_role("heading", name="The plan waits for your word").wait_for()
    expect(page.get_by_role("heading", name="As planned")).to_be_visible()
    page.get_by_role("button", name="Edit the plan").click()
    plan = page.get_by_label("The plan to carry out")
    plan.fill(plan.input_value().replace("# As planned", "# As edited").replace("other.py", "greet.py"))
    page.get_by_role("button", name="Approve with this plan").click()
    expect(page.get_by_role("heading", name="As edited")).to_be_visible()
    expect(page.get_by_text("approved by a person")).to_be_visible()
    expect(page.get_by_text("Approved").first).to_be_visible()
    assert flows.finish(flow_id)["status"] == "approved"
    assert "# As edited" in str(provider.calls(CODE)[0]["body"])


def test_plan_is_sent_back_with_a_comment_and_then_rejected(
    visiting: Visiting, flows: Flows, provider: Provider
) -> None:
    plans = [says(plan_text("greet.py", head=f"# Plan {word}")) for word in ("one", "two")]
    provider.script(*loop([says("not asked")], plan=plans))
    flow_id = flows.start("Think again", approval="plan")
    visit = visiting()
    page = visit.page
    visit.go(f"/flow?id={flow_id}", "Think again")
    page.get_by_role("heading", name="The plan waits for your word").wait_for()
    expect(page.get_by_role("button", name="Send back")).to_be_disabled()
    page.get_by_label("Comment").fill("Name the tests")
    page.get_by_role("button", name="Send back").click()
    expect(page.get_by_role("heading", name="Plan two")).to_be_visible()
    assert "Name the tests" in str(provider.calls(PLAN)[1]["body"])
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("Rejected").first).to_be_visible()
    expect(page.get_by_text("by a person", exact=True)).to_be_visible()
    ended = flows.finish(flow_id)
    assert (ended["status"], ended["reason"]) == ("rejected", "person")
    assert provider.calls(CODE) == []


def test_patch_is_sent_back_to_code_with_a_comment(
    visiting: Visiting, flows: Flows, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF), says(GOOD_DIFF.replace("!", "?"))]))
    flow_id = flows.start("Say it louder", approval="patch")
    flows.gate_or_end(flow_id)  # as above
    visit = visiting()
    page = visit.page
    visit.go(f"/flow?id={flow_id}", "Say it louder")
    page.get_by_role("heading", name="The patch waits for your word").wait_for()
    page.get_by_label("Comment").fill("As a question")
    page.get_by_role("button", name="Send back").click()
    expect(page.get_by_role("region", name="Diff")).to_contain_text('f"Hello {name}?"')
    page.get_by_role("heading", name="The patch waits for your word").wait_for()
    assert "As a question" in str(provider.calls(CODE)[1]["body"])
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_text("Approved").first).to_be_visible()
