"""Postgres is away when the server starts, and again later: /readyz says so, and finds it within 5 s."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.app import create_app
from api.wiring import open_services
from cfx_flow.errors import StoreUnavailable
from cfx_flow.settings import Settings
from cfx_flow.store.migrate import migrate
from tests.api.conftest import NOBODY, client_of
from tests.support.postgres import PostgresServer, as_app, running_postgres

pytestmark = pytest.mark.e2e

RECOVERED_WITHIN_S = 5.0


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    with running_postgres(f"away{os.getpid()}", is_own=True) as server:
        yield server


async def within(seconds: float, condition: Callable[[], Awaitable[bool]]) -> None:
    ends = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < ends, f"not within {seconds} s"
        await asyncio.sleep(0.1)


async def test_a_database_that_goes_and_comes_is_found_again(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    url = own_postgres.create_database()
    migrate(url)
    environ = {
        "CFX_DATABASE_URL": as_app(url),
        "CFX_DATA_DIR": str(tmp_path),
        "CFX_LITELLM_URL": NOBODY,
        "CFX_HASH_SALT": "salt of the tests, of no other use",
    }
    own_postgres.stop()
    async with (
        open_services(Settings.load(environ), environ) as services,
        client_of(create_app(services)) as client,
    ):

        async def database() -> Any:
            answer = await client.get("/readyz")
            assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
            return answer.json()["checks"]["database"]

        async def is_back() -> bool:
            return bool(await database() == "ok")

        async def is_away() -> bool:
            return "does not answer" in await database()

        async def counts() -> bool:
            try:
                day = services.clock.now().date()
                return (await services.limiter.check_and_increment(key.user_id, day, 10)).allowed
            except StoreUnavailable:
                return False

        assert await is_away()
        own_postgres.start_again()
        await within(RECOVERED_WITHIN_S, is_back)
        key = await services.accounts.create_key("ada")
        assert await counts()
        own_postgres.stop()
        await within(RECOVERED_WITHIN_S, is_away)
        assert not await counts()
        refused = await client.get("/v1/usage", headers={"authorization": f"Bearer {key.key}"})
        assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
        own_postgres.start_again()
        await within(RECOVERED_WITHIN_S, is_back)
        await within(RECOVERED_WITHIN_S, counts)
        usage = await client.get("/v1/usage", headers={"authorization": f"Bearer {key.key}"})
        assert usage.status_code == 200
