"""Runs the flows of a Postgres: many at once in one process, beside other processes that do the same."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import structlog
from procrastinate.exceptions import ConnectorException

from cfx_flow.errors import StoreUnavailable
from cfx_flow.flows.runner import Drain, FlowRunner
from cfx_flow.store.trouble import NO_ANSWER
from cfx_flow.workers.locks import FlowLocks
from cfx_flow.workers.procrastination import open_app
from cfx_flow.workers.queue import QUEUE, RUN, FlowQueue
from cfx_flow.workers.reaper import Reaper
from cfx_flow.workers.sessions import require_sessions

FETCH_EVERY_S = 0.5
"""a job that waits for another of its flow to be finished rings no bell, and one that comes while
procrastinate looks for jobs rings in vain"""
STOP_S = 5.0
"""for what is left to do after the last flow has stopped"""

log = structlog.stdlib.get_logger(__name__)


class FlowWorker:
    """A flow is run by whoever holds its lock; its job is only how it came here."""

    def __init__(
        self, conninfo: str, queue: FlowQueue, runner: FlowRunner, *, at_once: int, drain_s: float
    ) -> None:
        self._conninfo, self._queue, self._runner = conninfo, queue, runner
        self._at_once, self._drain_s = at_once, drain_s
        self._drain = Drain()
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._locks = FlowLocks(conninfo, self.stop)
        self._reaper = Reaper(queue, lambda: tuple(self._runs), self.stop)
        self._broken = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._opened = AsyncExitStack()

    async def start(self) -> None:
        """Raises ConfigError behind a transaction pooler, StoreUnavailable."""
        await require_sessions(self._conninfo)
        app = open_app(self._conninfo, {RUN: self._run}, self._drain.requested.is_set)
        async with AsyncExitStack() as opening:
            opening.push_async_callback(app.close_async)
            try:
                await app.open_async()
            except psycopg.OperationalError as error:
                raise StoreUnavailable(NO_ANSWER) from error
            self._opened = opening.pop_all()
        self._app = app
        keeping = self._begin(self._locks.keep())
        self._tasks = [keeping]
        await self._locks.until_up()
        # In the order in which they are stopped: locks last.
        self._tasks = [self._begin(self._work()), self._begin(self._reaper.work()), keeping]
        log.info("worker.started", flows_at_once=self._at_once)

    async def until_broken(self) -> None:
        """Raises RuntimeError when a part of it has ended by itself: then it can run no more flows."""
        await self._broken.wait()
        raise RuntimeError("a part of the worker has ended; its log says why")

    def running(self) -> int:
        return len(self._runs)

    def stop(self, flow_id: str) -> None:
        """In the middle of whatever it does: it was cancelled, or another worker has it."""
        if (run := self._runs.get(flow_id)) is not None:
            run.cancel()

    def hurry(self) -> None:
        """What has not stopped yet is stopped in the middle."""
        for flow_id in tuple(self._runs):
            self.stop(flow_id)

    async def close(self) -> None:
        """Flows stop at a resumable point, and other workers go on with them. What has not stopped after
        ``drain_s`` is stopped in the middle."""
        self._drain.requested.set()
        tasks, self._tasks = self._tasks, []
        for task, patience_s in zip(tasks, (self._drain_s + STOP_S, STOP_S, STOP_S), strict=False):
            task.cancel()
            await asyncio.wait([task], timeout=patience_s)
        await self._opened.aclose()
        if tasks:
            log.info("worker.stopped")

    async def _work(self) -> None:
        while not self._drain.requested.is_set():
            try:
                await self._app.run_worker_async(
                    queues=[QUEUE],
                    concurrency=self._at_once,
                    fetch_job_polling_interval=FETCH_EVERY_S,
                    shutdown_graceful_timeout=self._drain_s,
                    delete_jobs="always",
                    install_signal_handlers=False,
                )
            except ConnectorException:
                # Among others: frozen for so long that another worker struck us off its list.
                log.warning("worker_starts_anew", exc_info=True)
                await asyncio.sleep(FETCH_EVERY_S)

    async def _run(self, flow_id: str) -> None:
        if not await self._locks.take(flow_id):
            log.info("flow_runs_elsewhere", flow_id=flow_id)
            return
        run = asyncio.create_task(self._runner.run(flow_id, self._drain), name=f"flow {flow_id}")
        self._runs[flow_id] = run
        try:
            await asyncio.wait([run])
        finally:  # also when the drain has taken too long
            run.cancel()
            await asyncio.wait([run])
            del self._runs[flow_id]
            await self._locks.release(flow_id)
        if not run.cancelled() and (error := run.exception()) is not None:
            log.error("flow_task_died", flow_id=flow_id, exc_info=error)

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("worker_broke", exc_info=error)
            self._broken.set()
