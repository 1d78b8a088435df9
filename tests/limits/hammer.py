"""A process that asks as fast as it can: ``python -m tests.limits.hammer URL USER LIMIT ASKS``.

Prints one JSON line per answer, ``[allowed, remaining]``, as soon as it has it: what a killed one was
granted can be read too.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import date

from cfx_flow.clock import SystemClock
from cfx_flow.limits import SqlRateLimiter
from cfx_flow.store.engine import open_store

DAY = date(2026, 3, 1)
CONCURRENT = 8


async def hammer(url: str, user_id: str, limit: int, asks: int) -> None:
    store = await open_store(url)
    limiter = SqlRateLimiter(store, SystemClock())
    left = iter(range(asks))

    async def ask() -> None:
        for _ in left:
            answer = await limiter.check_and_increment(user_id, DAY, limit)
            print(json.dumps([answer.allowed, answer.remaining]), flush=True)

    await asyncio.gather(*(ask() for _ in range(CONCURRENT)))
    await store.close()


if __name__ == "__main__":
    asyncio.run(hammer(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
