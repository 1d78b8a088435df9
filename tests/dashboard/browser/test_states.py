"""What each page shows while it waits, where there is nothing, and for what is no answer."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.dashboard.browser.conftest import Visiting
from tests.support.flows import GOOD_DIFF, Flows, loop, says
from tests.support.provider import Provider
from tests.support.server import Server

pytestmark = pytest.mark.e2e

ASKS = {
    "/": "**/v1/usage**",
    "/flows": "**/v1/flows?**",
    "/flow?id=3f7": "**/v1/flows/3f7",
    "/logs": "**/v1/logs**",
    "/keys": "**/v1/keys**",
    "/settings": "**/v1/stages",
}
"""What each page cannot do without."""
AGAIN = re.compile("Try again")


def answering(status: int, body: str, content_type: str = "application/json") -> Callable[[Route], None]:
    return lambda route: route.fulfill(status=status, body=body, content_type=content_type)


def error(message: str) -> str:
    return f'{{"error": {{"message": "{message}", "type": "t", "param": null, "code": "c"}}}}'


ANSWERS = {
    "500": (answering(500, error("This is our bug.")), "This is our bug."),
    "503": (answering(503, error("The database is away.")), "The database is away."),
    "429": (answering(429, error("Enough for today.")), "Enough for today."),
    "a proxy's page": (answering(502, "<h1>Bad</h1>", "text/html"), "The server answered 502"),
    "a page instead of JSON": (answering(200, "<h1>Hello</h1>", "text/html"), "no answer of the API's"),
    "half an answer": (answering(200, '{"data": ['), "no answer of the API's"),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_page_says_what_was_wrong_and_goes_on_when_asked_again(visiting: Visiting, kind: str) -> None:
    answer, text = ANSWERS[kind]
    visit = visiting()
    page = visit.page
    page.clock.install()
    first = list(ANSWERS).index(kind) % 2  # every other page: each meets three of them
    for address, asked in list(ASKS.items())[first::2]:
        page.route(asked, answer)
        visit.go(address)
        shown = page.get_by_role("alert").filter(has_text=text)
        past_retries(page, shown)
        expect(shown.first).to_be_visible()
        page.unroute(asked)
        page.get_by_role("button", name=AGAIN).first.click()
        expect(shown).to_have_count(0)


def past_retries(page: Page, shown: Locator) -> None:
    """What the server could not do is asked a few times more, with longer and longer pauses."""
    for _ in range(60):
        if shown.count() > 0:
            return
        page.clock.fast_forward(2_000)
        page.wait_for_timeout(100)


def test_page_is_drawn_while_its_answer_is_on_its_way(visiting: Visiting) -> None:
    visit = visiting()
    held: list[Route] = []
    for address, asked in ASKS.items():
        visit.page.route(asked, lambda route: held.append(route))  # noqa: PLW0108 - it wants a function
        visit.go(address)
        expect(visit.page.get_by_role("status", name=re.compile("^Loading")).first).to_be_visible()
        expect(visit.page.get_by_role("navigation", name="Pages")).to_be_visible()
    visit.page.unroute_all(behavior="ignoreErrors")


def test_who_has_nothing_yet_is_told_what_to_do(visiting: Visiting, dashboard: Server) -> None:
    visit = visiting(key=dashboard.create_key("newcomer")["key"])
    for address, texts in {
        "/": ("Nothing spent yet", "No flow is running"),
        "/flows": ("No flows yet",),
        "/logs": ("No calls yet",),
        "/flow?id=3f7": ("There is no such flow",),
        "/nowhere": ("There is no such page",),
    }.items():
        visit.go(address)
        for text in texts:
            expect(visit.page.get_by_text(text)).to_be_visible()


def test_events_that_are_cut_off_in_the_middle_come_again_and_none_is_missing(
    visiting: Visiting, flows: Flows, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow_id = flows.run("Cut in the middle")["id"]
    address = f"/v1/flows/{flow_id}/events"
    with flows.client.stream("GET", address, headers={"accept": "text/event-stream"}) as answer:
        whole = answer.read().decode() if answer.status_code == 200 else ""
    assert whole.count("\nid:") + whole.startswith("id:") > 5
    asked: list[str | None] = []

    def cut(route: Route) -> None:
        asked.append(route.request.headers.get("last-event-id"))
        if len(asked) == 1:
            body = whole[: len(whole) // 2]
            route.fulfill(status=200, body=body, content_type="text/event-stream")
        else:
            route.continue_()

    visit = visiting()
    page = visit.page
    page.route(f"**{address}", cut)
    visit.go(f"/flow?id={flow_id}&tab=events", "Cut in the middle")
    expect(page.get_by_role("tabpanel")).to_contain_text("flow.completed")
    assert asked[0] is None
    assert asked[1] is not None
