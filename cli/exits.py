"""How a command ends: the exit codes (docs/cli.md lists them) and one line on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer

from cfx_flow.errors import CfxError, ConfigError, NotApplied, TreeBusy


class Exit(IntEnum):
    APPROVED = 0
    REJECTED = 1
    USAGE = 2
    """the command, its options, the key or the configuration is wrong"""
    FAILED = 3
    CANCELLED = 4
    UNREACHABLE = 5
    """no server answers, or it went away for good while we watched"""
    NOT_APPLIED = 6
    """the working tree does not take the change: nothing was written"""
    INTERRUPTED = 130
    """a second Ctrl-C: we left without waiting for the flow to end"""
    READER_LEFT = 141
    """`cfx … | head`: nobody reads on. As shells say it of other programs"""


def exit_of(status: str) -> Exit:
    """The exit code for a flow that ended as ``status``."""
    return {"approved": Exit.APPROVED, "rejected": Exit.REJECTED, "cancelled": Exit.CANCELLED}.get(
        status, Exit.FAILED
    )


class CommandError(Exception):
    """A sentence for the terminal that says what to do, and the command's exit code."""

    exit = Exit.USAGE

    def __init__(self, message: str, exit: Exit | None = None) -> None:
        super().__init__(message)
        self.exit = self.exit if exit is None else exit


def _exit_of_error(error: Exception) -> Exit:
    if isinstance(error, CommandError):
        return error.exit
    return Exit.NOT_APPLIED if isinstance(error, NotApplied | TreeBusy) else Exit.USAGE


@contextmanager
def reported() -> Iterator[None]:
    """What a person can mend becomes one line on stderr and an exit code; a bug keeps its traceback."""
    try:
        yield
    except (CommandError, ConfigError, CfxError) as error:
        typer.echo(f"cfx: {error}", err=True)
        raise typer.Exit(_exit_of_error(error)) from None
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None
