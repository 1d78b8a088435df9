"""Real clients from PyPI and npm: each plays all its scenes in one process, and the tests look at them.

client program → ``cfx serve`` → the real LiteLLM → the scripted provider
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.clients.clients import CLIENTS, ON_A_TERMINAL, Client
from tests.clients.script import PIXEL, RULES, marked, rules_for
from tests.support.flows import says
from tests.support.litellm import LiteLlm
from tests.support.processes import HOUSE, child_environ, wait_for
from tests.support.provider import Provider
from tests.support.server import UNLIMITED, Server

HERE = Path(__file__).parent
PROGRAM_TIMEOUT_S = 180
LOGGED_WITHIN_S = 0.5
"""a line of the access log is written up to 20 ms late, and after the caller has left"""
QUIET_S = 10
"""for calls to end whose client left"""

LEFT_WITHIN_S = 5
"""generous: it only must not go on to its end; the exact time is the gateway's own tests' business"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)


def require(client: Client) -> None:
    """Its environment, or a visible skip; where everything is required, a failure."""
    if client.is_installed():
        return
    if reason := client.reason_to_skip():
        pytest.skip(reason)
    reason = f"{client.name} is absent: `make clients` installs it"
    if os.environ.get("CFX_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def models_for_clients(folder: Path) -> Path:
    """models.yaml, and for each client a model whose breaker it has to itself."""
    shipped = yaml.safe_load((HOUSE / "config" / "models.yaml").read_text())
    for name in CLIENTS | ON_A_TERMINAL:
        fragile = f"fragile-{name}"
        shipped["upstreams"][fragile] = shipped["upstreams"]["litellm"]
        shipped["models"][fragile] = shipped["models"]["gpt-4.1-mini"] | {
            "upstream": fragile,
            "name": "gpt-4.1-mini",
        }
        shipped["direct"]["models"].append(fragile)
    path = folder / "models.yaml"
    path.write_text(yaml.safe_dump(shipped))
    return path


@pytest.fixture(scope="session")
def clients_server(litellm: LiteLlm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("clients")
    models = models_for_clients(folder)
    server = Server(folder, litellm.url, litellm.key, CFX_MODELS_FILE=str(models), CFX_DAILY_LIMIT=UNLIMITED)
    yield server
    server.close()


@pytest.fixture(scope="session")
def spent_key(clients_server: Server, provider_process: Provider) -> str:
    """Of a user who may ask once a day, and has."""
    key: str = clients_server.create_key("spent", "--daily-limit", "1")["key"]
    provider_process.reply(says("The last one today."))
    body = {"model": "cfx-plan", "messages": [{"role": "user", "content": "Hello"}]}
    assert clients_server.client_of(key).post("/v1/chat/completions", json=body).status_code == 200
    return key


@dataclass
class Visit:
    """What one client saw, what reached the provider, and what the server wrote about it."""

    client: str
    scenes: dict[str, dict[str, Any]]
    calls: list[dict[str, Any]]
    served: list[dict[str, Any]] = field(repr=False)

    def scene(self, name: str) -> dict[str, Any]:
        scene = self.scenes[name]
        assert "broke" not in scene, scene["broke"]
        return scene

    def calls_of(self, marker: str) -> list[dict[str, Any]]:
        """Chat calls that arrived at the provider."""
        return [call for call in self.calls if marked(call, marker, self.client)]

    def requests(self) -> Counter[tuple[int | None, str | None]]:
        """Chat requests that arrived at the server, by status and error code."""
        chats = [line for line in self.served if line["path"].endswith("/chat/completions")]
        return Counter((line["status"], line["error"]) for line in chats)


Visits = Callable[[str], Visit]


@pytest.fixture(scope="session")
def visits(clients_server: Server, spent_key: str, provider_process: Provider, litellm: LiteLlm) -> Visits:
    """Plays a client's scenes when it is first asked for, and remembers what came of it."""
    known: dict[str, Visit] = {}
    broken: set[str] = set()

    def visit(name: str) -> Visit:
        client = (CLIENTS | ON_A_TERMINAL)[name]
        require(client)
        assert name not in broken, "its program broke: the first of its tests shows how"
        if name not in known:
            broken.add(name)
            known[name] = _play(client, clients_server, spent_key, provider_process)
            broken.discard(name)
        return known[name]

    return visit


def _play(client: Client, server: Server, spent_key: str, provider: Provider) -> Visit:
    provider.reset()
    provider.script(*RULES.get(client.name, rules_for)(client.name))
    before = len(_served(server))
    orders = {
        "client": client.name,
        "base_url": f"{server.url}/v1",
        "key": server.key,
        "spent_key": spent_key,
        "fragile_model": f"fragile-{client.name}",
        "image": PIXEL,
    }
    seen = run_program(client, json.dumps(orders), server.folder)
    calls = settled_calls(provider)
    wait_for(lambda: _streams(server) == 0, timeout_s=QUIET_S, what="end of the streams that were left")
    time.sleep(LOGGED_WITHIN_S)
    return Visit(client.name, seen, calls, _served(server)[before:])


def settled_calls(provider: Provider) -> list[dict[str, Any]]:
    """Once all of them ended; whether those that were left did in time is for the tests to say."""
    ends = time.monotonic() + QUIET_S
    while time.monotonic() < ends:
        calls = provider.calls()
        if all(call["completed_at"] or call["disconnected_at"] for call in calls):
            break
        time.sleep(0.05)
    return calls


def run_program(client: Client, orders: str, home: Path) -> dict[str, dict[str, Any]]:
    done = subprocess.run(
        client.argv(),
        input=orders,
        env=child_environ(HOME=str(home)),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=PROGRAM_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, (
        f"{client.name}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    )
    seen: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return seen


def _streams(server: Server) -> float:
    shown = server.client.get("/metrics").text
    return float(shown.partition("\ncfx_streams_running ")[2].partition("\n")[0])


def _served(server: Server) -> list[dict[str, Any]]:
    """The access log so far."""
    lines = server.process.log.read_text().splitlines()
    entries = [json.loads(line) for line in lines if line.startswith("{")]
    return [entry for entry in entries if entry.get("event") == "request.served"]
