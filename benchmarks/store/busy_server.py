"""``cfx serve`` with a neighbour in the same process: from each SIGUSR1 to the next, its request log takes so
many records a second, as calls of other users would bring them. ``busy_server.py PORT ROWS_PER_S USER…``"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from itertools import cycle

import uvloop

from api.logs import configure_logs
from api.server import Server
from api.wiring import open_services
from benchmarks.store.calls import call_of
from cfx_flow.interpreter import before_imports
from cfx_flow.ledger import RequestLog
from cfx_flow.settings import Settings
from cli.serve import listen

TICK_S = 0.01


async def serve(port: int, rows_per_s: int, users: list[str]) -> None:
    environ = dict(os.environ)
    settings = Settings.load(environ)
    tell_served = configure_logs(settings.log_level)
    listener = listen("127.0.0.1", port)
    async with open_services(settings, environ) as services:
        neighbour = asyncio.create_task(_record(services.request_log, rows_per_s, users))
        await Server(services, tell_served).run_until_stopped(listener, lambda: None)
        neighbour.cancel()


async def _record(log: RequestLog, rows_per_s: int, users: list[str]) -> None:
    """On a clock of its own: a loop that was held up catches up."""
    is_on = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, lambda: is_on.clear() if is_on.is_set() else is_on.set())
    owners = cycle(users)
    while True:
        await is_on.wait()
        began, recorded = loop.time(), 0
        while is_on.is_set():
            for _ in range(int((loop.time() - began) * rows_per_s) - recorded):
                log.record(call_of(next(owners), datetime.now(UTC)))
                recorded += 1
            await asyncio.sleep(TICK_S)


if __name__ == "__main__":
    before_imports()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
