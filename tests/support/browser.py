"""The dashboard in the system's Chromium: a visit, and everything that the browser complains of meanwhile."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import pytest

from tests.support.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, ViewportSize

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
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


class Visit:
    """One tab of a visitor; what the browser complained of is remembered, and what it asked elsewhere."""

    def __init__(self, page: Page, server: Server, *others: str) -> None:
        """``others``: origins beside the server's that the page may ask."""
        self.page = page
        self.server = server
        self.complaints: list[str] = []
        self._may_ask = (server.url, *others, "data:", "blob:")
        page.set_default_timeout(WAIT_MS)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", self._see)

    def sign_in(self, key: str | None = None) -> None:
        """By the form, as people do."""
        self.page.goto(f"{self.server.url}/sign-in")
        self.page.get_by_label("API key").fill(key or self.server.key)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("heading", name="Overview").wait_for()

    def go(self, address: str, heading: str | None = None) -> None:
        self.page.goto(f"{self.server.url}{address}")
        if heading:
            self.page.get_by_role("heading", name=heading, exact=True).wait_for()

    def is_awake(self) -> bool:
        """Whether the page's frames and timers come; seen from outside, since it cannot time itself."""
        self.page.evaluate(
            "() => { window.cfxAwake = [];"
            " requestAnimationFrame(() => window.cfxAwake.push('frame'));"
            " setTimeout(() => window.cfxAwake.push('timer')) }"
        )
        self.page.wait_for_timeout(1000)
        return self.page.evaluate("(window.cfxAwake ?? []).length") == 2  # none: it was loaded anew

    def state(self) -> str:
        """For whoever reads of a failed test."""
        from playwright.sync_api import Error as PlaywrightError

        try:
            seen = self.page.evaluate(
                "({at: location.href, is: document.visibilityState, scrolled: scrollY,"
                " high: document.documentElement.scrollHeight, says: document.body.innerText.slice(0, 2000)})"
            )
            return f"{'awake' if self.is_awake() else 'no frames or timers come'}: {json.dumps(seen)}"
        except PlaywrightError as error:  # it has crashed, or is closed
            return str(error)

    def _hear(self, message: ConsoleMessage) -> None:
        """A refusal by the server is logged by the browser, and is no fault of the page's."""
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def _see(self, request: Request) -> None:
        if not request.url.startswith(self._may_ask):
            self.complaints.append(f"asked elsewhere: {request.url[:200]}")


def with_key(context: BrowserContext, key: str) -> None:
    """The context's first page finds the key where a sign-in leaves it; once, so that signing out works."""
    session = json.dumps(json.dumps({"kind": "key", "token": key}))
    context.add_init_script(
        "if (!sessionStorage.getItem('seeded')) {"
        f" sessionStorage.setItem('seeded', '1'); sessionStorage.setItem('cfx.session', {session}) }}"
    )
