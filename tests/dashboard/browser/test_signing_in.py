"""Who is let in, and where they are then."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.dashboard.browser.conftest import Visiting
from tests.support.flows import GOOD_DIFF, Flows, loop, says
from tests.support.provider import Provider
from tests.support.server import Server

pytestmark = pytest.mark.e2e


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


@pytest.mark.parametrize(
    "address", ["/keys", "/flow?id={flow}&tab=steps&step=2", "/flows?status=failed&q=x", "/settings"]
)
def test_page_that_was_asked_for_is_shown_after_sign_in(
    visiting: Visiting, flows: Flows, provider: Provider, address: str
) -> None:
    if "{flow}" in address:
        provider.script(*loop([says(GOOD_DIFF)]))
        address = address.format(flow=flows.run()["id"])
    visit = visiting(signed_in=False)
    visit.go(address, "Sign in to CF-X Flow")
    visit.page.get_by_label("API key").fill(visit.server.key)
    visit.page.get_by_role("button", name="Sign in").click()
    visit.page.wait_for_url(f"{visit.server.url}{address}")
    expect(visit.page.get_by_role("navigation", name="Pages")).to_be_visible()


def test_who_is_revoked_meanwhile_is_told_why_and_finds_the_page_again(
    visiting: Visiting, dashboard: Server
) -> None:
    made = dashboard.client.post("/v1/keys", json={"label": "soon gone"}).json()
    visit = visiting(key=made["key"])
    page = visit.page
    visit.go("/logs?status=error", "Logs")
    assert dashboard.client.delete(f"/v1/keys/{made['id']}").status_code == 200
    page.get_by_role("heading", name="Sign in to CF-X Flow").wait_for()
    expect(page.get_by_role("alert").first).to_contain_text("revoked")
    assert "cfx_" not in page.evaluate("JSON.stringify([localStorage, sessionStorage])")
    page.get_by_label("API key").fill(dashboard.key)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Logs").wait_for()
    assert page.url.endswith("/logs?status=error")
