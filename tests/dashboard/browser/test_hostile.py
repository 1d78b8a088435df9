"""Nothing that a model, a caller or the server's errors say is run, opened, or asks anything of anybody else.

A page that runs something hurts (``window.hurt``); a refusal by the policy, and any request to another
origin, are complaints of the visit's (tests/support/browser.py).
"""

from __future__ import annotations

import json
from xml.sax.saxutils import quoteattr

import pytest
from playwright.sync_api import Page, Route, expect

from tests.dashboard.browser.conftest import Visiting
from tests.support.flows import BAD_DIFF, FILES, GOOD_DIFF, Flows, finding, loop, plan_text, says, verdict
from tests.support.provider import Provider
from tests.support.server import Server

pytestmark = pytest.mark.e2e

PAGES = {"/": "Overview", "/flows": "Flows", "/logs": "Logs", "/keys": "Keys", "/settings": "Settings"}
TABS = ("changes", "steps", "plan", "events", "details")
HURT = "window.hurt=1"
AWAY = "http://elsewhere.invalid"
HOSTILE = [
    f"<script>{HURT}</script>",
    f"<ScRiPt>{HURT}</sCrIpT>",
    f"<script src={AWAY}/x.js></script>",
    f"</script><script>{HURT}</script>",
    f"</title><script>{HURT}</script>",
    f"</textarea><img src=x onerror={HURT}>",
    f"<img src=x onerror='{HURT}'>",
    f"<img src={AWAY}/pixel.png>",
    f"<img srcset='{AWAY}/pixel.png 2x'>",
    f"<svg onload={HURT}>",
    f"<svg><animate onbegin={HURT} attributeName=x dur=1s>",
    f"<svg><script href={AWAY}/x.js />",
    f"<iframe srcdoc='<script>parent.{HURT}</script>'></iframe>",
    f"<iframe src=javascript:parent.{HURT}></iframe>",
    f"<object data={AWAY}/x.swf></object>",
    f"<embed src={AWAY}/x>",
    f"<link rel=stylesheet href={AWAY}/x.css>",
    f"<style>@import url({AWAY}/x.css);body{{display:none}}</style>",
    f"<base href={AWAY}/>",
    f"<meta http-equiv=refresh content='0;url={AWAY}'>",
    f"<form action={AWAY}><button autofocus onfocus={HURT}>Go</button></form>",
    f"<details open ontoggle={HURT}>",
    f"<video poster={AWAY}/x.png><source onerror={HURT}></video>",
    f"<math><mtext><style><img src=x onerror={HURT}></style></mtext></math>",
    f"<p style='background:url({AWAY}/x.png)'>styled</p>",
    f"![picture]({AWAY}/pixel.png)",
    f"[link](javascript:{HURT})",
    f"[link](data:text/html,<script>{HURT}</script>)",
    f"<javascript:{HURT}>",
    f"[reference]: javascript:{HURT}\n\n[reference]",
    f"${{{HURT}}} {{{{constructor.constructor('{HURT}')()}}}}",
    "\u202egnp.exe \u0007 \ufeff \u2028",
    "__proto__ constructor toString",
]
ALL = "\n\n".join(HOSTILE)
NAME = "<img src=x onerror=window.hurt=1>.py"
SHORT = HOSTILE[0] + HOSTILE[6]
CASES = "".join(f"<testcase name={quoteattr(text)}><failure/></testcase>" for text in HOSTILE[:20])
TESTS = {
    "tests.sh": "cat log.txt; cp names.xml report.xml; exit 1\n",
    "log.txt": ALL,
    "names.xml": f"<testsuite>{CASES}</testsuite>",
}
"""They fail with and without a patch, and name and print what hurts."""


def unhurt(page: Page) -> None:
    expect(page.get_by_role("status", name="Loading")).to_have_count(0)
    assert not page.evaluate("window.hurt")
    strange = (
        "iframe, object, embed, base, form[action], [onerror], [onload], main img, main style, main link"
    )
    assert page.locator(strange).count() == 0
    hrefs = page.eval_on_selector_all("main a[href]", "all => all.map(one => one.protocol)")
    assert set(hrefs) <= {"http:", "https:"}


