"""Logs: filters, pages, one call, and the table for a spreadsheet."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.dashboard.browser.conftest import Visiting
from tests.support.flows import says
from tests.support.provider import Provider
from tests.support.server import Server

pytestmark = pytest.mark.e2e


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
