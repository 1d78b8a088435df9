"""``cfx worker``: runs the flows of a Postgres, beside as many others as you like."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from cfx_flow.errors import ConfigError
from cfx_flow.interpreter import after_imports, before_imports
from cfx_flow.lean import import_leanly

if TYPE_CHECKING:
    from cfx_flow.settings import Settings

Port = Annotated[
    int | None,
    typer.Option(
        "--port",
        min=0,
        max=65535,
        help="Where /healthz, /readyz and /metrics answer [CFX_WORKER_PORT, nowhere].",
    ),
]
Drain = Annotated[
    float | None,
    typer.Option(
        "--drain",
        min=0,
        max=3600,
        help="Seconds that model calls may take after SIGTERM [CFX_WORKER_DRAIN_S, 60].",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Say that it has started as one line of JSON.")]


def worker(port: Port = None, drain: Drain = None, as_json: AsJson = False) -> None:
    """Run flows. Needs Postgres, spoken to directly. Start as many as you like, on many machines.

    SIGTERM lets model calls that are under way end; a second one does not.

    Exit codes: 0 after SIGTERM or Ctrl-C, 2 when the configuration is wrong.
    """
    from cfx_flow.settings import Settings

    chosen = {
        "CFX_WORKER_PORT": None if port is None else str(port),
        "CFX_WORKER_DRAIN_S": None if drain is None else str(drain),
        "CFX_WITH_WORKER": "true",
    }
    environ = {**os.environ, **{name: value for name, value in chosen.items() if value is not None}}
    _work(Settings.load(environ), environ, as_json)


def _work(settings: Settings, environ: dict[str, str], as_json: bool) -> None:
    before_imports()
    import_leanly()

    import uvloop

    from api.logs import configure_logs
    from cfx_flow.preflight import require_usable, warn
    from cfx_flow.stages.check import load_config
    from cfx_flow.stages.load import require_upstreams
    from cfx_flow.store.address import sqlite_file

    configure_logs(settings.log_level)
    if sqlite_file(settings.store_url) is not None:
        raise ConfigError(
            "workers share a Postgres. On SQLite `cfx serve` runs the flows itself; for more than one "
            "process give all of them postgresql://user:password@host/database",
            key="CFX_DATABASE_URL",
        )
    models, _ = load_config(settings, environ)
    require_upstreams(models)
    require_usable(settings)
    warn(settings, environ, models.variables)
    with ExitStack() as closing, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        listener = None
        if settings.worker_port is not None:
            from cli.serve import listen

            listener = closing.enter_context(
                listen(settings.host, settings.worker_port, key="CFX_WORKER_PORT")
            )
        runner.run(_run(settings, environ, listener, as_json))


async def _run(
    settings: Settings, environ: dict[str, str], listener: socket.socket | None, as_json: bool
) -> None:
    from api.wiring import open_services
    from api.worker import run_worker

    async with open_services(settings, environ, drain_s=settings.worker_drain_s) as services:
        await run_worker(services, listener, lambda: _announce(settings, listener, as_json))


def _announce(settings: Settings, listener: socket.socket | None, as_json: bool) -> None:
    after_imports()
    port = listener.getsockname()[1] if listener else None
    if as_json:
        typer.echo(json.dumps({"pid": os.getpid(), "port": port, "flows_at_once": settings.running_flows}))
        return
    health = f" Its health: port {port}." if port else ""
    typer.echo(
        f"A worker runs up to {settings.running_flows} flows at a time.{health} Ctrl-C lets it finish."
    )
