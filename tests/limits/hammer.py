"""A process that asks as fast as it can: ``python -m tests.limits.hammer STORE REDIS USER LIMIT ASKS``.

STORE and REDIS are addresses, REDIS may be empty. Begins with the first line on stdin, so that
several begin together.
Prints one JSON line per answer, ``[allowed, remaining]``, as soon as it has it: what a killed
one was granted can be read too.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import date

from cfx_flow.clock import SystemClock
from cfx_flow.limits.open import open_limits

DAY = date(2026, 3, 1)
CONCURRENT = 8


async def hammer(store_url: str, redis_url: str, user_id: str, limit: int, asks: int) -> None:
    left = iter(range(asks))
    async with open_limits(store_url, SystemClock(), redis_url=redis_url or None) as limits:

        async def ask() -> None:
            for _ in left:
                answer = await limits.daily.check_and_increment(user_id, DAY, limit)
                print(json.dumps([answer.allowed, answer.remaining]), flush=True)

        print("ready", flush=True)
        sys.stdin.readline()
        await asyncio.gather(*(ask() for _ in range(CONCURRENT)))


if __name__ == "__main__":
    store_url, redis_url, user_id, limit, asks = sys.argv[1:]
    asyncio.run(hammer(store_url, redis_url, user_id, int(limit), int(asks)))
