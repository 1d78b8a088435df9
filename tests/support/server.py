"""The real server, ``cfx serve``, as fixtures: one for the session, or one of a test's own.

``server`` and ``litellm_server`` are shared: a test that breaks the upstream (and so trips a
breaker), counts a limit or kills the process takes ``own_server`` instead.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.litellm import LiteLlm
from tests.support.loopback import is_ready, loopback_client
from tests.support.postgres import as_app
from tests.support.processes import NotReadyError, Running, child_environ, free_port, start, wait_ready
from tests.support.provider import Provider

CFX = Path(sys.executable).with_name("cfx")
START_TIMEOUT_S = 60
UNLIMITED = "1000000"


class Server:
    """A ``cfx serve`` process in a folder of its own; stop, kill and start it again as often as you like."""

    def __init__(self, folder: Path, upstream_url: str, upstream_key: str | None = None, **variables: str):
        self.folder = folder
        port = str(free_port())
        self.url = f"http://127.0.0.1:{port}"
        self.env = child_environ(
            HOME=str(folder),
            CFX_HOST="127.0.0.1",
            CFX_PORT=port,
            CFX_DATA_DIR=str(folder / "data"),
            CFX_LITELLM_URL=upstream_url,
            **({"CFX_LITELLM_KEY": upstream_key} if upstream_key else {}),
            **({"CFX_WITH_WORKER": "true"} | variables),
        )
        self._clients: list[httpx.Client] = []
        self.key: str = ""
        if "CFX_DATABASE_URL" in variables:  # an operator's database: neither schema nor key comes by itself
            self.cfx("migrate")
            self.env["CFX_DATABASE_URL"] = as_app(variables["CFX_DATABASE_URL"])
            self.key = self.create_key("me")["key"]
        self.start()
        self.key = self.key or json.loads((folder / "data" / "credentials.json").read_text())["key"]
        self.client = self.client_of(self.key)

    def start(self) -> None:
        log = self.folder / "server.log"
        self.process: Running = start(
            "cfx serve", [str(CFX), "serve"], log=log, env=self.env, cwd=self.folder
        )
        try:
            wait_ready(self.process, lambda: is_ready(f"{self.url}/healthz"), timeout_s=START_TIMEOUT_S)
        except NotReadyError:
            self.process.kill()
            raise

    def kill(self) -> None:
        self.process.kill()

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self.process.stop()

    def client_of(self, key: str | None) -> httpx.Client:
        """An HTTP client that shows this key; closed with the server."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        client = loopback_client(base_url=self.url, headers=headers, timeout=30)
        self._clients.append(client)
        return client

    def create_key(self, user: str, *options: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.cfx("keys", "create", "--user", user, *options, "--json"))
        return answer

    def cfx(self, *arguments: str, timeout_s: float = 60, check: bool = True, **options: Any) -> str:
        """A ``cfx`` command in the server's folder and environment; returns what it printed."""
        done = self.run(*arguments, timeout_s=timeout_s, **options)
        assert not check or done.returncode == 0, (
            f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done.stdout

    def run(
        self, *arguments: str, timeout_s: float = 60, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        env = self.env | {"CFX_API_URL": self.url, "CFX_API_KEY": self.key}
        return subprocess.run(
            [str(CFX), *arguments],
            cwd=cwd or self.folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def log_tail(self) -> str:
        return self.process.log_tail()


@pytest.fixture(scope="session")
def server(provider_process: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Straight at the scripted provider."""
    folder = tmp_path_factory.mktemp("server")
    shared = Server(folder, provider_process.url, CFX_DAILY_LIMIT=UNLIMITED)
    yield shared
    shared.close()


@pytest.fixture(scope="session")
def litellm_server(litellm: LiteLlm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Through the real LiteLLM proxy."""
    folder = tmp_path_factory.mktemp("litellm-server")
    shared = Server(folder, litellm.url, litellm.key, CFX_DAILY_LIMIT=UNLIMITED)
    yield shared
    shared.close()


OwnServer = Callable[..., Server]


@pytest.fixture
def own_server(provider: Provider, tmp_path: Path) -> Iterator[OwnServer]:
    """Makes servers for this test alone: ``own_server(CFX_DAILY_LIMIT="3")``; the provider by default."""
    made: list[Server] = []

    def make(upstream_url: str = provider.url, upstream_key: str | None = None, **variables: str) -> Server:
        folder = tmp_path / f"server-{len(made)}"
        folder.mkdir()
        made.append(Server(folder, upstream_url, upstream_key, **variables))
        return made[-1]

    yield make
    for one in made:
        one.kill()  # kills are its daily bread; how it stops when asked is a test of its own
        one.close()
