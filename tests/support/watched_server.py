"""``cfx serve``, with a window: a second port tells what the process holds at this moment.

A program, started by ``tests/support/watched.py``. The server is the real one. Only its breakers'
clock can be moved on, so that a test need not wait 30 s for a half-open circuit, and its upstream
client looks for silence more often.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import socket
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvloop

from api.logs import configure_logs
from api.protocol import Protocol
from api.server import Server
from api.wiring import Services, open_services
from cfx_flow.clock import SystemClock
from cfx_flow.settings import Settings
from cfx_flow.store.migrate import migrate
from cfx_flow.upstream.breaker import Breakers
from cfx_flow.upstream.client import UpstreamClient
from cfx_flow.upstream.patience import Sweeper
from tests.support.campaign import SIDE_BY_SIDE

USERS = SIDE_BY_SIDE


class MovedClock(SystemClock):
    ahead_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s


class Window:
    """One word in, one line of JSON out."""

    def __init__(self, services: Services, clock: MovedClock) -> None:
        self._services = services
        self._clock = clock

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        word = (await reader.readline()).strip()
        if word == b"later":
            self._clock.ahead_s += 31
        elif word == b"collect":
            gc.collect()
            Path("/proc/self/clear_refs").write_text("5")  # the peak is measured from here on
        writer.write(json.dumps(self._state()).encode() + b"\n")
        await writer.drain()
        writer.close()

    def _state(self) -> dict[str, Any]:
        tasks = Counter(_name(task) for task in asyncio.all_tasks() if task is not asyncio.current_task())
        services = self._services
        connector: Any = services.upstream._connector
        return {
            "tasks": dict(tasks),
            "upstream_connections": len(connector._acquired),
            "waiting": sum(not isinstance(each, Protocol) for each in services.upstream.sweeper._members),
            "breakers": {name: str(state) for name, state in services.breakers.states().items()},
            "rows_waiting": services.request_log.queued,
            "rows_dropped": services.request_log.dropped,
            "files": len(list(Path("/proc/self/fd").iterdir())),
            "cpu_s": sum(resource.getrusage(resource.RUSAGE_SELF)[:2]),
        } | _memory()


def _name(task: asyncio.Task[Any]) -> str:
    return getattr(task.get_coro(), "__qualname__", "?")


def _memory() -> dict[str, int]:
    """In kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines)
    return {"rss_kb": int(found["VmRSS"].split()[0]), "peak_kb": int(found["VmHWM"].split()[0])}


async def _run(settings: Settings, listener: socket.socket, ready_file: Path) -> None:
    async with open_services(settings, os.environ) as opened:
        clock = MovedClock()
        upstream = UpstreamClient(Sweeper(period_s=0.05))
        await upstream.open()
        services = replace(opened, breakers=Breakers(clock), upstream=upstream)
        keys = [(await services.accounts.create_key(f"lane{number}")).key for number in range(USERS)]
        window = await asyncio.start_server(Window(services, clock).answer, "127.0.0.1", 0)

        def announce() -> None:
            ports = {"port": listener.getsockname()[1], "window": window.sockets[0].getsockname()[1]}
            scratch = ready_file.with_suffix(".new")
            scratch.write_text(json.dumps({**ports, "keys": keys}))
            scratch.rename(ready_file)

        await Server(services).run_until_stopped(listener, announce)
        window.close()
        await upstream.close()


def main() -> None:
    settings = Settings.load(os.environ)
    configure_logs(settings.log_level)
    migrate(settings.store_url)
    with (
        socket.create_server(("127.0.0.1", 0), backlog=2048) as listener,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_run(settings, listener, Path(sys.argv[1])))


if __name__ == "__main__":
    main()
