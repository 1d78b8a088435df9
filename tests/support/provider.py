"""The scripted provider as a test fixture: a real process, one for each test worker."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.loopback import loopback_client
from tests.support.processes import HOUSE, Running, child_environ, start, wait_for, wait_ready

PLAN, CODE, REVIEW = "claude", "deepseek", "gpt-4o"
"""Fragments of the models that config/models.yaml names for the stages: a rule's ``model``."""


class Provider:
    """The running provider: give it a script, read what arrived."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = self._start(port=0)
        self._client = loopback_client(timeout=10)

    @property
    def url(self) -> str:
        """OpenAI's base URL; it ends in ``/v1``."""
        return self._url

    @property
    def pid(self) -> int:
        return self._process.pid

    def script(self, *rules: dict[str, Any]) -> None:
        """Replaces the script; a rule that is not well formed is refused here, not in the test's middle."""
        answer = self._client.put(self._control("__script"), content=json.dumps(rules))
        assert answer.status_code == 204, answer.text

    def reply(self, *replies: dict[str, Any], model: str = "", stateless: bool = False) -> None:
        """A script of one rule."""
        self.script({"model": model, "replies": list(replies), "stateless": stateless})

    def calls(self, model: str = "") -> list[dict[str, Any]]:
        """Chat calls in the order of arrival, those for a model whose name contains ``model``."""
        calls = self._client.get(self._control("__calls")).json()["data"]
        return [call for call in calls if model in _model(call)]

    def wait_for_calls(self, count: int, model: str = "", *, timeout_s: float = 60) -> list[dict[str, Any]]:
        def enough() -> list[dict[str, Any]] | None:
            calls = self.calls(model)
            return calls if len(calls) >= count else None

        return wait_for(enough, timeout_s=timeout_s, what=f"{count} calls for {model or 'any model'}")

    def wait_for_disconnect(self, *, timeout_s: float = 30) -> dict[str, Any]:
        """The first call whose client went away."""

        def gone() -> dict[str, Any] | None:
            return next((call for call in self.calls() if call["disconnected_at"] is not None), None)

        return wait_for(gone, timeout_s=timeout_s, what="call whose client went away")

    def reset(self) -> None:
        self.script()
        self._client.delete(self._control("__calls"))

    @contextmanager
    def down(self) -> Iterator[None]:
        """Nobody listens on the provider's port inside the block; then it is back, with an empty script."""
        port = httpx.URL(self._url).port or 0
        self._process.stop()
        try:
            yield
        finally:
            self._process = self._start(port=port)

    def close(self) -> None:
        self._client.close()
        self._process.stop()

    def log_tail(self) -> str:
        return self._process.log_tail()

    def _start(self, port: int) -> Running:
        ready_file = self._folder / "provider.json"
        ready_file.unlink(missing_ok=True)
        argv = [sys.executable, "-m", "cli.demo.provider", "--control", "--port", str(port)]
        argv += ["--ready-file", str(ready_file)]
        process = start("provider", argv, log=self._folder / "provider.log", env=child_environ(), cwd=HOUSE)
        wait_ready(process, ready_file.exists, timeout_s=20)
        self._url = json.loads(ready_file.read_text())["url"]
        return process

    def _control(self, path: str) -> str:
        return f"{self._url.removesuffix('/v1')}/{path}"


def _model(call: dict[str, Any]) -> str:
    return str(call["body"].get("model", "")) if isinstance(call["body"], dict) else ""


@pytest.fixture(scope="session")
def provider_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    provider = Provider(tmp_path_factory.mktemp("provider"))
    yield provider
    provider.close()


@pytest.fixture
def provider(provider_process: Provider) -> Provider:
    """With no script and no calls."""
    provider_process.reset()
    return provider_process
