"""The exit codes of the commands that follow a flow (docs/cli.md lists them)."""

from __future__ import annotations

from enum import IntEnum


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
    """approved, but the working tree has changed since: nothing was written"""
    INTERRUPTED = 130
    """a second Ctrl-C: we left without waiting for the flow to end"""


def exit_of(status: str) -> Exit:
    """The exit code for a flow that ended as ``status``."""
    return {"approved": Exit.APPROVED, "rejected": Exit.REJECTED, "cancelled": Exit.CANCELLED}.get(
        status, Exit.FAILED
    )
