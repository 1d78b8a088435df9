"""kill -9 at any moment, again and again: nothing is lost, nothing that is finished is paid again."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest

from tests.support.campaign import is_full, scaled
from tests.support.fleet import Account, Fleet, fleet_of, paced
from tests.support.postgres import PostgresServer
from tests.support.provider import Provider

KILLS_OF_A_BATCH = 20
BATCHES = range(scaled(200) // KILLS_OF_A_BATCH)
FLOWS_AT_ONCE = 8
TAKE_OVER_P95_S = 3.0 if is_full() else 10.0
"""a tenth shares its machine with other tests"""


@pytest.fixture(scope="module")
def on_sqlite(provider_process: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet_of(tmp_path_factory.mktemp("sqlite"), provider_process, None) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def on_postgres(
    provider_process: Provider, postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    url = postgres_server.create_database()
    with fleet_of(tmp_path_factory.mktemp("postgres"), provider_process, url) as fleet:
        fleet.hire(2)
        yield fleet
    postgres_server.drop_database(url)


def seed_of(batch: int) -> random.Random:
    seed = random.randrange(10**6) if is_full() else batch
    print(f"batch {batch}: seed {seed}")
    return random.Random(seed)


def keep_busy(fleet: Fleet) -> list[str]:
    return fleet.begin(max(0, FLOWS_AT_ONCE - fleet.unfinished()))


@pytest.mark.parametrize("batch", BATCHES)
def test_server_on_sqlite_is_killed_at_any_moment(on_sqlite: Fleet, batch: int) -> None:
    chance, account, ids = seed_of(batch), Account(), list[str]()
    on_sqlite.provider.reset()
    on_sqlite.provider.script(*paced(0.2))
    for _ in range(KILLS_OF_A_BATCH):
        ids += keep_busy(on_sqlite)
        on_sqlite.until_it_works()
        time.sleep(chance.uniform(0.05, 1.2))
        on_sqlite.kill(on_sqlite.server.process, account)
        on_sqlite.server.start()
    on_sqlite.settle(account, ids)
    print(account)


@pytest.mark.parametrize("batch", BATCHES)
def test_one_of_two_workers_on_postgres_is_killed_at_any_moment(on_postgres: Fleet, batch: int) -> None:
    chance, account, ids = seed_of(batch), Account(), list[str]()
    on_postgres.provider.reset()
    on_postgres.provider.script(*paced(0.2))
    for _ in range(KILLS_OF_A_BATCH):
        ids += keep_busy(on_postgres)
        on_postgres.until_it_works()
        time.sleep(chance.uniform(0.05, 1.2))
        victim = chance.choice(on_postgres.workers)
        successor = on_postgres.hire_soon()
        on_postgres.kill(victim, account)
        on_postgres.dismiss(victim)
        on_postgres.ready(successor)
    on_postgres.settle(account, ids)
    print(account)
    assert account.p95_s <= TAKE_OVER_P95_S
