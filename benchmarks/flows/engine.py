"""Flows without a server: rows, runner and graph, on a SQLite file of their own."""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from api.wiring import Services, open_services
from cfx_flow.accounts.daily_limits import DailyLimits
from cfx_flow.accounts.principal import Principal
from cfx_flow.flows.day import DayOfCalls
from cfx_flow.flows.feed import Feed
from cfx_flow.flows.model import Budget, FlowOptions
from cfx_flow.flows.runner import Drain, FlowRunner
from cfx_flow.flows.store import FlowStore
from cfx_flow.flows.submit import Origin, new_flow
from cfx_flow.settings import Settings
from cfx_flow.store.engine import Store, open_store
from cfx_flow.store.migrate import migrate
from cfx_flow.store.sqlite_jobs import FULL
from cfx_flow.workspace.opened import OpenSnapshots
from cfx_flow.workspace.snapshot import from_files
from cfx_flow.workspace.store import SnapshotStore
from graphs.ask import Asker
from graphs.call import Asks, Tools
from graphs.runtime import LangGraphFlows
from tests.support.flows import FILES

DAY = 10**9
OPTIONS = FlowOptions(max_rounds=3, max_fixes=2, budget=Budget(Decimal(1000), DAY, DAY))


@dataclass(frozen=True)
class Measured:
    ms: float
    """wall time for each flow"""
    cpu_ms: float
    per_s: float
    took_ms: float
    """the mean from a flow's beginning to its end, others running beside it"""
    outcomes: Counter[str]


class Engine:
    def __init__(
        self, services: Services, store: Store, asker: Asks, folder: Path, files: Mapping[str, str]
    ) -> None:
        tools = Tools(
            models=services.models,
            prompts=services.prompts,
            suites=services.suites,
            policy=services.policy,
            asker=asker,
            day=DayOfCalls(store, DailyLimits(store, DAY), services.clock),
            request_log=services.request_log,
            budgets=services.budgets,
            clock=services.clock,
        )
        self.services, self.store, self.folder = services, store, folder
        self.flows = FlowStore(store, services.clock, Feed())
        self._snapshots = SnapshotStore(store, services.clock)
        open_snapshots = OpenSnapshots(self._snapshots, services.settings.open_snapshots_mb * 2**20)
        self._runner = FlowRunner(
            self.flows, LangGraphFlows(tools, open_snapshots, self.flows), services.clock
        )
        self.user: Principal
        self.key: str
        self._files = from_files(files)

    async def prepare(self) -> None:
        """Its user has an account: flows of others are stopped."""
        accounts = self.services.accounts
        self.key = (await accounts.create_key("bench")).key
        self.user = await accounts.authenticate(self.key)
        await self._snapshots.put(self.user.user_id, self._files)

    async def measure(self, flows: int, at_once: int) -> Measured:
        places, took = asyncio.Semaphore(at_once), 0.0

        async def one() -> str:
            nonlocal took
            async with places:
                began = time.perf_counter()
                flow_id = await self._carry()
                took += time.perf_counter() - began
                return flow_id

        cpu, began = time.process_time(), time.perf_counter()
        ran = await asyncio.gather(*(one() for _ in range(flows)))
        all_, used = time.perf_counter() - began, time.process_time() - cpu
        outcomes = Counter([await self._status(flow_id) for flow_id in ran])
        each = 1000 / flows
        return Measured(all_ * each, used * each, flows / all_, took * each, outcomes)

    async def run(self, approval: str = "auto") -> str:
        """One flow, to its end or to a gate; its status then."""
        return await self._status(await self._carry(approval))

    async def _status(self, flow_id: str) -> str:
        return (await self.flows.get(self.user.user_id, flow_id)).status.value

    async def _carry(self, approval: str = "auto") -> str:
        """Returns when it has ended or waits."""
        origin = Origin(self.user, str(uuid.uuid4()), self.services.clock.now())
        options = replace(OPTIONS, approval=approval)
        flow = new_flow(f"Greet {uuid.uuid4()}", self._files.id, options, origin)
        await self.flows.create(flow)
        await self._runner.run(flow.id, Drain())
        return flow.id


@asynccontextmanager
async def open_flows(
    asker: Asks | None = None,
    *,
    synchronous: str = FULL,
    upstream: str = "http://127.0.0.1:9/v1",
    files: Mapping[str, str] = FILES,
) -> AsyncIterator[Engine]:
    """``asker`` None: ChatOpenAI, which asks ``upstream``."""
    async with AsyncExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="cfx-bench-")))
        url = f"sqlite:///{folder / 'cfx.db'}"
        await asyncio.to_thread(migrate, url)
        environ = {
            "CFX_DATA_DIR": str(folder),
            "CFX_DATABASE_URL": url,
            "CFX_LITELLM_URL": upstream,
            "CFX_HASH_SALT": "of the benchmark",
        }
        services = await closing.enter_async_context(open_services(Settings.load(environ), environ))
        await services.dispatcher.close()  # it would take over, after a while, what is run here
        store = await open_store(url, synchronous=synchronous)
        closing.push_async_callback(store.close)
        asker = asker or Asker(services.breakers, services.upstream)
        engine = Engine(services, store, asker, folder, files)
        await engine.prepare()
        yield engine
