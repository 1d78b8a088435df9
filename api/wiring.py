"""The only place that constructs things. What is opened here is closed here, in reverse order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

import structlog

from api.late_graph import LateGraph
from api.readiness import Beside, ReadinessProbe
from cfx_flow.accounts import Accounts, load_pepper
from cfx_flow.accounts.daily_limits import DailyLimits
from cfx_flow.accounts.key_watch import KeyWatch
from cfx_flow.accounts.open import open_doors
from cfx_flow.accounts.own_keys import OwnKeys
from cfx_flow.accounts.users import Users
from cfx_flow.chores import Chores
from cfx_flow.clock import Clock, SystemClock
from cfx_flow.contract.load import load_policy
from cfx_flow.contract.policy import Policy
from cfx_flow.errors import StoreUnavailable
from cfx_flow.flows.day import DayOfCalls
from cfx_flow.flows.disabled import LOOK_EVERY_S as LOOK_FOR_DISABLED_EVERY_S
from cfx_flow.flows.disabled import DisabledOwners
from cfx_flow.flows.dispatch import Dispatcher, InProcessDispatcher, QueueDispatcher
from cfx_flow.flows.feed import LOOK_EVERY_S as LOOK_FOR_EVENTS_EVERY_S
from cfx_flow.flows.feed import Feed, Watch
from cfx_flow.flows.readers import Readers
from cfx_flow.flows.runner import FlowRunner
from cfx_flow.flows.store import FlowStore
from cfx_flow.ledger import Budgets, Meter, RequestLog
from cfx_flow.ledger.open import open_ledger
from cfx_flow.limits import RateLimiter, StreamSlots
from cfx_flow.limits.open import Limits, open_limits
from cfx_flow.limits.resends import Resends
from cfx_flow.prompts import Prompts
from cfx_flow.retention.prune import FIRST_AFTER_S, Pruner
from cfx_flow.retention.rules import rules_of
from cfx_flow.settings import Settings
from cfx_flow.stages.catalogue import model_names
from cfx_flow.stages.check import load_config
from cfx_flow.stages.load import require_upstreams
from cfx_flow.stages.model import Models
from cfx_flow.store.address import libpq_address
from cfx_flow.store.engine import Store, open_store
from cfx_flow.store.login import LOOK_EVERY_S as LOOK_AT_LOGIN_EVERY_S
from cfx_flow.store.login import warn_of_login
from cfx_flow.suites.load import load_suites
from cfx_flow.suites.model import Suites
from cfx_flow.suites.runs import SuiteRuns
from cfx_flow.upstream.breaker import Breakers
from cfx_flow.upstream.client import UpstreamClient
from cfx_flow.webhooks.open import Webhooks, open_webhooks
from cfx_flow.workers.queue import FlowQueue
from cfx_flow.workspace.sandbox.find import find_sandbox
from cfx_flow.workspace.store import SnapshotStore

if TYPE_CHECKING:
    from cfx_flow.accounts.signed_in import SignedIn
    from cfx_flow.workers.worker import FlowWorker

T = TypeVar("T")
log = structlog.get_logger(__name__)

STORE_PAUSE_S = 5.0
LOOK_FOR_LOST_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    clock: Clock
    models: Models
    prompts: Prompts
    policy: Policy
    suites: SuiteRuns
    store: Store
    accounts: Accounts
    signed_in: SignedIn | None
    own_keys: OwnKeys
    users: Users
    key_watch: KeyWatch[str]
    reader_watch: KeyWatch[str]
    limiter: RateLimiter
    day: DayOfCalls
    budgets: Budgets
    slots: StreamSlots
    readers: Readers
    resends: Resends
    request_log: RequestLog
    meter: Meter
    breakers: Breakers
    upstream: UpstreamClient
    snapshots: SnapshotStore
    flows: FlowStore
    webhooks: Webhooks
    dispatcher: Dispatcher
    disabled_owners: DisabledOwners
    worker: FlowWorker | None
    graph: LateGraph
    chores: Chores
    readiness: ReadinessProbe

    @property
    def runs_flows(self) -> bool:
        """On SQLite always; on Postgres where a worker was asked for."""
        return self.worker is not None or self.store.dialect == "sqlite"

    @property
    def streams_running(self) -> int:
        """Of chat, in this process: each keeps its key under watch."""
        return self.key_watch.running


@asynccontextmanager
async def open_services(
    settings: Settings, environ: Mapping[str, str], *, drain_s: float = 5.0
) -> AsyncIterator[Services]:
    """Expects a migrated database. Raises ConfigError before anything is opened.

    Flows wait until ``start_flows`` has brought the graph. ``drain_s``: how long they may take to stop."""
    models, prompts = load_config(settings, environ)
    policy, suites = load_policy(settings.policy_file), load_suites(settings.test_policies_file)
    require_upstreams(models)
    clock = SystemClock()
    async with AsyncExitStack() as closing:
        store = await open_store(settings.store_url, session=_session(settings))
        closing.push_async_callback(store.close)
        pepper = load_pepper(settings)
        limits = await closing.enter_async_context(_open_limits(settings, clock))
        meter = Meter(model_names(models))
        ledger = await closing.enter_async_context(open_ledger(store, clock, meter))
        doors = await closing.enter_async_context(open_doors(settings, store, pepper, clock, ledger.budgets))
        upstream = UpstreamClient()
        await upstream.open()
        closing.push_async_callback(upstream.close)
        webhooks = await closing.enter_async_context(open_webhooks(settings, store, pepper, clock))
        graph = LateGraph()
        parts = _flows_of(settings, store, clock, graph, drain_s)
        chores = await closing.enter_async_context(_tended(settings, store, clock, parts))
        counted_on_redis = limits.daily if settings.redis_url else None
        yield Services(
            settings=settings,
            clock=clock,
            models=models,
            prompts=prompts,
            policy=policy,
            suites=_suite_runs(settings, suites),
            store=store,
            accounts=doors.accounts,
            signed_in=doors.signed_in,
            own_keys=doors.own_keys,
            users=doors.users,
            key_watch=doors.key_watch,
            reader_watch=doors.reader_watch,
            limiter=limits.daily,
            day=DayOfCalls(store, DailyLimits(store, settings.daily_limit), clock, counted_on_redis),
            budgets=ledger.budgets,
            slots=limits.slots,
            readers=Readers(limits.slots),
            resends=Resends(clock),
            request_log=ledger.request_log,
            meter=meter,
            breakers=Breakers(clock),
            upstream=upstream,
            snapshots=SnapshotStore(store, clock),
            flows=parts.flows,
            webhooks=webhooks,
            dispatcher=parts.dispatcher,
            disabled_owners=DisabledOwners(parts.flows, parts.dispatcher),
            worker=parts.worker,
            graph=graph,
            chores=chores,
            readiness=ReadinessProbe(store, models, clock, Beside(counted_on_redis, parts.queue, chores)),
        )


@dataclass(frozen=True, slots=True)
class _Flows:
    flows: FlowStore
    dispatcher: Dispatcher
    worker: FlowWorker | None = None
    queue: FlowQueue | None = None


def _flows_of(settings: Settings, store: Store, clock: Clock, graph: LateGraph, drain_s: float) -> _Flows:
    """On SQLite they run here; on Postgres in workers, of which this process may be one."""
    per_user, at_once = settings.running_flows_per_user, settings.running_flows
    if store.dialect == "sqlite":
        flows = FlowStore(store, clock, Feed())
        runner = FlowRunner(flows, graph, clock, settings.flow_retakes)
        return _Flows(
            flows, InProcessDispatcher(flows, runner, per_user=per_user, in_all=at_once, drain_s=drain_s)
        )
    queue = FlowQueue(store, per_user)
    flows = FlowStore(store, clock, Feed(), queue.submit)
    worker = None
    if settings.with_worker:
        from cfx_flow.workers.worker import FlowWorker  # procrastinate: 0.2 s and memory, for workers alone

        runner = FlowRunner(flows, graph, clock, settings.flow_retakes)
        address = libpq_address(settings.store_url)
        worker = FlowWorker(address, queue, runner, at_once=at_once, drain_s=drain_s)
    return _Flows(flows, QueueDispatcher(queue, flows.feed, worker), worker, queue)


@asynccontextmanager
async def _tended(settings: Settings, store: Store, clock: Clock, parts: _Flows) -> AsyncIterator[Chores]:
    """Meanwhile readers hear of what other processes write, and flows of disabled accounts are stopped,
    and what is old goes; and a flow whose task has ended by an error of ours is not left lying."""
    chores, every_s = Chores(), settings.prune_every_s
    disabled_owners = DisabledOwners(parts.flows, parts.dispatcher)
    if store.dialect == "postgresql":
        chores.begin("login", partial(warn_of_login, store), every_s=LOOK_AT_LOGIN_EVERY_S, first_s=0)
    chores.begin("disabled accounts", disabled_owners.look, every_s=LOOK_FOR_DISABLED_EVERY_S)
    if every_s:
        pruner = Pruner(store, clock, rules_of(settings))
        chores.begin("pruning", pruner.run_and_tell, every_s=every_s, first_s=min(FIRST_AFTER_S, every_s))
    if parts.queue is None:  # else workers look for them
        chores.begin("flows that nobody runs", parts.dispatcher.recover, every_s=LOOK_FOR_LOST_EVERY_S)
    else:
        watch = Watch(parts.flows.feed, parts.flows.last_seqs)
        chores.begin("events of other processes", watch.look, every_s=LOOK_FOR_EVENTS_EVERY_S)
    try:
        yield chores
    finally:
        await chores.close()
        await parts.dispatcher.close()


def _session(settings: Settings) -> Mapping[str, str]:
    """A worker that is frozen in the middle of a transaction must not hold its rows for ever. Nobody but a
    worker may be sure that no pooler is in between, which takes no settings."""
    return {"idle_in_transaction_session_timeout": "20s"} if settings.with_worker else {}


def _suite_runs(settings: Settings, suites: Suites) -> SuiteRuns:
    find = partial(find_sandbox, settings.sandbox, image=settings.sandbox_image)
    return SuiteRuns(suites, find, settings.tests_at_once)


async def import_graph() -> ModuleType:
    """In a thread, so that chat is answered meanwhile: langgraph takes longer than all the rest."""
    return await asyncio.to_thread(import_module, "graphs.runtime")


def _open_limits(settings: Settings, clock: Clock) -> AbstractAsyncContextManager[Limits]:
    redis_url = settings.redis_url.get_secret_value() if settings.redis_url else None
    return open_limits(settings.store_url, clock, redis_url=redis_url)


async def start_flows(services: Services) -> None:
    """Brings the graph where flows run, then takes up unfinished ones. Raises ConfigError for a database
    that no worker can work with."""
    if services.runs_flows:
        runtime = await import_graph()
        services.graph.arrive(runtime.open_graph(services))
    await _once_the_store_answers(services.dispatcher.recover)
    if services.worker is not None:
        await _once_the_store_answers(services.worker.start)


async def _once_the_store_answers(work: Callable[[], Awaitable[T]]) -> T:
    """A Postgres may start, or be migrated, after us; /readyz says meanwhile what is missing."""
    pause_s = 0.5
    while True:
        try:
            return await work()
        except StoreUnavailable as error:
            log.warning("flows.wait_for_store", reason=error.message)
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, STORE_PAUSE_S)
