"""A flow as it is watched: live, in the background, over its rounds."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.browser.conftest import AtGate, Visiting
from tests.support.flows import BAD_DIFF, GOOD_DIFF, Flows, finding, loop, plan_text, says, verdict
from tests.support.provider import Provider

pytestmark = pytest.mark.e2e


def bars(page: Page) -> list[str]:
    """What each bar of the timeline says of itself."""
    timeline = page.get_by_role("group", name=re.compile("^Timeline"))
    return [str(bar.get_attribute("aria-label")) for bar in timeline.get_by_role("button").all()]


def test_flow_is_watched_from_its_plan_over_a_refused_diff_and_a_second_round_to_approval(
    visiting: Visiting, flows: Flows, provider: Provider
) -> None:
    plan = says(plan_text("greet.py"), delay_s=2.0)
    again = {"prompt_tokens": 5000, "prompt_tokens_details": {"cached_tokens": 4096}}
    codes = [says(BAD_DIFF), says(GOOD_DIFF, usage=again), says(GOOD_DIFF, delay_s=1.0)]
    provider.script(
        *loop(codes, [verdict("revise", finding("Say it louder")), verdict("approve")], plan=[plan])
    )
    visit = visiting()
    page = visit.page
    flow_id = flows.start("Greet with an exclamation mark")
    visit.go(f"/flow?id={flow_id}", "Greet with an exclamation mark")
    expect(page.get_by_text("Running").first).to_be_visible()
    expect(page.get_by_text("Approved").first).to_be_visible()
    seen = "\n".join(bars(page))
    for expected in ("plan", "check, round 1, removed_line_mismatch", "revise", "code, round 2", "approve"):
        assert expected in seen, seen
    refused = page.get_by_role("button", name=re.compile(r"check, round 1, removed_line_mismatch"))
    refused.first.press("Enter")
    expect(page.get_by_role("article")).to_contain_text("Goodbye")
    page.get_by_role("tab", name="Changes").click()
    expect(page.get_by_role("region", name="Diff")).to_contain_text('f"Hello {name}!"')
    page.get_by_role("tab", name="Details").click()
    expect(page.get_by_role("table", name="Cost by round")).to_contain_text("cached)")


def test_tab_in_the_background_holds_no_stream_and_catches_up(at_the_patch: AtGate, flows: Flows) -> None:
    page, flow_id = at_the_patch
    turn = """state => {
        Object.defineProperty(document, 'visibilityState', {value: state, configurable: true})
        document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))
    }"""
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/events")):
        page.evaluate(turn, "hidden")
    flows.finish_with_a_person(flow_id)
    page.evaluate(turn, "visible")
    expect(page.get_by_text("Approved").first).to_be_visible()
    timeline = page.get_by_role("group", name=re.compile("^Timeline"))
    expect(timeline.get_by_role("button", name=re.compile("approve patch, .*approve,"))).to_be_visible()


def test_timeline_is_walked_zoomed_and_opened_by_the_keyboard_alone(
    visiting: Visiting, flows: Flows, provider: Provider
) -> None:
    provider.script(*loop([says(BAD_DIFF), says(GOOD_DIFF)]))
    flow_id = flows.run("By keys alone")["id"]
    visit = visiting()
    page = visit.page
    visit.go(f"/flow?id={flow_id}&tab=changes", "By keys alone")
    page.get_by_role("button", name=re.compile("^Step 1, plan")).wait_for()

    def here() -> str:
        return str(page.evaluate("document.activeElement.getAttribute('aria-label')"))

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    for _ in range(40):
        if here().startswith("Step "):
            break
        page.keyboard.press("Tab")
    walk = [("End", "review"), ("ArrowLeft", "check"), ("ArrowUp", "code"), ("Home", "plan")]
    for key, node in [*walk, ("ArrowRight", "code"), ("ArrowDown", "check")]:
        page.keyboard.press(key)
        assert re.match(rf"Step \d+, {node}", here()), (key, here())
    page.keyboard.press("+")
    expect(page.get_by_role("button", name="Show everything")).to_be_enabled()
    page.keyboard.press("0")
    expect(page.get_by_role("button", name="Show everything")).to_be_disabled()
    opened = here().partition(",")[0]
    page.keyboard.press("Enter")
    expect(page.get_by_role("article", name=opened)).to_be_visible()
    assert f"step={opened.removeprefix('Step ')}" in page.url
    page.get_by_role("tab", name="Steps").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Plan")).to_be_focused()
    expect(page.get_by_role("tab", name="Plan")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("heading", name="Contract")).to_be_visible()