@pytest.mark.usefixtures("bubblewrap")
def test_what_models_and_callers_write_is_text_on_every_page(
    visiting: Visiting, provider: Provider, dashboard: Server
) -> None:
    key = dashboard.create_key(SHORT)["key"]
    flows = Flows(dashboard.client_of(key))
    lines = "".join(f"+# {line}\n" for text in HOSTILE[:-2] for line in text.split("\n"))
    added = lines.count("\n")
    diff = GOOD_DIFF.replace("+1,2 @@", f"+1,{2 + added} @@") + lines
    notes = [finding(text) | {"severity": "minor"} for text in HOSTILE[:20]]
    provider.script(
        *loop(
            [says(BAD_DIFF.replace("Goodbye", SHORT)), says(diff), says(diff)],
            [verdict("revise", finding(ALL, file=NAME)), verdict("approve", *notes)],
            plan=[says(plan_text("greet.py", head=f"# {SHORT}\n\n{ALL}", risks=HOSTILE[:30]))],
        )
    )
    metadata = {text: text for text in HOSTILE[:8]}
    files = FILES | TESTS | {NAME: "x = 1\n"}
    flow_id = flows.start(f"{SHORT} task\n{ALL}", files, metadata=metadata, tests="junit")
    flow = flows.finish_with_a_person(flow_id)
    assert flow["status"] == "approved", flow["message"]
    provider.reply(says("Hi"))
    for text in HOSTILE[:3]:
        body = {"model": "cfx-plan", "messages": [{"role": "user", "content": text}]}
        answer = flows.client.post("/v1/chat/completions", json=body, headers={"x-cfx-session-id": text})
        assert answer.status_code == 200
    for text in HOSTILE[:12]:
        answer = flows.client.post("/v1/keys", json={"label": text})
        assert answer.status_code == 201, answer.text
    visit = visiting(key=key)
    page = visit.page
    for tab in TABS:
        visit.go(f"/flow?id={flow_id}&tab={tab}")
        expect(page.get_by_role("heading", level=1)).to_contain_text("<script>")
        expect(page.get_by_role("tabpanel")).to_contain_text(HURT if tab != "events" else "flow.started")
        unhurt(page)
    visit.go(f"/flow?id={flow_id}&tab=steps")
    steps = page.get_by_role("list", name="Steps").get_by_role("button")
    for index in range(steps.count()):
        steps.nth(index).click()
        unhurt(page)
    steps.filter(has_text="failed as before").first.click()
    expect(page.get_by_role("list", name="Failed before too")).to_contain_text(HOSTILE[0])
    expect(page.get_by_label("log", exact=True)).to_contain_text("⟨U+202E⟩gnp.exe")
    unhurt(page)
    for address, heading in PAGES.items():
        visit.go(address, heading)
        unhurt(page)
    visit.go("/", "Overview")
    expect(page.get_by_text(f"Signed in as {SHORT}")).to_be_visible()
    visit.go("/keys", "Keys")
    expect(page.get_by_role("row").filter(has_text=HOSTILE[1]).first).to_be_visible()
    page.get_by_role("row").filter(has_text=HOSTILE[1]).get_by_role("button", name="Revoke").first.click()
    unhurt(page)
    for text in HOSTILE[:3]:
        visit.go(f"/logs?session={text}&model={text}&row={text}&q={text}", "Logs")
        unhurt(page)


def test_words_of_an_error_are_text(visiting: Visiting) -> None:
    """Whatever stands between the page and the API."""
    visit = visiting()
    page = visit.page

    def refuse(route: Route) -> None:
        error = {"message": ALL, "type": SHORT, "param": SHORT, "code": SHORT}
        headers = {"x-cfx-request-id": SHORT}
        body = json.dumps({"error": error})
        route.fulfill(status=400, body=body, headers=headers, content_type="application/json")

    page.route("**/v1/**", refuse)
    for address in (*PAGES, "/flow?id=1"):
        visit.go(address)
        expect(page.get_by_role("alert").filter(has_text=HOSTILE[0]).first).to_be_visible()
        unhurt(page)


def test_characters_that_hide_or_turn_others_around_are_written_out(
    visiting: Visiting, flows: Flows, provider: Provider
) -> None:
    """**Source**: CVE-2021-42574, "Trojan Source"."""
    turned = 'f"Hello {name}!"  # \u202e\u2066 if is_admin\u2069'
    plan = says(plan_text("greet.py", risks=["Opens \u202egnp.exe"]))
    provider.script(*loop([says(GOOD_DIFF.replace('f"Hello {name}!"', turned))], plan=[plan]))
    flow_id = flows.run("Greet \u202eeverybody", metadata={"for": "\u202eyou"})["id"]
    visit = visiting()
    visit.go(f"/flow?id={flow_id}&tab=changes", "Greet ⟨U+202E⟩everybody")
    diff = visit.page.get_by_role("region", name="Diff")
    expect(diff).to_contain_text("⟨U+202E⟩⟨U+2066⟩ if is_admin⟨U+2069⟩")
    expect(diff).to_contain_text("hidden characters")
    shown = {
        "plan": "Opens ⟨U+202E⟩gnp.exe",
        "details": "⟨U+202E⟩you",
        "events": "flow.completed",
        "steps": "approve",
    }
    for tab, text in shown.items():
        visit.go(f"/flow?id={flow_id}&tab={tab}")
        expect(visit.page.get_by_role("tabpanel")).to_contain_text(text)
        assert "\u202e" not in visit.page.locator("body").inner_text()


def test_what_draws_the_api_s_description_runs_only_as_it_was_pinned(visiting: Visiting) -> None:
    """The page is of this origin, its script is a CDN's, and what that sends could read the visitor's key."""
    visit = visiting(others=["https://cdn.jsdelivr.net/"])
    page = visit.page

    def another(route: Route) -> None:
        body = "window.hurt = sessionStorage.getItem('cfx.session')"
        headers = {"access-control-allow-origin": "*"}
        route.fulfill(status=200, body=body, headers=headers, content_type="text/javascript")

    page.route("https://cdn.jsdelivr.net/**", another)
    visit.go("/keys", "Keys")
    visit.go("/docs")
    expect(page.get_by_role("link", name="the document itself")).to_be_visible()
    assert not page.evaluate("window.hurt")
    assert all("integrity" in one for one in visit.complaints), visit.complaints
    visit.complaints.clear()
