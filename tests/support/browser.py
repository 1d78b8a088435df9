"""The dashboard in the system's Chromium, on a real server: one build, one server and one browser a module.

Playwright's loop is not left running beyond its module: tests of other modules have loops of their own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import pytest

from tests.support.processes import HOUSE
from tests.support.provider import Provider
from tests.support.server import UNLIMITED, Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
BUILD_TIMEOUT_S = 900
WAIT_MS = 30_000


def chromium_path() -> str | None:
    return next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)


def absent(reason: str) -> NoReturn:
    if os.environ.get("CFX_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def launched() -> Iterator[Browser]:
    from playwright.sync_api import expect, sync_playwright  # 0.3 s, which every run of pytest would pay

    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), headless=True, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if chromium_path() is None:
        absent("no Chromium: install the system's package chromium")
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def site() -> None:
    """Built from the sources as they are, unless that was done before."""
    argv = [sys.executable, "-P", "-m", "cli.dashboard.build"]
    env = {**os.environ, "PYTHONPATH": str(HOUSE)}
    done = subprocess.run(
        argv, cwd=HOUSE, env=env, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        told = done.stdout.strip().splitlines()
        if "not built: Node" in done.stdout:
            absent(told[-1])
        pytest.fail("\n".join(told[-40:]) + done.stderr[-4000:])


@pytest.fixture(scope="module")
def dashboard(
    site: None, provider_process: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    provider_process.reset()
    server = Server(tmp_path_factory.mktemp("dashboard"), provider_process.url, CFX_DAILY_LIMIT=UNLIMITED)
    yield server
    server.close()


class Visit:
    """One tab of a visitor of their own; what the browser complained of is remembered."""

    def __init__(self, page: Page, server: Server) -> None:
        self.page = page
        self.server = server
        self.complaints: list[str] = []
        page.set_default_timeout(WAIT_MS)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))

    def sign_in(self, key: str | None = None) -> None:
        self.page.goto(f"{self.server.url}/sign-in")
        self.page.get_by_label("API key").fill(key or self.server.key)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("heading", name="Overview").wait_for()

    def go(self, address: str, heading: str | None = None) -> None:
        self.page.goto(f"{self.server.url}{address}")
        if heading:
            self.page.get_by_role("heading", name=heading, exact=True).wait_for()

    def _hear(self, message: ConsoleMessage) -> None:
        """A refusal by the server is logged by the browser, and is no fault of the page's."""
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)


Visiting = Callable[..., Visit]


@pytest.fixture
def visiting(browser: Browser, dashboard: Server) -> Iterator[Visiting]:
    """``visiting()`` is signed in; at the end no page may have broken, or met the policy."""
    visits: list[Visit] = []

    def make(*, viewport: dict[str, int] = WIDE, signed_in: bool = True) -> Visit:
        context = browser.new_context(viewport=viewport, permissions=["clipboard-read", "clipboard-write"])  # type: ignore[arg-type]
        visit = Visit(context.new_page(), dashboard)
        visits.append(visit)
        if signed_in:
            visit.sign_in()
        return visit

    yield make
    for visit in visits:
        visit.page.context.close()
    assert [complaint for visit in visits for complaint in visit.complaints] == []
