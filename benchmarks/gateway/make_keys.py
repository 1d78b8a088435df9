"""Users with a key each, made by the checkout whose interpreter runs this: ``make_keys.py COUNT``.

A person may have two streams at once, so the load has to come from many; `cfx keys create` would take
half a second for each.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from cfx_flow.accounts import Accounts, load_pepper
from cfx_flow.clock import SystemClock
from cfx_flow.settings import Settings
from cfx_flow.store.engine import open_store


async def make(count: int) -> list[str]:
    settings = Settings.load(os.environ)
    store = await open_store(settings.store_url)
    accounts = Accounts(store, load_pepper(settings), SystemClock(), settings.daily_limit)
    try:
        made = [await accounts.create_key(f"bench-{number}") for number in range(count)]
        return [str(new.key) for new in made]
    finally:
        await accounts.close()
        await store.close()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(make(int(sys.argv[1])))))
