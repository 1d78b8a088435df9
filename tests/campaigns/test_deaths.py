"""kill -9 at any moment, again and again: nothing is lost, nothing that is finished is paid again."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest

from tests.support.campaign import is_full, scaled
from tests.support.fleet import Account, Fleet, fleet_of, paced, part_of
from tests.support.provider import Provider

KILLS_OF_A_BATCH = 20
BATCHES = range(scaled(200) // KILLS_OF_A_BATCH)
LONGEST_LIFE_S, A_CALL_S = (1.2, 0.2) if is_full() else (0.6, 0.1)
"""what dies again and again in the middle of one step is made to wait (ADR 0036)"""
FLOWS_AT_ONCE = 8
TAKE_OVER_P95_S = 3.0 if is_full() else 10.0
"""a tenth shares its machine with other tests"""


@pytest.fixture(scope="module")
def on_sqlite(provider_process: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet_of(tmp_path_factory.mktemp("sqlite"), provider_process, None) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def take_overs() -> list[float]:
    """How long flows lay still, over all batches: one stall of the machine is most of a batch's twentieth."""
    return []


def seed_of(batch: int) -> random.Random:
    seed = random.randrange(10**6) if is_full() else batch
    print(f"batch {batch}: seed {seed}")
    return random.Random(seed)


def live(fleet: Fleet, chance: random.Random) -> list[str]:
    """Until a moment that chance has chosen, in steps of the flows and in time. Returns the flows that it began."""
    finished = fleet.finished_steps()
    begun = fleet.begin(max(0, FLOWS_AT_ONCE - fleet.unfinished()))
    fleet.until_it_works(finished + chance.randrange(FLOWS_AT_ONCE))
    time.sleep(chance.uniform(0.05, LONGEST_LIFE_S))
    return begun


@pytest.mark.parametrize("batch", BATCHES)
def test_server_on_sqlite_is_killed_at_any_moment(on_sqlite: Fleet, batch: int) -> None:
    chance, account, ids = seed_of(batch), Account(), list[str]()
    on_sqlite.provider.reset()
    on_sqlite.provider.script(*paced(A_CALL_S))
    for _ in range(KILLS_OF_A_BATCH):
        ids += live(on_sqlite, chance)
        on_sqlite.kill(on_sqlite.server.process, account)
        on_sqlite.server.start()
    on_sqlite.settle(account, ids)
    print(account)


@pytest.mark.parametrize("batch", BATCHES)
def test_one_of_two_workers_on_postgres_is_killed_at_any_moment(
    standing: Fleet, take_overs: list[float], batch: int
) -> None:
    chance, account, ids = seed_of(batch), Account(), list[str]()
    standing.provider.reset()
    standing.provider.script(*paced(A_CALL_S))
    for _ in range(KILLS_OF_A_BATCH):
        ids += live(standing, chance)
        victim = chance.choice(standing.workers)
        successor = standing.hire_soon()
        standing.kill(victim, account)
        standing.dismiss(victim)
        standing.ready(successor)
    standing.settle(account, ids)
    print(account)
    take_overs += account.idle_s
    if batch == BATCHES[-1]:
        p95_s = part_of(take_overs, 0.95)
        print(f"all {len(take_overs)} take-overs: p95 {p95_s:.2f} s")
        assert p95_s <= TAKE_OVER_P95_S
