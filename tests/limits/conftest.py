"""Every backend of the limits, as the server opens it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import pytest

from cfx_flow.clock import Clock
from cfx_flow.limits import RateLimiter
from cfx_flow.limits.open import Limits, open_limits
from tests.support.clock import FakeClock

BACKENDS = ("sqlite", pytest.param("postgres", marks=pytest.mark.e2e), "redis")


@dataclass(frozen=True)
class Place:
    """Where limits are kept."""

    store_url: str
    redis_url: str | None = None

    def open(self, clock: Clock, renew_every_s: float = 1.5) -> AbstractAsyncContextManager[Limits]:
        return open_limits(self.store_url, clock, redis_url=self.redis_url, renew_every_s=renew_every_s)


@pytest.fixture(params=BACKENDS)
def place(request: pytest.FixtureRequest) -> Place:
    """Empty, of each kind."""
    if request.param == "redis":
        return Place("sqlite:///nowhere.db", request.getfixturevalue("redis_url"))
    return Place(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
async def limits(place: Place, fake_clock: FakeClock) -> AsyncIterator[Limits]:
    async with place.open(fake_clock) as limits:
        yield limits


@pytest.fixture
def limiter(limits: Limits) -> RateLimiter:
    return limits.daily
