"""The dashboard as people use it: in a real browser, against the real server.

A complaint of the browser's, a script that broke or was refused by the policy for instance, fails any of
these (tests/support/browser.py).
"""

from __future__ import annotations

import gzip
import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from cli.dashboard.build import SITE
from tests.support.browser import PHONE, Visiting
from tests.support.flows import BAD_DIFF, FILES, GOOD_DIFF, Flows, finding, loop, plan_text, says, verdict
from tests.support.processes import HOUSE, wait_for
from tests.support.provider import Provider
from tests.support.server import Server

pytestmark = pytest.mark.e2e

PAGES = {"/": "Overview", "/flows": "Flows", "/logs": "Logs", "/keys": "Keys", "/settings": "Settings"}
HOSTILE = "<script>window.hurt=1</script><img src=x onerror='window.hurt=1'>"
AXE = HOUSE / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture
def flows(dashboard: Server, provider: Provider) -> Flows:
    return Flows(dashboard.client)


# Who looks ----------------------------------------------------------------------------------------


def test_stranger_is_led_to_sign_in_and_back_to_where_they_wanted_to_be(visiting: Visiting) -> None:
    visit = visiting(signed_in=False)
    page = visit.page
    visit.go("/logs?stage=code", "Sign in to CF-X Flow")
    page.get_by_label("API key").fill("cfx_wrong_key")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").first).to_contain_text("key")
    page.get_by_label("API key").fill(visit.server.key)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Logs").wait_for()
    assert page.url.endswith("/logs?stage=code")
    assert visit.server.key not in page.url
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in to CF-X Flow").wait_for()
    assert visit.server.key not in page.evaluate("JSON.stringify([localStorage, sessionStorage])")


# A flow -------------------------------------------------------------------------------------------


def bars(page: Page) -> list[str]:
    """What each bar of the timeline says of itself."""
    timeline = page.get_by_role("group", name=re.compile("^Timeline"))
    return [str(bar.get_attribute("aria-label")) for bar in timeline.get_by_role("button").all()]


def test_flow_is_watched_from_its_plan_over_a_refused_diff_and_a_second_round_to_approval(
    visiting: Visiting, flows: Flows, provider: Provider
) -> None:
    plan = says(plan_text("greet.py"), delay_s=2.0)
    codes = [says(BAD_DIFF), says(GOOD_DIFF), says(GOOD_DIFF, delay_s=1.0)]
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


