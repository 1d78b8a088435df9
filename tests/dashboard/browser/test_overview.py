"""The overview's figures are the API's, and the settings are this server's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.browser.conftest import Visiting
from tests.support.flows import GOOD_DIFF, Flows, loop, says
from tests.support.provider import Provider
from tests.support.server import Server

pytestmark = pytest.mark.e2e


def since(days: int) -> str:
    return (datetime.now(UTC).date() - timedelta(days=days - 1)).isoformat()


def used(dashboard: Server, days: int) -> dict[str, Any]:
    return dict(dashboard.client.get("/v1/usage", params={"from": since(days)}).json())


def money(usd: float) -> str:
    """As the page writes it: the browser rounds what it would print in full, and a half up."""
    digits = 4 if usd < 0.1 else 2 if usd < 1000 else 0
    return f"${Decimal(repr(usd)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP):,}"


def compact(number: int) -> str:
    if number < 10_000:
        return f"{number:,}"
    size, unit = (1e6, "M") if number >= 999_950 else (1e3, "K")
    return f"{number / size:.1f}".removesuffix(".0") + unit


def panel(page: Page, title: str) -> Any:
    heading = page.get_by_role("heading", name=title, exact=True)
    return page.locator("section").filter(has=heading)


def test_figures_are_those_of_the_api(visiting: Visiting, dashboard: Server) -> None:
    visit = visiting()
    page = visit.page
    visit.go("/", "Overview")
    spent = panel(page, "Spent")
    for name, days in (("Today", 1), ("Last 7 days", 7), ("Last 30 days", 30)):
        total = used(dashboard, days)["totals"]
        tokens, calls = compact(total["total_tokens"]), compact(total["requests"])
        expect(spent).to_contain_text(f"{name}{money(total['cost_usd'])}{tokens} tokens · {calls} calls")
    status = dashboard.client.get("/v1/status").json()
    today = panel(page, "Today")
    gone = status["today"]["limit"] - status["today"]["remaining"]
    expect(today).to_contain_text(f"{gone:,} of {status['today']['limit']:,}")
    expect(today.get_by_role("meter")).to_have_attribute("aria-valuenow", str(gone))
    hour = panel(page, "Last hour")
    expect(hour).to_contain_text(f"{status['window']['calls']} calls")
    rate = status["error_rate"] * 100
    expect(hour).to_contain_text(f"Errors{rate:.1f} %" if 0 < rate < 10 else f"Errors{rate:.0f} %")
    for stage in status["by_stage"]:
        expect(hour.get_by_role("listitem").filter(has_text=stage["stage"])).to_contain_text(
            f"{stage['calls']} call"
        )
    targets = panel(page, "Targets").get_by_role("listitem")
    expect(targets).to_have_count(len(status["breakers"]))
    expect(targets.filter(has_text="answers")).to_have_count(
        sum(breaker["state"] == "closed" for breaker in status["breakers"])
    )


def test_cost_of_each_stage_and_day_is_that_of_the_api(visiting: Visiting, dashboard: Server) -> None:
    visit = visiting()
    page = visit.page
    visit.go("/", "Overview")
    table = page.get_by_role("table", name="Cost per day and stage")
    for name, days in (("7 days", 7), ("30 days", 30)):
        page.get_by_role("group", name="Days").get_by_role("button", name=name).click()
        parts = used(dashboard, days)["data"]
        paid: dict[str, dict[str, float]] = {}
        for part in parts:
            if part["cost_usd"] and part["stage"]:
                day = paid.setdefault(part["day"], {})
                day[part["stage"]] = day.get(part["stage"], 0) + part["cost_usd"]
        expect(table.get_by_role("row")).to_have_count(len(paid) + 1)
        for day, stages in paid.items():
            row = table.get_by_role("row").filter(has_text=day)
            for cost in stages.values():
                expect(row).to_contain_text(money(cost))


def test_flow_that_waits_for_somebody_is_a_click_away(
    visiting: Visiting, flows: Flows, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow_id = flows.start("Wait for me", approval="patch")
    visit = visiting()
    visit.go("/", "Overview")
    entry = panel(visit.page, "Running flows").get_by_role("link").filter(has_text="Wait for me")
    expect(entry).to_contain_text("Needs you")
    entry.click()
    visit.page.get_by_role("heading", name="The patch waits for your word").wait_for()
    assert visit.page.url.endswith(f"/flow?id={flow_id}")
    flows.finish_with_a_person(flow_id)


def test_editor_s_snippet_names_this_server(visiting: Visiting) -> None:
    visit = visiting()
    visit.go("/settings", "Settings")
    expect(visit.page.get_by_text(f"{visit.server.url}/v1", exact=True)).to_be_visible()
    visit.page.get_by_role("button", name="aider").click()
    expect(visit.page.locator("pre")).to_contain_text(f"OPENAI_API_BASE={visit.server.url}/v1")
    expect(visit.page.get_by_text("claude-sonnet-4-5").first).to_be_visible()
