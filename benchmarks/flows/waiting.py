"""What flows that wait take: a thousand in one process, for a person and for a slow model."""

from __future__ import annotations

import asyncio
import resource
from collections import Counter
from pathlib import Path

from benchmarks.flows.answers import Answering
from benchmarks.flows.engine import Engine, open_flows
from benchmarks.flows.provider import provider

FLOWS = 1_000
SLOW_S = 3_600


async def measure() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    async with open_flows(Answering()) as engine:
        ended = Counter([await engine.run(approval="plan") for _ in range(FLOWS)])
        _print("a person", dict(ended))
    async with provider(SLOW_S) as upstream, open_flows(upstream=upstream) as engine:
        running = [asyncio.create_task(engine.run()) for _ in range(FLOWS)]
        in_call = await _all_in_their_first_call(engine)
        _print("a slow model", {"in a call": in_call})
        for task in running:
            task.cancel()
        await asyncio.wait(running)
    print("  must     <= 300 MB")


async def _all_in_their_first_call(engine: Engine) -> int:
    """At most two minutes."""
    count = "SELECT count(*) FROM effects"
    for _ in range(240):
        async with engine.store.read() as connection:
            found = int((await connection.exec_driver_sql(count)).scalar_one())
        if found == FLOWS:
            await asyncio.sleep(1)  # until the last of them has its connection
            break
        await asyncio.sleep(0.5)
    return found


def _print(what: str, flows: dict[str, int]) -> None:
    print(f"waiting for {what:<14}{_resident_mb():>6.0f} MB with {flows}")


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
