"""``make screenshots``: the pictures of docs/screenshots, of a real server with a month of calls."""

from __future__ import annotations

import tempfile
from pathlib import Path

from cfx_flow.settings import HOUSE
from cfx_flow.stages.load import load_models
from cli.demo.command import EXAMPLE
from cli.demo.replies import rules, task
from tests.support.browser import PHONE, WIDE, Visit, launched
from tests.support.flows import GOOD_DIFF, Flows, finding, loop, says, verdict
from tests.support.history import write_history
from tests.support.processes import wait_for
from tests.support.provider import Provider
from tests.support.server import Server

FOLDER = HOUSE / "docs" / "screenshots"
SETTLED_MS = 1_500
NOTE = finding("A name may be empty") | {"severity": "minor"}


def take() -> None:
    with tempfile.TemporaryDirectory(prefix="cfx-shots-") as name:
        folder = Path(name)
        (folder / "provider").mkdir()
        (folder / "server").mkdir()
        provider = Provider(folder / "provider")
        server = Server(folder / "server", provider.url)
        try:
            server.process.stop()
            write_history(folder / "server" / "data" / "cfx.db", per_day=3)
            server.start()
            _visit(server, *_play(Flows(server.client), provider))
        finally:
            server.close()
            provider.close()


def _play(flows: Flows, provider: Provider) -> tuple[str, str]:
    """A flow with a refused diff, and one whose patch waits for a person."""
    for wanted in ("Greet with an f-string", "Say hello in a friendlier way"):
        provider.script(*loop([says(GOOD_DIFF)], [verdict("approve", NOTE)]))
        flows.run(wanted)
    provider.script(*loop([says(GOOD_DIFF)], [verdict("approve", NOTE)]))
    waiting = flows.start("Greet everybody by name", approval="patch")
    wait_for(lambda: flows.get(waiting)["status"] == "requires_action", timeout_s=60, what="gate")
    provider.script(*rules(load_models(HOUSE / "config" / "models.yaml", {}), 0.02))
    files = {path.relative_to(EXAMPLE).as_posix(): path.read_text() for path in EXAMPLE.rglob("*.py")}
    done = flows.run(task(), files, tests="unittest")["id"]
    return done, waiting


def _visit(server: Server, done: str, waiting: str) -> None:
    pages = {
        "overview": "/",
        "flows": "/flows",
        "flow": f"/flow?id={done}",
        "step": f"/flow?id={done}&tab=steps&step=3",
        "approval": f"/flow?id={waiting}",
        "new": "/new",
        "logs": "/logs",
        "keys": "/keys",
        "settings": "/settings",
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    with launched() as browser:
        wide = Visit(browser.new_context(viewport=WIDE).new_page(), server)
        wide.go("/sign-in")
        _shoot(wide, "sign-in")
        wide.sign_in()
        for name, address in pages.items():
            wide.go(address)
            _shoot(wide, name)
        phone = Visit(browser.new_context(viewport=PHONE).new_page(), server)
        phone.sign_in()
        phone.go(pages["flow"])
        _shoot(phone, "phone")


def _shoot(visit: Visit, name: str) -> None:
    visit.page.get_by_role("heading", level=1).wait_for()
    visit.page.wait_for_timeout(SETTLED_MS)
    visit.page.screenshot(path=str(FOLDER / f"{name}.png"))


if __name__ == "__main__":
    take()
