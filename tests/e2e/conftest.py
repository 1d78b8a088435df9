"""Everything in this folder starts real processes. Here: servers that are short of patience, and heal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.flows import says
from tests.support.litellm import LiteLlm
from tests.support.processes import HOUSE, wait_for
from tests.support.provider import Provider
from tests.support.server import Server

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)


def hasty_models(folder: Path) -> str:
    """models.yaml with timeouts short enough for a test."""
    shipped = yaml.safe_load((HOUSE / "config" / "models.yaml").read_text())
    for upstream in shipped["upstreams"].values():
        upstream["timeouts"] = {"connect_stream_s": 2, "connect_s": 2, "read_s": 1}
    path = folder / "models.yaml"
    path.write_text(yaml.safe_dump(shipped))
    return str(path)


@pytest.fixture(scope="session")
def hasty_server(provider_process: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("hasty")
    server = Server(folder, provider_process.url, CFX_MODELS_FILE=hasty_models(folder))
    yield server
    server.close()


@pytest.fixture(scope="session")
def hasty_litellm_server(
    litellm: LiteLlm, provider_process: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("hasty-litellm")
    server = Server(folder, litellm.url, litellm.key, CFX_MODELS_FILE=hasty_models(folder))
    try:
        provider_process.reset()
        wait_for(
            lambda: _answers(server), timeout_s=60, what="first reply through LiteLLM, whose first is slow"
        )
        yield server
    finally:
        server.close()


@pytest.fixture
def straight(hasty_server: Server, provider: Provider) -> Iterator[Server]:
    """At the provider itself."""
    yield hasty_server
    heal(hasty_server, provider)


@pytest.fixture
def behind_litellm(hasty_litellm_server: Server, provider: Provider) -> Iterator[Server]:
    """At LiteLLM, which is at the provider."""
    yield hasty_litellm_server
    heal(hasty_litellm_server, provider)


@pytest.fixture(params=["straight", "behind_litellm"])
def troubled(request: pytest.FixtureRequest) -> Server:
    """Both, one after the other."""
    server: Server = request.getfixturevalue(request.param)
    return server


def _answers(server: Server) -> bool:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
    return server.client.post("/v1/chat/completions", json=body).status_code == 200


def heal(server: Server, provider: Provider) -> None:
    """One success on each target sets its breaker back; a breaker that is open needs a new process."""
    provider.reply(says("Better."))
    models = yaml.safe_load((HOUSE / "config" / "models.yaml").read_text())["direct"]["models"]
    for model in models:
        body = {"model": model, "messages": [{"role": "user", "content": "Better?"}]}
        if server.client.post("/v1/chat/completions", json=body).status_code != 200:
            server.kill()
            server.start()
            return
