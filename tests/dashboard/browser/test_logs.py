"""Logs: filters, pages, one call, and the table for a spreadsheet."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.dashboard.browser.conftest import Visiting
from tests.support.flows import GOOD_DIFF, Flows, loop, says
from tests.support.processes import wait_for
from tests.support.provider import Provider
from tests.support.server import Server

pytestmark = pytest.mark.e2e

PAGE = 100


def chat(dashboard: Server, provider: Provider, model: str, session: str) -> None:
    """A call, and its row."""
    provider.reply(says("Hi"))
    body = {"model": model, "messages": [{"role": "user", "content": f"Hi {session}"}]}
    headers = {"x-cfx-session-id": session}
    assert dashboard.client.post("/v1/chat/completions", json=body, headers=headers).status_code == 200
    wait_for(lambda: rows_of(dashboard, session_id=session), timeout_s=30, what="the call's row")


def rows_of(dashboard: Server, **wanted: str) -> list[dict[str, Any]]:
    """Every row that the API has, over all pages."""
    rows: list[dict[str, Any]] = []
    while True:
        page = dashboard.client.get("/v1/logs", params={**wanted, "limit": "200"}).json()
        rows += page["data"]
        if page["next_cursor"] is None:
            return rows
        wanted["cursor"] = page["next_cursor"]


def listed(page: Page) -> Locator:
    return page.get_by_role("list", name="Model calls").get_by_role("listitem")


def expect_rows(page: Page, count: int) -> None:
    said = f"{PAGE} rows so far" if count > PAGE else f"{count} row{'' if count == 1 else 's'}"
    expect(page.get_by_role("main").get_by_role("status").filter(has_text="row")).to_have_text(said)


def test_logs_are_filtered_by_the_address_opened_and_saved(
    visiting: Visiting, dashboard: Server, provider: Provider
) -> None:
    chat(dashboard, provider, "cfx-plan", "first talk")
    chat(dashboard, provider, "cfx-review", "second talk")
    visit = visiting()
    page = visit.page
    page.clock.install()
    visit.go("/logs", "Logs")
    rows = listed(page)
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


def test_each_filter_shows_what_the_api_has_for_it(visiting: Visiting, dashboard: Server) -> None:
    visit = visiting()
    page = visit.page
    visit.go("/logs?session=totals in cents", "Logs")
    session = {"session_id": "totals in cents"}
    total = len(rows_of(dashboard, **session))
    expect_rows(page, total)
    for name, field, values in (
        ("Stage", "stage", ("plan", "code", "review", "direct")),
        ("Status", "status", ("success", "error", "rate_limited", "cancelled")),
        ("Model", "model", ("claude-sonnet-4-5", "deepseek-v3")),
    ):
        for value in values:
            page.get_by_label(name, exact=True).select_option(value)
            expect_rows(page, len(rows_of(dashboard, **session, **{field: value})))
        page.get_by_label(name, exact=True).select_option("")
    page.get_by_label("Time").select_option("7d")
    week = len(rows_of(dashboard, **session, since=(datetime.now(UTC) - timedelta(days=7)).isoformat()))
    assert 0 < week < total
    expect_rows(page, week)
    page.get_by_label("Time").select_option("30d")
    expect_rows(page, total)
    page.get_by_role("button", name="Clear").click()
    expect_rows(page, len(rows_of(dashboard)))


def test_who_goes_on_typing_a_session_is_not_thrown_out_of_the_field(
    visiting: Visiting, dashboard: Server
) -> None:
    visit = visiting()
    page = visit.page
    visit.go("/logs", "Logs")
    page.get_by_label("Session").click()
    page.keyboard.type("fix the")
    expect(page.get_by_text("No call is like that")).to_be_visible()
    page.keyboard.type(" parser")
    expect_rows(page, len(rows_of(dashboard, session_id="fix the parser")))
    expect(page.get_by_label("Session")).to_be_focused()
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_label("Session")).to_have_value("")


def test_calls_of_one_flow_are_shown_from_a_call_s_drawer(
    visiting: Visiting, dashboard: Server, flows: Flows, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow_id = flows.run("Logged")["id"]
    wait_for(lambda: len(rows_of(dashboard, flow_id=flow_id)) == 3, timeout_s=30, what="the flow's rows")
    visit = visiting()
    page = visit.page
    visit.go(f"/logs?flow={flow_id}", "Logs")
    expect_rows(page, 3)
    listed(page).first.get_by_role("button").click()
    row = rows_of(dashboard, flow_id=flow_id)[0]
    drawer = page.get_by_role("dialog", name="Model call")
    for shown in (
        row["model"],
        f"{row['input_tokens']:,} in, {row['output_tokens']:,} out",
        row["request_id"],
        flow_id,
        row["stage"],
        row["status"],
    ):
        expect(drawer).to_contain_text(shown)
    assert f"row={row['id']}" in page.url
    page.reload()
    expect(drawer).to_contain_text(row["request_id"])
    drawer.get_by_role("link", name=flow_id).click()
    page.get_by_role("heading", name="Logged").wait_for()


MORE = re.compile("^Load(ing)? more$")
"""there until the last page has come"""


def scrolled_to_the_end(visiting: Visiting, address: str, rows: int) -> Page:
    """Chromium has left a page without frames and timers, in one run of many: then another is opened."""
    for _ in range(3):
        visit = visiting()
        visit.go(address, "Logs")
        expect_rows(visit.page, rows)
        more = visit.page.get_by_role("button", name=MORE)
        for _ in range(100):  # a page comes in when it does
            visit.page.mouse.wheel(0, 100_000)
            visit.page.wait_for_timeout(150)
            if more.count() == 0:
                return visit.page
        assert not visit.is_awake()
    raise AssertionError("three pages in a row had no frames or timers")


def test_pages_follow_one_another_to_the_last_row_and_none_comes_twice(
    visiting: Visiting, dashboard: Server
) -> None:
    rows = rows_of(dashboard, status="success")
    assert len(rows) > 2 * PAGE
    page = scrolled_to_the_end(visiting, "/logs?status=success", len(rows))
    said = page.get_by_role("status").filter(has_text="row")
    expect(said).to_have_text(f"{len(rows)} rows")
    page.keyboard.press("End")
    last = listed(page).last
    expect(last).to_have_attribute("aria-posinset", str(len(rows)))
    last.get_by_role("button").click()
    expect(page.get_by_role("dialog")).to_contain_text(rows[-1]["request_id"])


FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "=cmd|'/C calc'!A0", '=HYPERLINK("http://x.example")']


def test_table_for_a_spreadsheet_holds_the_api_s_rows_and_no_formula(
    visiting: Visiting, dashboard: Server, provider: Provider
) -> None:
    for session in FORMULAS:
        chat(dashboard, provider, "cfx-review", session)
    visit = visiting()
    page = visit.page
    visit.go("/logs?stage=review", "Logs")
    rows = rows_of(dashboard, stage="review")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Export CSV").click()
    assert re.fullmatch(r"cfx-logs-\d{4}-\d\d-\d\d\.csv", saved.value.suggested_filename)
    with saved.value.path().open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [line["request_id"] for line in table] == [row["request_id"] for row in rows]
    assert [line["total_tokens"] for line in table] == [str(row["total_tokens"]) for row in rows]
    shown = {line["session_id"] for line in table}
    assert {f"'{session}" for session in FORMULAS} <= shown
    assert not any(cell.startswith(("=", "+", "-", "@")) for line in table for cell in line.values())
