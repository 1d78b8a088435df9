"""Fleets on Postgres as fixtures: server and database for all tests of a module, workers as each needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.fleet import Fleet, fleet_of
from tests.support.postgres import PostgresServer
from tests.support.provider import Provider

__all__ = ["fleet", "fleet_on", "server_of_fleet", "standing"]


@contextmanager
def fleet_on(postgres: PostgresServer, provider: Provider, folder: Path, **variables: str) -> Iterator[Fleet]:
    """On a database of its own, which goes with it."""
    url = postgres.create_database()
    with fleet_of(folder, provider, url, **variables) as fleet:
        yield fleet
    postgres.drop_database(url)


@pytest.fixture(scope="module")
def server_of_fleet(
    provider_process: Provider, postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    with fleet_on(postgres_server, provider_process, tmp_path_factory.mktemp("fleet")) as fleet:
        yield fleet


@pytest.fixture
def fleet(server_of_fleet: Fleet, provider: Provider) -> Fleet:
    """Without workers or flows that run: the test hires whom it wants to do harm to."""
    server_of_fleet.disband()
    return server_of_fleet


@pytest.fixture
def standing(server_of_fleet: Fleet, provider: Provider) -> Fleet:
    """With two workers, for tests that do them no harm."""
    server_of_fleet.hire(2 - len(server_of_fleet.workers))
    return server_of_fleet
