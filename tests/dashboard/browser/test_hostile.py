"""Nothing that a model or a caller writes is run."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.dashboard.browser.conftest import Visiting
from tests.support.flows import BAD_DIFF, FILES, GOOD_DIFF, Flows, finding, loop, plan_text, says, verdict
from tests.support.provider import Provider
from tests.support.server import Server

pytestmark = pytest.mark.e2e

PAGES = {"/": "Overview", "/flows": "Flows", "/logs": "Logs", "/keys": "Keys", "/settings": "Settings"}
HOSTILE = "<script>window.hurt=1</script><img src=x onerror='window.hurt=1'>"


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


def test_characters_that_hide_or_turn_others_around_are_written_out(
    visiting: Visiting, flows: Flows, provider: Provider
) -> None:
    """**Source**: CVE-2021-42574, "Trojan Source"."""
    turned = 'f"Hello {name}!"  # \u202e\u2066 if is_admin\u2069'
    provider.script(*loop([says(GOOD_DIFF.replace('f"Hello {name}!"', turned))]))
    flow_id = flows.run("Greet \u202eeverybody")["id"]
    visit = visiting()
    visit.go(f"/flow?id={flow_id}&tab=changes", "Greet ⟨U+202E⟩everybody")
    diff = visit.page.get_by_role("region", name="Diff")
    expect(diff).to_contain_text("⟨U+202E⟩⟨U+2066⟩ if is_admin⟨U+2069⟩")
    expect(diff).to_contain_text("hidden characters")
    assert "\u202e" not in visit.page.locator("body").inner_text()
