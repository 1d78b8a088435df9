"""What a sandbox is given to run, and what it says came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

WORK = "/tmp/work"  # noqa: S108 of the sandbox's own /tmp
"""The working folder, as seen inside."""
HOME = "/tmp/home"  # noqa: S108
MAX_REPORT_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    timeout_s: float
    """Of all commands together, from when the files lie ready."""
    memory_mb: int
    """Of all processes together, beside the files that they write."""
    disk_mb: int
    """Of the working folder and of ``/tmp`` together; they lie in memory."""
    processes: int
    """At a time, threads counted."""
    output_chars: int


@dataclass(frozen=True, slots=True)
class Commands:
    files: Mapping[str, bytes]
    """The tree, by relative path; it may be written to inside, and what is written goes with the sandbox."""
    modes: Mapping[str, int]
    argv: Sequence[Sequence[str]]
    """One after the other, until one fails. Programs of the sandbox's PATH; no shell reads them."""
    limits: Limits
    env: Mapping[str, str] = field(default_factory=dict)
    """Beside PATH, HOME and LANG."""
    read_only: Sequence[Path] = ()
    """Files and folders of this machine that are seen at the same place inside; bubblewrap only."""
    report: str | None = None
    """A file of the working folder, read when the commands have ended."""
    image: str | None = None
    """Container only."""


@dataclass(frozen=True, slots=True)
class Ran:
    exit_code: int | None
    """Of the last command that ran; 128 + n where signal n ended it. None: it was out of time."""
    failed: int | None
    """Which of the commands failed, or ran when the time was out; None: none."""
    output: str
    """What they wrote to stdout and stderr, in order. What is long lacks its middle, and says so."""
    report: bytes | None
    """None: there is none, or it is larger than MAX_REPORT_BYTES, which ``output`` then says."""
    timed_out: bool
    duration_ms: int


class SandboxFailed(Exception):
    """It could not be set up, so nothing was run; the message says why, and what to do."""


class Sandbox(Protocol):
    @property
    def name(self) -> str: ...

    async def run(self, commands: Commands) -> Ran:
        """Raises SandboxFailed. Cancelled at any moment, nothing that it started lives on."""
        ...


@dataclass(frozen=True, slots=True)
class NoSandbox:
    reason: str
