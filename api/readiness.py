"""What /readyz finds out: the database at the right revision, each upstream's port open."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from cfx_flow.chores import Chores
from cfx_flow.clock import Clock
from cfx_flow.errors import StoreUnavailable
from cfx_flow.limits import RateLimiter
from cfx_flow.stages.model import Models, Upstream
from cfx_flow.store.engine import Store
from cfx_flow.store.migrate import require_schema
from cfx_flow.workers.queue import FlowQueue

CONNECT_TIMEOUT_S = 2.0
KEEP_S = 1.0
WORKERS = "workers"
CHORES = "chores"
LESS = {WORKERS, CHORES}
"""without a worker flows wait, and chat is served all the same"""
NO_WORKER = "none is connected: flows wait. Start `cfx worker`, or this server with --with-worker"
NOBODY = "00000000-0000-0000-0000-000000000000"


class Readiness(BaseModel):
    status: str
    """``ready``, ``unavailable``, or ``degraded``: no worker, or some upstream out of reach, but not all"""
    checks: dict[str, str]
    """``ok``, or what is wrong in a sentence"""
    error: dict[str, Any] | None = None
    """OpenAI's shape, when not ready"""


@dataclass(frozen=True, slots=True)
class Beside:
    """What not every process has."""

    counters: RateLimiter | None = None
    """where they are not in the database"""
    queue: FlowQueue | None = None
    """where others run the flows"""
    chores: Chores | None = None


NOTHING = Beside()


class ReadinessProbe:
    """One check at a time, its answer kept for a second: the path is open to anyone."""

    def __init__(self, store: Store, models: Models, clock: Clock, beside: Beside = NOTHING) -> None:
        self._store, self._models, self._clock, self._beside = store, models, clock, beside
        self._turn = asyncio.Lock()
        self._last: tuple[float, Readiness] | None = None

    async def check(self) -> Readiness:
        async with self._turn:
            now = self._clock.monotonic()
            if self._last is None or now - self._last[0] > KEEP_S:
                self._last = (now, await self._look())
            return self._last[1]

    async def _look(self) -> Readiness:
        probes: dict[str, Awaitable[str]] = {"database": self._database()}
        if (counters := self._beside.counters) is not None:
            probes["counters"] = _count(counters, self._clock.now().date())
        if (queue := self._beside.queue) is not None:
            probes[WORKERS] = _count_workers(queue)
        for upstream in self._models.upstreams.values():
            probes[f"upstream {upstream.name}"] = _reach(upstream)
        checks = dict(zip(probes, await asyncio.gather(*probes.values()), strict=True))
        if (chores := self._beside.chores) is not None and (broken := chores.broken()):
            checks[CHORES] = "; ".join(f"{name} {trouble}" for name, trouble in broken.items())
        if all(found == "ok" for found in checks.values()):
            return Readiness(status="ready", checks=checks)
        wrong = [f"{name}: {found}" for name, found in checks.items() if found != "ok" and name not in LESS]
        if checks["database"] == "ok" and len(wrong) < len(self._models.upstreams):
            return Readiness(status="degraded", checks=checks)
        error = StoreUnavailable("; ".join(wrong), code="not_ready").to_body()["error"]
        return Readiness(status="unavailable", checks=checks, error=error)

    async def _database(self) -> str:
        try:
            await require_schema(self._store)
        except StoreUnavailable as error:
            return error.message
        return "ok"


async def _count(counters: RateLimiter, day: date) -> str:
    try:
        await counters.peek(NOBODY, day, 1)
    except StoreUnavailable as error:
        return error.message
    return "ok"


async def _count_workers(queue: FlowQueue) -> str:
    try:
        return "ok" if await queue.workers() else NO_WORKER
    except StoreUnavailable as error:
        return error.message


async def _reach(upstream: Upstream) -> str:
    """A TCP connection is enough: asking for a completion would cost money, and /models needs a key."""
    parts = urlsplit(upstream.base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except TimeoutError:
        return f"no answer within {CONNECT_TIMEOUT_S:g} s"
    except OSError:
        return "nothing listens there"
    writer.close()
    return "ok"
