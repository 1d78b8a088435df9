"""Who runs a flow, as Postgres knows it: session locks, which end with the process, however it ends.

One connection holds all locks of a worker. It speaks several times a second: so its loss is noticed at
once, and a worker that is frozen shows by its silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, LiteralString

import psycopg
import structlog

from cfx_flow.workers.queue import LOCKS, WORKER_SESSION

SPEAK_EVERY_S = 0.25
CONNECT_AGAIN_S = 0.2
_CONNECT: dict[str, Any] = {
    "connect_timeout": 5,
    "application_name": WORKER_SESSION,
    "autocommit": True,
    "prepare_threshold": None,
    # A machine that is gone says no goodbye. Postgres finds out within 15 s, and so do we.
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
    "options": "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=2"
    " -c tcp_user_timeout=15000",
}
_TAKE: LiteralString = "SELECT pg_try_advisory_lock(hashtextextended(%s, %s))"
_RELEASE: LiteralString = "SELECT pg_advisory_unlock(hashtextextended(%s, %s))"

log = structlog.stdlib.get_logger(__name__)


class FlowLocks:
    def __init__(self, conninfo: str, on_loss: Callable[[str], None]) -> None:
        """``on_loss`` is told the id of a flow whose lock was lost with the connection, and is another's
        now."""
        self._conninfo, self._on_loss = conninfo, on_loss
        self._held: set[str] = set()
        self._taking: set[str] = set()
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._is_up = asyncio.Event()

    async def keep(self) -> None:
        """Until it is cancelled: holds the connection, and when it is lost, takes all locks again."""
        try:
            while True:
                try:
                    await self._connect()
                    await self._speak()
                except psycopg.OperationalError as error:
                    log.warning("worker_session_lost", error=str(error).strip())
                await self._close()
                await asyncio.sleep(CONNECT_AGAIN_S)
        finally:
            await self._close()

    async def until_up(self) -> None:
        await self._is_up.wait()

    async def take(self, flow_id: str) -> bool:
        """False: somebody holds it, here or elsewhere. Waits while Postgres does not answer."""
        if flow_id in self._held | self._taking:
            return False  # a session is given its own locks as often as it asks
        self._taking.add(flow_id)
        try:
            return await self._take(flow_id)
        finally:
            self._taking.discard(flow_id)

    async def _take(self, flow_id: str) -> bool:
        while True:
            await self._is_up.wait()
            try:
                taken = await self._ask(_TAKE, flow_id)
            except psycopg.OperationalError:
                await asyncio.sleep(CONNECT_AGAIN_S)
                continue
            if taken:
                self._held.add(flow_id)
            return taken

    async def release(self, flow_id: str) -> None:
        self._held.discard(flow_id)
        try:
            if self._connection is not None:
                await self._ask(_RELEASE, flow_id)
        except psycopg.OperationalError:
            pass  # with the session the lock is gone

    async def _connect(self) -> None:
        self._connection = await psycopg.AsyncConnection.connect(self._conninfo, **_CONNECT)
        for flow_id in tuple(self._held):
            if not await self._ask(_TAKE, flow_id):
                self._held.discard(flow_id)
                self._on_loss(flow_id)
        self._is_up.set()

    async def _speak(self) -> None:
        while True:
            await asyncio.sleep(SPEAK_EVERY_S)
            await self._execute("SELECT 1")

    async def _ask(self, question: LiteralString, flow_id: str) -> bool:
        return bool(await self._execute(question, (flow_id, LOCKS)))

    async def _execute(self, statement: LiteralString, values: tuple[object, ...] | None = None) -> object:
        if self._connection is None:
            raise psycopg.OperationalError("not connected")
        cursor = await self._connection.execute(statement, values)
        row = await cursor.fetchone()
        return row[0] if row else None

    async def _close(self) -> None:
        self._is_up.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
