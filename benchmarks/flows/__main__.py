"""``python -m benchmarks.flows``: what the engine itself costs a flow, on SQLite, with both ``synchronous``.

A flow is plan + 3 × code, check and review, durable after each step, with journal, checkpoints, events,
daily counter and request log; the models are answered in process. The loop and the garbage collector are the
server's. Option: ``--flows N`` for each row.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import statistics
import tempfile
import time
import uuid
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import structlog
import uvloop

from api.wiring import Services, open_services
from benchmarks.flows.answers import Answering
from cfx_flow.accounts.principal import Principal
from cfx_flow.collector import keep_what_was_imported
from cfx_flow.flows.feed import Feed
from cfx_flow.flows.model import Budget, FlowOptions
from cfx_flow.flows.runner import Drain, FlowRunner
from cfx_flow.flows.store import FlowStore
from cfx_flow.flows.submit import Origin, new_flow
from cfx_flow.settings import Settings
from cfx_flow.store.engine import open_store
from cfx_flow.store.migrate import migrate
from cfx_flow.workspace.snapshot import from_files
from cfx_flow.workspace.store import SnapshotStore
from graphs.call import Tools
from graphs.runtime import LangGraphFlows
from tests.support.flows import FILES

DAY = 10**9
WAITS_FOR_DISK = 30
OPTIONS = FlowOptions(max_rounds=3, max_fixes=2, budget=Budget(Decimal(1000), DAY, DAY), daily_limit=DAY)


@dataclass(frozen=True)
class Measured:
    ms: float
    """wall time for each flow"""
    cpu_ms: float
    per_s: float
    outcomes: Counter[str]


class Engine:
    """Flows without a server: rows, runner and graph."""

    def __init__(self, services: Services, flows: FlowStore, snapshots: SnapshotStore) -> None:
        tools = Tools(
            models=services.models,
            prompts=services.prompts,
            policy=services.policy,
            asker=Answering(),
            limiter=services.limiter,
            request_log=services.request_log,
            budgets=services.budgets,
            clock=services.clock,
        )
        self._flows, self._snapshots, self._clock = flows, snapshots, services.clock
        self._runner = FlowRunner(flows, LangGraphFlows(tools, snapshots, flows), services.clock)
        self._user = Principal(str(uuid.uuid4()), "bench", "user", str(uuid.uuid4()), DAY)
        self._files = from_files(FILES)

    async def prepare(self) -> None:
        await self._snapshots.put(self._user.user_id, self._files)
        await self._run()

    async def measure(self, flows: int, at_once: int) -> Measured:
        places, outcomes = asyncio.Semaphore(at_once), Counter[str]()

        async def one() -> None:
            async with places:
                outcomes[await self._run()] += 1

        cpu, began = time.process_time(), time.perf_counter()
        await asyncio.gather(*(one() for _ in range(flows)))
        took, used = time.perf_counter() - began, time.process_time() - cpu
        return Measured(took / flows * 1000, used / flows * 1000, flows / took, outcomes)

    async def _run(self) -> str:
        origin = Origin(self._user, str(uuid.uuid4()), self._clock.now())
        flow = new_flow(f"Greet {uuid.uuid4()}", self._files.id, OPTIONS, origin)
        await self._flows.create(flow)
        await self._runner.run(flow.id, Drain())
        return (await self._flows.get(flow.user_id, flow.id)).status.value


async def measure(synchronous: str, flows: int) -> None:
    async with AsyncExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="cfx-bench-")))
        url = f"sqlite:///{folder / 'cfx.db'}"
        await asyncio.to_thread(migrate, url)
        environ = {
            "CFX_DATA_DIR": str(folder),
            "CFX_DATABASE_URL": url,
            "CFX_LITELLM_URL": "http://127.0.0.1:9/v1",
            "CFX_HASH_SALT": "of the benchmark",
        }
        services = await closing.enter_async_context(open_services(Settings.load(environ), environ))
        store = await open_store(url, synchronous=synchronous)
        closing.push_async_callback(store.close)
        flow_store = FlowStore(store, services.clock, Feed())
        engine = Engine(services, flow_store, SnapshotStore(store, services.clock))
        await engine.prepare()
        for at_once in (1, 16):
            got = await engine.measure(flows, at_once)
            print(
                f"{synchronous:<10}{at_once:>4} at once{got.ms:>10.1f} ms{got.cpu_ms:>10.1f} ms CPU"
                f"{got.per_s:>8.0f} flows/s   {dict(got.outcomes)}"
            )
        print(_must(synchronous, folder))


def _must(synchronous: str, folder: Path) -> str:
    """Of issue 4, for a flow alone and for 16 at once; the disk's share is measured here and now."""
    if synchronous == "NORMAL":
        return "  must     <= 6 ms (aim 3.5), >= 160 flows/s at 16 (aim 300)"
    fsync_ms = _fsync_ms(folder / "fsync")
    must_ms = 3 + WAITS_FOR_DISK * fsync_ms
    return (
        f"  must     <= {must_ms:.1f} ms (3 ms and {WAITS_FOR_DISK} fsyncs of {fsync_ms:.2f} ms; aim 7 ms), "
        ">= 160 flows/s at 16 (aim 280)"
    )


def _fsync_ms(file: Path) -> float:
    """The median of what a commit waits for: a page at the end of a file, and its way to the disk."""
    took = []
    with file.open("wb", buffering=0) as log:
        for _ in range(50):
            log.write(bytes(4096))
            began = time.perf_counter()
            os.fsync(log.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flows")
    parser.add_argument("--flows", type=int, default=100)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    keep_what_was_imported()
    for synchronous in ("NORMAL", "FULL"):
        uvloop.run(measure(synchronous, options.flows))


if __name__ == "__main__":
    main()
