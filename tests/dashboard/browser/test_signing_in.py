"""Who is let in, and where they are then."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.dashboard.browser.conftest import Visiting

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
