"""Every backend of the limits, as the server opens it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cfx_flow.limits import RateLimiter
from cfx_flow.limits.open import Limits, open_limits
from tests.support.clock import FakeClock


@pytest.fixture
async def limits(database_url: str, fake_clock: FakeClock) -> AsyncIterator[Limits]:
    async with open_limits(database_url, fake_clock) as limits:
        yield limits


@pytest.fixture
def limiter(limits: Limits) -> RateLimiter:
    return limits.daily
