"""The overview's figures, and the settings."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.dashboard.browser.conftest import Visiting

pytestmark = pytest.mark.e2e


def test_editor_s_snippet_names_this_server(visiting: Visiting) -> None:
    visit = visiting()
    visit.go("/settings", "Settings")
    expect(visit.page.get_by_text(f"{visit.server.url}/v1", exact=True)).to_be_visible()
    visit.page.get_by_role("button", name="aider").click()
    expect(visit.page.locator("pre")).to_contain_text(f"OPENAI_API_BASE={visit.server.url}/v1")
    expect(visit.page.get_by_text("claude-sonnet-4-5").first).to_be_visible()
