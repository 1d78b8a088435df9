"""While the server is away, and after."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.dashboard.browser.conftest import Visiting
from tests.support.server import Server

pytestmark = pytest.mark.e2e


def test_without_an_answer_the_page_says_so_and_goes_on_when_there_is_one(
    visiting: Visiting, dashboard: Server
) -> None:
    visit = visiting()
    visit.go("/flows", "Flows")
    dashboard.process.stop()
    try:
        expect(visit.page.get_by_text("The server does not answer.")).to_be_visible()
    finally:
        dashboard.start()
    expect(visit.page.get_by_text("The server does not answer.")).to_have_count(0)
