"""uvicorn, run in our own loop and ended by our own signals."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
import uvicorn

from api.app import create_app, late_rest
from api.logs import WriteServed, tell_served
from api.protocol import served_by_us
from api.wiring import Services, import_graph, start_flows
from cfx_flow.interpreter import after_imports

GRACE_S = 5.0
"""for open responses after SIGTERM; below the 10 s after which Docker kills"""
KEEP_ALIVE_S = 75
"""longer than the idle time of common HTTP clients, so that none writes into a connection that we close"""

log = structlog.get_logger(__name__)


class Server(uvicorn.Server):
    def __init__(self, services: Services, tell_served: WriteServed = tell_served) -> None:
        self._rest = late_rest(services)
        super().__init__(
            served_by_us(
                create_app(services, self._rest, tell_served=tell_served),
                sweeper=services.upstream.sweeper,
                stall_s=services.settings.stalled_reader_s,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=int(GRACE_S),
            )
        )
        self._services = services
        self._announce: Callable[[], None] = lambda: None

    async def run_until_stopped(self, listener: socket.socket, announce: Callable[[], None]) -> None:
        """``announce`` is called once the port answers. Returns after a graceful end."""
        self._announce = announce
        await self.serve(sockets=[listener])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._services.webhooks.courier.start(self._services.chores)
        self._rest_of_start = asyncio.create_task(self._complete_start())
        self._announce()
        log.info("server.started")

    async def _complete_start(self) -> None:
        """What chat need not wait for. A server that can run no flow must not look well: it ends, and says
        why."""
        try:
            await self._rest.arrive()
            if self._services.runs_flows:
                await import_graph()
            after_imports()
            await start_flows(self._services)
            if self._services.worker is not None:
                await self._services.worker.until_broken()
        except BaseException:
            self.should_exit = True
            raise

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Flows stop at a resumable point while open responses come to their end."""
        await asyncio.gather(super().shutdown(sockets), self._services.dispatcher.close())
        self._rest_of_start.cancel()
        (ended,) = await asyncio.gather(self._rest_of_start, return_exceptions=True)
        log.info("server.stopped")
        if isinstance(ended, Exception):
            raise ended

    def _asked_to_stop(self, number: int) -> None:
        """The second time running steps are stopped where they are."""
        if self.should_exit:
            self._services.dispatcher.hurry()
        self.handle_exit(number, None)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn raises the signal again when it has ended, which would kill us before the request
        log is flushed and the database closed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop, number)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