def test_tab_in_the_background_holds_no_stream_and_catches_up(
    visiting: Visiting, flows: Flows, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow_id = flows.start(approval="patch")
    visit = visiting()
    page = visit.page
    visit.go(f"/flow?id={flow_id}")
    page.get_by_role("heading", name="The patch waits for your word").wait_for()
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


def test_nothing_that_a_model_or_a_caller_writes_is_run(
    visiting: Visiting, flows: Flows, provider: Provider, dashboard: Server
) -> None:
    name = "<img src=x onerror=window.hurt=1>.py"
    diff = GOOD_DIFF.replace('f"Hello {name}!"', f'"{HOSTILE}"')
    plan = plan_text("greet.py", head=f"# {HOSTILE}\n\n[link](javascript:window.hurt=1) {HOSTILE}")
    provider.script(
        *loop(
            [says(BAD_DIFF.replace("Goodbye", HOSTILE)), says(diff), says(diff)],
            [verdict("revise", finding(HOSTILE, file=name)), verdict("approve", finding(HOSTILE))],
            plan=[says(plan)],
        )
    )
    flow_id = flows.run(f"{HOSTILE} task", FILES | {name: "x = 1\n"}, metadata={"<b>": HOSTILE})["id"]
    provider.reply(says("Hi"))
    answer = dashboard.client.post(
        "/v1/chat/completions",
        json={"model": "cfx-plan", "messages": [{"role": "user", "content": "Hi"}]},
        headers={"x-cfx-session-id": HOSTILE},
    )
    assert answer.status_code == 200
    dashboard.client.post("/v1/keys", json={"label": HOSTILE})
    visit = visiting()
    for tab in ("changes", "steps", "plan", "events", "details"):
        visit.go(f"/flow?id={flow_id}&tab={tab}&step=3")
        expect(visit.page.get_by_role("heading", level=1)).to_contain_text("<script>")
        visit.page.get_by_role("tabpanel").wait_for()
        assert not visit.page.evaluate("window.hurt")
    for address, heading in PAGES.items():
        visit.go(address, heading)
        expect(visit.page.get_by_text("Loading")).to_have_count(0)
        assert not visit.page.evaluate("window.hurt")
    visit.go(f"/logs?session={HOSTILE}&model={HOSTILE}&row={HOSTILE}", "Logs")
    visit.go("/keys", "Keys")
    expect(visit.page.get_by_text("<script>").first).to_be_visible()
    assert not visit.page.evaluate("window.hurt")


# Logs and keys ------------------------------------------------------------------------------------


def chat(dashboard: Server, provider: Provider, model: str, session: str) -> None:
    provider.reply(says("Hi"))
    body = {"model": model, "messages": [{"role": "user", "content": f"Hi {session}"}]}
    headers = {"x-cfx-session-id": session}
    assert dashboard.client.post("/v1/chat/completions", json=body, headers=headers).status_code == 200


def test_logs_are_filtered_by_the_address_opened_and_saved(
    visiting: Visiting, dashboard: Server, provider: Provider
) -> None:
    chat(dashboard, provider, "cfx-plan", "first talk")
    chat(dashboard, provider, "cfx-review", "second talk")
    visit = visiting()
    page = visit.page
    page.clock.install()
    visit.go("/logs", "Logs")
    rows = page.get_by_role("list", name="Model calls").get_by_role("listitem")
    expect(rows.first).to_be_visible()
    page.get_by_label("Session").fill("second talk")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("review")
    page.get_by_label("Stage").select_option("plan")
    expect(page.get_by_text("No call is like that")).to_be_visible()
    assert "stage=plan" in page.url
    page.get_by_label("Stage").select_option("")
    page.get_by_label("Time").select_option("1h")
    rows.first.get_by_role("button").click()
    expect(page.get_by_role("dialog")).to_contain_text("second talk")
    page.clock.fast_forward(120_000)
    page.wait_for_timeout(500)
    expect(page.get_by_role("dialog")).to_contain_text("second talk")
    page.keyboard.press("Escape")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Export CSV").click()
    table = saved.value.path().read_text()
    assert "second talk" in table
    assert "first talk" not in table


def test_key_is_made_shown_once_copied_rotated_and_revoked(visiting: Visiting, dashboard: Server) -> None:
    visit = visiting()
    page = visit.page
    visit.go("/keys", "Keys")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Label").fill("my editor")
    page.get_by_label("Calls a day").fill("7")
    page.get_by_label("review").check()
    page.get_by_role("button", name="Create key").click()
    key = page.get_by_test_id("made-key").inner_text()
    page.get_by_role("button", name="Copy key").click()
    page.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == key
    answer = dashboard.client_of(key).get("/v1/status")
    assert answer.json()["today"]["limit"] == 7
    page.get_by_role("button", name="I have kept it").click()
    assert key not in page.content()
    row = page.get_by_role("row").filter(has_text="my editor")
    expect(row).to_contain_text("7 a day; only review")
    row.get_by_role("button", name="Rotate").click()
    page.get_by_label("The old one goes on for").select_option("0")
    page.get_by_role("button", name="Rotate key").click()
    rotated = page.get_by_test_id("made-key").inner_text()
    assert rotated != key
    page.get_by_role("button", name="I have kept it").click()
    row = page.get_by_role("row").filter(has_text="my editor").filter(has_text="active")
    expect(row).to_have_count(1)
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("button", name="Revoke key").click()
    expect(row).to_have_count(0)
    assert dashboard.client_of(rotated).get("/v1/status").status_code == 401
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_key_that_one_is_signed_in_with_is_rotated_without_losing_either(
    visiting: Visiting, dashboard: Server
) -> None:
    """The new key is shown once: neither the old one's end nor a slip of the mouse takes it away."""
    first = dashboard.client.post("/v1/keys", json={"label": "this tab"}).json()["key"]
    visit = visiting(signed_in=False)
    visit.sign_in(first)
    page = visit.page
    visit.go("/keys", "Keys")
    row = page.get_by_role("row").filter(has_text="in use here")
    row.get_by_role("button", name="Rotate").click()
    page.get_by_label("The old one goes on for").select_option("0")
    page.get_by_role("button", name="Rotate key").click()
    shown = page.get_by_test_id("made-key")
    rotated = shown.inner_text()
    old = dashboard.client_of(first)
    wait_for(lambda: old.get("/v1/status").status_code == 401, timeout_s=30, what="end of the old key")
    box = shown.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(5, 5)
    page.mouse.up()
    expect(shown).to_have_text(rotated)
    page.get_by_role("button", name="I have kept it").click()
    visit.go("/keys", "Keys")
    expect(row).to_contain_text(rotated[:12])


def test_editor_s_snippet_names_this_server(visiting: Visiting) -> None:
    visit = visiting()
    visit.go("/settings", "Settings")
    expect(visit.page.get_by_text(f"{visit.server.url}/v1", exact=True)).to_be_visible()
    visit.page.get_by_role("button", name="aider").click()
    expect(visit.page.locator("pre")).to_contain_text(f"OPENAI_API_BASE={visit.server.url}/v1")
    expect(visit.page.get_by_text("claude-sonnet-4-5").first).to_be_visible()


# For everybody, everywhere ------------------------------------------------------------------------


def test_every_page_fits_a_phone(visiting: Visiting, flows: Flows, provider: Provider) -> None:
    provider.script(*loop([says(BAD_DIFF), says(GOOD_DIFF)]))
    flow_id = flows.run()["id"]
    visit = visiting(viewport=PHONE)
    for address in (*PAGES, f"/flow?id={flow_id}", "/new"):
        visit.go(address)
        visit.page.get_by_role("heading", level=1).wait_for()
        expect(visit.page.get_by_role("status", name=re.compile("^Loading"))).to_have_count(0)
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], address


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
    provider.script(*loop([says(BAD_DIFF), says(GOOD_DIFF)]))
    flow_id = flows.run()["id"]
    visit = visiting()
    found = {}
    tabs = [f"/flow?id={flow_id}&tab={tab}" for tab in ("changes", "steps", "plan", "events", "details")]
    for address in (*PAGES, *tabs, "/new"):
        visit.go(address)
        visit.page.get_by_role("heading", level=1).wait_for()
        expect(visit.page.get_by_role("status", name=re.compile("^Loading"))).to_have_count(0)
        found[address] = serious(visit.page)
    visit.page.get_by_role("button", name="Sign out").click()
    visit.page.get_by_role("heading", name="Sign in to CF-X Flow").wait_for()
    found["/sign-in"] = serious(visit.page)
    assert {address: problems for address, problems in found.items() if problems} == {}


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
