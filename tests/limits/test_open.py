"""Which backend a server's settings choose."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import pytest
import redis

from api.wiring import Services, open_services
from cfx_flow.errors import ConfigError
from cfx_flow.limits.open import open_limits
from cfx_flow.settings import Settings
from tests.support.clock import FakeClock
from tests.support.redis import running_redis

USER = "00000000-0000-4000-8000-000000000001"


def settings(sqlite_url: str, folder: Path, redis_url: str) -> dict[str, str]:
    return {
        "CFX_DATABASE_URL": sqlite_url,
        "CFX_DATA_DIR": str(folder),
        "CFX_LITELLM_URL": "http://127.0.0.1:9",
        "CFX_REDIS_URL": redis_url,
    }


async def count_one(services: Services) -> int:
    day = services.clock.now().date()
    return (await services.limiter.check_and_increment(USER, day, 10)).remaining


async def test_redis_holds_the_counters_when_there_is_one(
    sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    environ = settings(sqlite_url, tmp_path, redis_url)
    async with open_services(Settings.load(environ), environ) as services:
        assert await count_one(services) == 9
        ready = await services.readiness.check()
        assert ready.checks["counters"] == "ok"
    with contextlib.closing(redis.Redis.from_url(redis_url)) as client:
        (key,) = client.keys("cfx:day:*")
        assert client.get(key) == b"1"
        assert 0 < client.ttl(key) <= 2 * 24 * 60 * 60
        client.flushdb()
    async with open_services(Settings.load(environ), environ) as services:
        assert await count_one(services) == 9, "the database knows nothing of it"


async def test_redis_that_is_not_there_makes_the_server_unready(sqlite_url: str, tmp_path: Path) -> None:
    environ = settings(sqlite_url, tmp_path, "redis://:sesame@127.0.0.1:1/0")
    async with open_services(Settings.load(environ), environ) as services:
        found = await services.readiness.check()
    assert found.status == "unavailable"
    assert "CFX_REDIS_URL" in found.checks["counters"]
    assert "sesame" not in str(found)


async def test_redis_may_listen_on_a_socket_of_the_file_system(sqlite_url: str, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:  # a socket's path may have 107 characters
        socket = Path(folder) / "redis"
        with running_redis(socket):
            environ = settings(sqlite_url, tmp_path, f"unix://{socket}")
            async with open_services(Settings.load(environ), environ) as services:
                assert [await count_one(services), await count_one(services)] == [9, 8]


@pytest.mark.parametrize(
    "url",
    ["redis://127.0.0.1:1/0?colour=red", "127.0.0.1:6379", "http://127.0.0.1", "redis://127.0.0.1:port/0"],
)
async def test_address_that_is_none_is_found_at_start(url: str, fake_clock: FakeClock) -> None:
    with pytest.raises(ConfigError, match="CFX_REDIS_URL"):
        async with open_limits("sqlite:///nowhere.db", fake_clock, redis_url=url):
            pass


def test_redis_password_is_not_shown_with_the_settings() -> None:
    assert "sesame" not in repr(Settings.load({"CFX_REDIS_URL": "redis://:sesame@127.0.0.1/0"}))
