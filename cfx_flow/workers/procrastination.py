"""procrastinate, made to outlive what its database does: by default its worker ends when a query fails.

**Source**: procrastinate 3.10 ``worker.py`` (a side task or a fetch that raises stops the worker),
``psycopg_connector.py``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import psycopg
import structlog
from procrastinate import App, PsycopgConnector, exceptions
from procrastinate.connector import Notify
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager

AGAIN_S = 0.3

log = structlog.stdlib.get_logger(__name__)

T = TypeVar("T")
Handler = Callable[[str], Awaitable[None]]


def open_app(conninfo: str, tasks: dict[str, Handler], is_over: Callable[[], bool]) -> App:
    """``tasks``: what to do with a flow's id, by the job's name. After ``is_over`` nothing is waited for."""
    logging.getLogger("procrastinate").setLevel(logging.WARNING)  # each job is told by what it does
    connector = _PatientConnector(
        is_over,
        conninfo=conninfo,
        min_size=1,
        max_size=4,
        kwargs={"prepare_threshold": None},
        configure=_act_as_service,
    )
    app = App(connector=connector)
    app.job_manager = _Jobs(connector)
    for name, handle in tasks.items():
        app.task(name=name)(_task(handle))
    return app


async def _act_as_service(connection: psycopg.AsyncConnection[Any]) -> None:
    """For the session, which is its own: workers speak to no transaction pooler."""
    await connection.execute("SET ROLE service_role")
    await connection.commit()


def _task(handle: Handler) -> Callable[..., Awaitable[None]]:
    async def run(*, flow_id: str) -> None:
        await handle(flow_id)

    return run


class _Jobs(JobManager):
    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """A job that was taken from us, because we seemed dead, is not ours to finish."""
        try:
            await super().finish_job(job, status, delete_job)
        except exceptions.ConnectorException as error:
            if not isinstance(error.__cause__, psycopg.errors.RaiseException):
                raise
            log.warning("job_was_taken_over", job_id=job.id, flow_id=job.lock)


_IT_PASSES = (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction)
"""no answer, no space, a server that starts, or one that is a replica for now"""


class _PatientConnector(PsycopgConnector):
    """Asks again until the database answers."""

    def __init__(self, is_over: Callable[[], bool], **options: Any) -> None:
        super().__init__(**options)
        self._is_over = is_over

    async def execute_query_async(self, query: Any, **arguments: Any) -> None:
        ask = super().execute_query_async
        await self._patiently(lambda: ask(query, **arguments))

    async def execute_query_one_async(self, query: Any, **arguments: Any) -> dict[str, Any]:
        ask = super().execute_query_one_async
        return await self._patiently(lambda: ask(query, **arguments))

    async def execute_query_all_async(self, query: Any, **arguments: Any) -> list[dict[str, Any]]:
        ask = super().execute_query_all_async
        return await self._patiently(lambda: ask(query, **arguments))

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        listen, channels = super().listen_notify, tuple(channels)
        await self._patiently(lambda: listen(on_notification, channels))

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await work()
            except exceptions.ConnectorException as error:
                if self._is_over() or not isinstance(error.__cause__, _IT_PASSES):
                    raise
                log.warning("queue_does_not_answer", error=str(error.__cause__).strip())
            await asyncio.sleep(AGAIN_S)
