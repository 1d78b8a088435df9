"""``cfx serve``: the server, from an empty folder to a listening port."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cfx_flow.errors import ConfigError
from cfx_flow.interpreter import before_imports
from cfx_flow.lean import import_leanly

if TYPE_CHECKING:
    from collections.abc import Callable

    from cfx_flow.settings import Settings

FIRST_USER = "me"
Host = Annotated[str | None, typer.Option("--host", help="Address to listen on [CFX_HOST, 127.0.0.1].")]
Port = Annotated[
    int | None, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one [CFX_PORT, 8000].")
]
OrDemo = Annotated[bool, typer.Option("--or-demo", help="Start `cfx demo` when CFX_LITELLM_URL is not set.")]
WithWorker = Annotated[
    bool, typer.Option("--with-worker", help="On Postgres: run flows in this process too [CFX_WITH_WORKER].")
]
BuildDashboard = Annotated[
    bool, typer.Option("--build-dashboard", help="Build the dashboard beside, if its sources have changed.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Say where it listens as one line of JSON.")]


def serve(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command
    host: Host = None,
    port: Port = None,
    with_worker: WithWorker = False,
    or_demo: OrDemo = False,
    build_dashboard: BuildDashboard = False,
    as_json: AsJson = False,
) -> None:
    """Serve the API. The first start on SQLite makes the database, a user and a key, shown once.

    Flows run in this process on SQLite, and in `cfx worker` processes on Postgres.
    Exit codes: 0 after SIGTERM or Ctrl-C, 2 when the configuration is wrong or the port is taken.
    """
    from cfx_flow.settings import Settings

    chosen = {
        "CFX_HOST": host,
        "CFX_PORT": None if port is None else str(port),
        "CFX_WITH_WORKER": "true" if with_worker else None,
    }
    environ = {**os.environ, **{name: value for name, value in chosen.items() if value is not None}}
    settings = Settings.load(environ)
    if or_demo and not settings.litellm_url:
        from cli.demo.command import serve_demo

        serve_demo(environ, as_json=as_json, build_dashboard=build_dashboard)
        return
    _serve(settings, environ, Voice(as_json, build_dashboard))


@dataclass(frozen=True, slots=True)
class Voice:
    """What is said on the terminal, and how."""

    as_json: bool
    build_dashboard: bool


def _serve(settings: Settings, environ: dict[str, str], voice: Voice) -> None:
    """Whatever can be wrong is found out before anything is written."""
    before_imports()
    import_leanly()

    import uvloop

    from api.logs import configure_logs
    from cfx_flow.contract.load import load_policy
    from cfx_flow.preflight import require_usable, warn
    from cfx_flow.stages.check import load_config
    from cfx_flow.stages.load import require_upstreams
    from cfx_flow.store.address import sqlite_file
    from cfx_flow.store.migrate import migrate
    from cfx_flow.store.one_server import only_server

    tell_served = configure_logs(settings.log_level)
    models, _ = load_config(settings, environ)
    load_policy(settings.policy_file)
    require_upstreams(models)
    require_usable(settings)
    warn(settings, environ, models.variables)
    with ExitStack() as closing:
        listener = closing.enter_context(listen(settings.host, settings.port))
        if (file := sqlite_file(settings.store_url)) is not None:
            closing.enter_context(only_server(file))
            migrate(settings.store_url)
        runner = closing.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        runner.run(_run(settings, environ, listener, tell_served, voice))


def listen(host: str, port: int, *, key: str = "CFX_PORT") -> socket.socket:
    """Bound before anything else, so that a taken port is told before a key is made. ``key``: its setting."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except (OSError, UnicodeError) as error:
        listener.close()
        raise _cannot_listen(host, port, key, error) from None
    return listener


def _cannot_listen(host: str, port: int, key: str, error: OSError | UnicodeError) -> ConfigError:
    """It is the address that is wrong, where it is none or not of this machine; else the port."""
    why = getattr(error, "strerror", None) or str(error)
    if isinstance(error, socket.gaierror | UnicodeError) or error.errno == errno.EADDRNOTAVAIL:
        mend, key = "Write an address of this machine, 127.0.0.1, or 0.0.0.0 for all of them", "CFX_HOST"
    else:
        mend = f"Stop what uses it, or choose another port with --port or {key}"
    return ConfigError(f"cannot listen on {host}, port {port}: {why}. {mend}", key=key)


async def _run(
    settings: Settings,
    environ: dict[str, str],
    listener: socket.socket,
    tell_served: Callable[[Any], None],
    voice: Voice,
) -> None:
    from api.server import Server
    from api.wiring import open_services

    url = _url_of(listener)
    async with open_services(settings, environ, drain_s=settings.serve_drain_s) as services:
        key = await _first_key(services)
        credentials = _leave_credentials(settings.data_dir, url, key)
        server = Server(services, tell_served)
        with ExitStack() as beside:

            def announce() -> None:
                _announce(url, key, credentials, voice.as_json)
                if voice.build_dashboard:
                    beside.enter_context(_dashboard_beside(settings, url, voice))

            await server.run_until_stopped(listener, announce)


def _dashboard_beside(settings: Settings, url: str, voice: Voice) -> AbstractContextManager[None]:
    from cli.dashboard.beside import built_beside

    return built_beside(settings.data_dir, url, lambda said: None if voice.as_json else typer.echo(said))


def _url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not listened on
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _first_key(services: Any) -> str | None:
    """On SQLite only: a Postgres is shared, and its operator makes the keys."""
    if services.store.dialect != "sqlite" or await services.accounts.has_keys():
        return None
    made = await services.accounts.create_key(FIRST_USER, label="made by the first start")
    return str(made.key)


def _leave_credentials(folder: Path, url: str, key: str | None) -> Path | None:
    """For the other commands: the first key, and where the server listens this time."""
    from cli.credentials import FILE_NAME, Credentials, read_credentials, save_credentials

    try:
        stored = read_credentials(folder)
        held = key or (stored.key if stored else None)
        if held is None:
            return None
        if stored != Credentials(url, held):
            return save_credentials(folder, Credentials(url, held))
    except (ConfigError, OSError) as error:
        typer.echo(f"cfx: {FILE_NAME} is not up to date: {error}", err=True)
        return None
    return folder / FILE_NAME


def _announce(url: str, key: str | None, credentials: Path | None, as_json: bool) -> None:
    where = str(credentials) if credentials else None
    if as_json:
        typer.echo(json.dumps({"url": url, "key": key, "credentials": where, "pid": os.getpid()}))
        return
    typer.echo(f"CF-X Flow listens on {url} (API document: {url}/docs). Ctrl-C stops it.")
    if key:
        typer.echo(f"API key, shown this once: {key}")
    if where:
        typer.echo(f"The cfx commands find address and key in {where}.")
