"""Keys: made, rotated, revoked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.dashboard.browser.conftest import Visiting
from tests.support.processes import wait_for
from tests.support.server import Server

pytestmark = pytest.mark.e2e


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


def test_key_with_an_end_and_limits_is_what_was_asked_for(visiting: Visiting, dashboard: Server) -> None:
    visit = visiting()
    page = visit.page
    visit.go("/keys", "Keys")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Label").fill("for a week")
    page.get_by_label("Expires").select_option("7")
    page.get_by_label("Calls a day").fill("1200")
    page.get_by_label("Streams at a time").fill("1")
    page.get_by_role("button", name="Create key").click()
    page.get_by_role("button", name="I have kept it").click()
    row = page.get_by_role("row").filter(has_text="for a week")
    expect(row).to_contain_text("1,200 a day; 1 stream")
    expect(row).to_contain_text("in 6d")
    [made] = [key for key in dashboard.client.get("/v1/keys").json()["data"] if key["label"] == "for a week"]
    assert (made["daily_limit"], made["max_streams"]) == (1200, 1)
    left = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)


def test_key_that_may_less_cannot_make_one_that_may_more(visiting: Visiting, dashboard: Server) -> None:
    bound = dashboard.client.post("/v1/keys", json={"label": "bound", "daily_limit": 5}).json()["key"]
    visit = visiting(key=bound)
    page = visit.page
    visit.go("/keys", "Keys")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Calls a day").fill("6")
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("daily_limit")
    expect(page.get_by_label("Calls a day")).to_have_value("6")
    page.get_by_label("Calls a day").fill("4")
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_test_id("made-key")).to_contain_text("cfx_")


def test_key_that_has_ended_is_shown_so_and_offers_nothing(visiting: Visiting, dashboard: Server) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    answer = dashboard.client.post("/v1/keys", json={"label": "short-lived", "expires_at": soon})
    ended = dashboard.client_of(answer.json()["key"])
    wait_for(lambda: ended.get("/v1/status").status_code == 401, timeout_s=30, what="end of the key")
    visit = visiting()
    visit.go("/keys", "Keys")
    row = visit.page.get_by_role("row").filter(has_text="short-lived")
    expect(row).to_contain_text("expired")
    expect(row.get_by_role("button")).to_have_count(0)
