"""A flow shown while it runs: `cfx watch`, and the screen that `cfx run` and `cfx demo` share."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from cli.client import ApiError, Client, Event
from cli.credentials import Credentials, load_credentials
from cli.exits import Exit, exit_of, reported
from cli.lines import print_lines
from cli.render import PLAN_LINES, UNICODE, Renderer
from cli.timeline import Timeline


class Screen:
    """Finished steps as ordinary lines, the running one below them on a terminal.

    The lines stay in the scrollback as they are, so a flow of any length fits and a
    log file reads the same, without the moving part.
    """

    def __init__(self, console: Console, *, plan_lines: int = PLAN_LINES, flow_id: str | None = None) -> None:
        self.console, self.flow_id = console, flow_id
        self.renderer = Renderer(console, plan_lines=plan_lines)
        self.timeline = Timeline()
        self._round = 0
        self._heard_at = time.monotonic()
        self._spinner = Spinner("dots" if self.renderer.glyphs is UNICODE else "line")
        self._live = Live(
            console=console, get_renderable=self._moving, transient=True, refresh_per_second=10,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip

    def __enter__(self) -> Screen:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, event: Event) -> None:
        self._heard_at = time.monotonic()
        rows = self.timeline.add(event)
        for row in rows:
            if row.round != self._round and row.round > 0:
                self._round = row.round
                self.note(f"round {row.round}")
            print_lines(self.console, self.renderer.row(row))
        if event.type == "approval.requested":
            print_lines(self.console, self.renderer.awaited(event.data, self.flow_id))

    def note(self, text: str) -> None:
        print_lines(self.console, [Text(f"  {text}", "dim")])

    def end(self) -> None:
        """The closing lines; call after ``__exit__`` took the moving part away."""
        print_lines(self.console, self.renderer.ending(self.timeline))

    def _moving(self) -> Group:
        since = time.monotonic() - self._heard_at
        timeline, row = self.timeline, self.timeline.running
        total = timeline.elapsed().total_seconds() + since
        began = row.started_at if row else timeline.started_at
        step = (timeline.newest_at - began).total_seconds() + since if timeline.newest_at and began else since
        line = Table.grid()
        awaits_person = timeline.status == "requires_action"
        line.add_row("  ", self._spinner, " ", self.renderer.running(row, step, awaits_person=awaits_person))
        return Group(line, self.renderer.sums(timeline, total))


class CancelOnInterrupt:
    """The first Ctrl-C (or SIGTERM) cancels the flow and waits for its end, the second leaves at once.

    A signal handler rather than a caught KeyboardInterrupt: the events between the
    signal and the flow's end are shown as ever, and none is lost half drawn.
    """

    def __init__(self, credentials: Credentials, say: Callable[[str], None]) -> None:
        self._credentials, self._say = credentials, say
        self._flow_id: str | None = None
        self._asked = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> CancelOnInterrupt:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def watch(self, flow_id: str) -> None:
        """From here on there is something to cancel."""
        self._flow_id = flow_id
        if self._asked:
            self._start()

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        self._start()

    def _start(self) -> None:
        """In a thread: the signal may have come amid a line of our own."""
        answer = self._wait if self._flow_id is None else self._cancel
        threading.Thread(target=answer, name="cancel", daemon=True).start()

    def _wait(self) -> None:
        self._say("cancelling once the server has taken the flow; Ctrl-C again leaves at once")

    def _cancel(self) -> None:
        self._say("cancelling; Ctrl-C again leaves at once")
        try:
            with Client(self._credentials) as client:
                client.cancel(self._flow_id or "")
        except ApiError as error:
            if error.status != 409:  # it has ended meanwhile: the events say how
                self._say(f"not cancelled: {error}")


def watch(
    flow_id: Annotated[str, typer.Argument(help="The flow's id, as `cfx flows list` shows it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print each event as one line of JSON.")] = False,
) -> None:
    """Show a flow live until it ends; Ctrl-C stops watching, the flow goes on.

    The exit code says how the flow ended: 0 approved, 1 rejected, 3 failed, 4 cancelled.
    """
    with reported():
        raise typer.Exit(_watch(flow_id, as_json))


def _watch(flow_id: str, as_json: bool) -> Exit:
    timeline = Timeline()
    with Client(load_credentials(os.environ)) as client:
        client.flow(flow_id)  # that there is no server is told at once; only a lost one is looked for
        if as_json:
            for event in client.events(flow_id):
                timeline.add(event)
                typer.echo(json.dumps(event.raw))
            return exit_of(timeline.status)
        screen = Screen(Console(highlight=False), flow_id=flow_id)
        try:
            with screen:
                for event in client.events(flow_id):
                    screen.show(event)
        except KeyboardInterrupt:
            screen.note(f"the flow goes on; cfx watch {flow_id} shows it, cfx flows cancel {flow_id} ends it")
            return Exit.INTERRUPTED
        screen.end()
        return exit_of(screen.timeline.status)
