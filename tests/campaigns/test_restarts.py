"""Postgres is restarted under load, again and again: nothing is lost, and nothing is paid twice either."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.campaign import scaled
from tests.support.fleet import Account, Fleet, paced
from tests.support.fleets import fleet_on
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.provider import Provider

RESTARTS = scaled(20)
FLOWS_AT_ONCE = 16


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[PostgresServer]:
    with running_postgres(f"restarted-{tmp_path.name}", is_own=True) as server:
        yield server


def test_postgres_restarts_under_load(
    provider: Provider, own_postgres: PostgresServer, tmp_path: Path
) -> None:
    chance, account = random.Random(4), Account()
    provider.script(*paced(0.3))
    with fleet_on(own_postgres, provider, tmp_path) as fleet:
        fleet.hire(2)
        ids: list[str] = []
        for _ in range(RESTARTS):
            ids += fleet.begin(max(0, FLOWS_AT_ONCE - fleet.unfinished()))
            fleet.until_it_works()
            time.sleep(chance.uniform(0.3, 2.5))
            restart(fleet, own_postgres, down_s=chance.uniform(0, 2))
        fleet.settle(account, ids)
        print(f"{RESTARTS} restarts, {account.flows} flows, {account.repeats} calls repeated")
        assert all(worker.alive for worker in fleet.workers)


def restart(fleet: Fleet, postgres: PostgresServer, *, down_s: float) -> None:
    postgres.stop()
    time.sleep(down_s)
    postgres.start_again()
    fleet.reconnect()
