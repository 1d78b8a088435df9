"""One build, one server and one browser for all tests in the browser.

Playwright's loop is not left running beyond this folder: tests of others have loops of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest

from tests.support.browser import WIDE, Visit, absent, chromium_path, launched, with_key
from tests.support.flows import GOOD_DIFF, Flows, loop, says
from tests.support.history import write_history
from tests.support.processes import HOUSE
from tests.support.provider import Provider
from tests.support.server import UNLIMITED, Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

BUILD_TIMEOUT_S = 900
POLICIES = "policies:\n  junit: {commands: [[sh, tests.sh]], report: report.xml}\n"
AtGate: TypeAlias = "tuple[Page, str]"


@pytest.fixture(scope="package")
def browser(dashboard: Server) -> Iterator[Browser]:
    """After the server, whose history is written in a loop of its own."""
    if chromium_path() is None:
        absent("no Chromium: install the system's package chromium")
    with launched() as browser:
        yield browser


@pytest.fixture(scope="package")
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


@pytest.fixture(scope="package")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's CFX_WORKSPACE_ROOTS."""
    return tmp_path_factory.mktemp("projects")


@pytest.fixture(scope="package")
def dashboard(
    site: None, provider_process: Provider, projects: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """With a fortnight of model calls, and one test policy."""
    provider_process.reset()
    folder = tmp_path_factory.mktemp("dashboard")
    (folder / "test_policies.yaml").write_text(POLICIES)
    server = Server(
        folder,
        provider_process.url,
        CFX_WORKSPACE_ROOTS=str(projects),
        CFX_DAILY_LIMIT=UNLIMITED,
        CFX_TEST_POLICIES_FILE=str(folder / "test_policies.yaml"),
    )
    server.process.stop()
    write_history(folder / "data" / "cfx.db", days=14, per_day=0.7)
    server.start()
    yield server
    server.close()


@pytest.fixture
def flows(dashboard: Server, provider: Provider) -> Flows:
    return Flows(dashboard.client)


@pytest.fixture
def at_the_patch(visiting: Visiting, flows: Flows, provider: Provider) -> AtGate:
    """The page of a flow whose patch waits for a person's word, and the flow's id."""
    provider.script(*loop([says(GOOD_DIFF)]))
    flow_id = flows.start(approval="patch")
    visit = visiting()
    visit.go(f"/flow?id={flow_id}")
    visit.page.get_by_role("heading", name="The patch waits for your word").wait_for()
    return visit.page, flow_id


@pytest.fixture
def visiting(browser: Browser, dashboard: Server) -> Iterator[Visiting]:
    """``visiting()`` is signed in; at the end no page may have broken, met the policy, or asked elsewhere."""
    visiting = Visiting(browser, dashboard)
    yield visiting
    for visit in visiting.visits:
        visit.page.context.close()
    assert [complaint for visit in visiting.visits for complaint in visit.complaints] == []


class Visiting:
    def __init__(self, browser: Browser, server: Server) -> None:
        self._browser, self._server = browser, server
        self.visits: list[Visit] = []

    def __call__(
        self,
        *,
        viewport: ViewportSize = WIDE,
        signed_in: bool = True,
        key: str | None = None,
        server: Server | None = None,
        others: Sequence[str] = (),
    ) -> Visit:
        server = server or self._server
        context = self._browser.new_context(
            viewport=viewport, permissions=["clipboard-read", "clipboard-write"]
        )
        if signed_in:
            with_key(context, key or server.key)
        self.visits.append(Visit(context.new_page(), server, *others))
        return self.visits[-1]

    def log_tail(self) -> str:
        """What the pages of a failed test are like."""
        return "\n".join(visit.state() for visit in self.visits)
