"""`cfx demo`: the real server on a scripted provider, and one flow on a project of our own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from cfx_flow.settings import HOUSE, Settings
from cli.demo.house import Running, child_environ, demo_house, free_port
from cli.demo.replies import task
from cli.exits import Exit, exit_of, reported

if TYPE_CHECKING:
    from rich.console import Console

EXAMPLE = HOUSE / "examples" / "todo"
TESTS = "unittest"
"""the test policy that fits it; not there where the operator has other ones"""
LOOK_EVERY_S = 0.2
_ENDINGS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
PACE_S = 0.025
"""between two pieces of a scripted reply: slow enough to watch"""


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Run the flow in a temporary folder, then stop everything.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON only: the flow's result, and where the server listens.")
    ] = False,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Where to listen; 0: a free port.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Show the flow also when it was shown before.")
    ] = False,
) -> None:
    """Show what CF-X Flow does without any model: the real server on scripted replies.

    The first start runs one flow on examples/todo and shows it live; the server then stays
    up until Ctrl-C. Data is kept in .cfx/ (CFX_DATA_DIR).
    """
    if once:
        with reported(), _signals_unwind():
            raise typer.Exit(_once(port, as_json))
    environ = os.environ if port is None else {**os.environ, "CFX_PORT": str(port)}
    serve_demo(environ, again=again, as_json=as_json)


def serve_demo(
    environ: Mapping[str, str], *, again: bool = False, as_json: bool = False, build_dashboard: bool = False
) -> None:
    """Provider and server until Ctrl-C; the flow is shown at the first start, or when asked for."""
    with reported(), _signals_unwind():
        settings = _settings(environ)
        children = child_environ(environ, settings, inherit=True)
        with (
            demo_house(settings, children, pace_s=PACE_S, cwd=Path.cwd()) as running,
            _dashboard_beside(running, wanted=build_dashboard) as said,
        ):
            _show_and_serve(running, said, again=again, as_json=as_json)


@contextmanager
def _dashboard_beside(running: Running, *, wanted: bool) -> Iterator[list[str]]:
    """What there is to say of the dashboard's build: written down, for the flow is on the screen."""
    said: list[str] = []
    if not wanted:
        yield said
        return
    from cli.dashboard.beside import built_beside

    with built_beside(running.log.parent, running.credentials.url, said.append):
        yield said


def _show_and_serve(running: Running, said: list[str], *, again: bool, as_json: bool) -> None:
    from rich.console import Console

    from cli.demo import words

    console = Console(highlight=False, quiet=as_json)
    if as_json:
        typer.echo(json.dumps({"url": running.credentials.url, "key": running.new_key}))
    console.print(*words.opening(running), sep="\n", soft_wrap=True)
    wanted = again or _never_ran(running)
    if wanted:
        report = _show_flow(running, console)
        if as_json:
            typer.echo(json.dumps(report))
    with _signals_noted() as noted:
        console.print(*words.closing(running, cfx_command(), shown=wanted), sep="\n", soft_wrap=True)
        while not noted:
            while said:
                console.print(f"  {said.pop(0)}", soft_wrap=True)
            time.sleep(LOOK_EVERY_S)
            running.must_be_alive()
    console.print("\n  stopped", style="dim")


def _never_ran(running: Running) -> bool:
    from cli.client import Client

    with Client(running.credentials) as client:
        return not client.flows(limit=1)["data"]


def _once(port: int | None, as_json: bool) -> Exit:
    """Everything in a temporary folder, on free ports, with nobody's settings but the defaults."""
    with tempfile.TemporaryDirectory(prefix="cfx-demo-") as name:
        folder = Path(name)
        settings = _settings({"CFX_DATA_DIR": str(folder / "data"), "CFX_PORT": str(port or 0)})
        children = child_environ(os.environ, settings, inherit=False) | {"PYTHONDONTWRITEBYTECODE": "1"}
        with demo_house(settings, children, pace_s=0 if as_json else PACE_S, cwd=folder) as running:
            from rich.console import Console

            from cli.demo import words

            console = Console(highlight=False, quiet=as_json)
            console.print(*words.opening(running), sep="\n", soft_wrap=True)
            report = _show_flow(running, console)
    if as_json:
        typer.echo(json.dumps(report))
    return exit_of(report["status"])


def _show_flow(running: Running, console: Console) -> dict[str, Any]:
    """Runs the demo's flow; its plan, its diff, its timeline."""
    from cfx_flow.workspace.archive import pack
    from cfx_flow.workspace.working_tree import read_folder
    from cli.client import Client
    from cli.demo import words
    from cli.run import print_patch
    from cli.watch import Screen

    console.print(*words.flow_opening(task(), EXAMPLE), sep="\n", soft_wrap=True)
    screen = Screen(console, plan_lines=sys.maxsize)
    with Client(running.credentials) as client:
        snapshot = client.upload(pack(read_folder(EXAMPLE).snapshot))
        tests = TESTS if TESTS in client.stages()["tests"] else None
        flow_id = client.create_flow(task(), snapshot["id"], tests=tests)["id"]
        screen.note(f"flow {flow_id}")
        with screen:
            for event in client.events(flow_id):
                screen.show(event)
        screen.end()
        flow = client.flow(flow_id)
        approved = flow["status"] == "approved"
        diff = client.diff(flow_id) if approved else ""
    if not console.quiet:
        print_patch(diff, console)
        console.print(*words.after_flow(), sep="\n", soft_wrap=True)
    events = [event.raw for event in screen.timeline.events]
    return {
        "id": flow_id,
        "status": flow["status"],
        "diff": diff,
        "cost_usd": flow["cost_usd"],
        "events": events,
    }


def _settings(environ: Mapping[str, str]) -> Settings:
    settings = Settings.load(environ)
    return settings.model_copy(update={"port": settings.port or free_port()})


@contextmanager
def _signals_noted() -> Iterator[list[int]]:
    """From here on a signal is written down. Raised as an exception it is lost when it comes while a
    destructor runs, and whoever pressed Ctrl-C would wait for ever."""
    noted: list[int] = []
    previous = {number: signal.signal(number, lambda got, _frame: noted.append(got)) for number in _ENDINGS}
    try:
        yield noted
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def _signals_unwind() -> Iterator[None]:
    """SIGTERM and SIGHUP leave as Ctrl-C does: through every ``finally``."""

    def leave(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    previous = {number: signal.signal(number, leave) for number in _ENDINGS if number != signal.SIGINT}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def cfx_command() -> str:
    """How the person at this terminal calls us."""
    beside = Path(sys.executable).with_name("cfx")
    found = shutil.which("cfx")
    if found is not None and Path(found).resolve() == beside.resolve():
        return "cfx"
    try:
        return str(beside.relative_to(Path.cwd()))
    except ValueError:
        return str(beside)
