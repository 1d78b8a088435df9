"""Campaigns: thousands of generated cases against a real server. A tenth runs in ``make test``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.fleets import server_of_fleet, standing
from tests.support.processes import wait_for
from tests.support.watched import Watched, watched_server

__all__ = ["server_of_fleet", "standing"]
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.campaign)


@pytest.fixture(scope="session")
def watched_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched_server(tmp_path_factory.mktemp("watched")) as server:
        yield server


@pytest.fixture(scope="session")
def at_rest(watched_process: Watched) -> dict[str, Any]:
    """What the server holds when nobody asks anything of it."""

    def rest() -> dict[str, Any] | None:
        state = watched_process.state()
        return None if any("start" in name for name in state["tasks"]) else state

    return wait_for(rest, timeout_s=60, what="server at rest")


@pytest.fixture
def watched(watched_process: Watched, at_rest: dict[str, Any]) -> Iterator[Watched]:
    """Alive, the same process, and at rest again after the test."""
    pid = watched_process.process.pid
    yield watched_process
    assert watched_process.process.alive
    assert watched_process.process.pid == pid
    watched_process.settled(at_rest)
