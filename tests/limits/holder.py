"""A process that holds slots until it is killed: ``python -m tests.limits.holder STORE REDIS USER COUNT``."""

from __future__ import annotations

import asyncio
import sys

from cfx_flow.clock import SystemClock
from cfx_flow.limits.open import open_limits
from tests.limits.test_slots import Process


async def hold(store_url: str, redis_url: str, user_id: str, count: int) -> None:
    async with open_limits(store_url, SystemClock(), redis_url=redis_url or None) as limits:
        for n in range(count):
            await Process(limits.slots).start(user_id, f"held {n}", most=count)
        print("holding", flush=True)
        await asyncio.sleep(600)


if __name__ == "__main__":
    store, redis, user, number = sys.argv[1:]
    asyncio.run(hold(store, redis, user, int(number)))
