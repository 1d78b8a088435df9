"""A process that runs flows and serves nobody; where a port is given, it says how it does."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
import uvicorn
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from api.middleware.entry import Entry
from api.probes import Probes
from api.protocol import served_by_us
from api.wiring import Services, start_flows
from cfx_flow.errors import NotFound

PORT_GRACE_S = 2
"""for who reads at the probes' port when it closes; the flows have had their own time by then"""

log = structlog.stdlib.get_logger(__name__)


async def run_worker(
    services: Services, listener: socket.socket | None, announce: Callable[[], None]
) -> None:
    """Until SIGTERM or SIGINT, then until its flows have stopped at a resumable point; the second signal
    stops them where they are. ``announce`` is called once flows may come. Raises ConfigError."""
    async with _stop_signals(services) as stop, _door(services, listener):
        working = asyncio.ensure_future(_work(services, announce))
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            working.cancel()
            stopping.cancel()
        if working.done():
            await working  # it has ended by itself: it raises
        await services.dispatcher.close()


async def _work(services: Services, announce: Callable[[], None]) -> None:
    await start_flows(services)
    announce()
    if services.worker is not None:
        await services.worker.until_broken()


@asynccontextmanager
async def _stop_signals(services: Services) -> AsyncIterator[asyncio.Event]:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def asked() -> None:
        if stop.is_set():
            services.dispatcher.hurry()
        stop.set()

    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, asked)
    try:
        yield stop
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


@asynccontextmanager
async def _door(services: Services, listener: socket.socket | None) -> AsyncIterator[None]:
    """``/healthz``, ``/readyz`` and ``/metrics``, as the server has them."""
    if listener is None:
        yield
        return
    app = Entry(_Paths(services), clock=services.clock, meter=services.meter)
    sweeper, stall_s = services.upstream.sweeper, services.settings.stalled_reader_s
    config = served_by_us(app, sweeper=sweeper, stall_s=stall_s, timeout_graceful_shutdown=PORT_GRACE_S)
    server = _Uvicorn(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


class _Uvicorn(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """They are ours."""
        yield


class _Paths:
    def __init__(self, services: Services) -> None:
        self._services, self._probes = services, Probes(services.readiness)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in Probes.PATHS:
            await self._probes(scope, receive, send)
        elif scope["path"] == "/metrics":
            from api.routes.metrics import metrics  # FastAPI: for who is scraped alone

            response = await metrics(Request(scope, receive), self._services)
            await response(scope, receive, send)
        else:
            raise NotFound("A worker has /healthz, /readyz and /metrics; the API is served by `cfx serve`.")
