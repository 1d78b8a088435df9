"""What a process has used, as the kernel counts it; and which core it may use."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

SERVER_CORE = 0
"""one server at a time works there; everything else has the other cores"""


def other_cores() -> set[int]:
    every = os.sched_getaffinity(0) | {SERVER_CORE}
    return every - {SERVER_CORE} or every


@contextmanager
def on_server_core() -> Iterator[None]:
    """What is started inside stays on the servers' core, with all its threads."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {SERVER_CORE})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def move(pid: int, cores: set[int]) -> None:
    """A process with all its threads, and its children with theirs."""
    process = psutil.Process(pid)
    for one in (process, *process.children(recursive=True)):
        for task in Path(f"/proc/{one.pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), cores)


def cpu_us(pid: int) -> float:
    """Of all its threads, those that have ended too; in the kernel's nanoseconds, not in ticks.

    **Source**: the kernel's MAKE_PROCESS_CPUCLOCK, what clock_getcpuclockid(3) returns.
    """
    return time.clock_gettime_ns(~pid << 3 | 2) / 1000


@dataclass(frozen=True)
class Memory:
    rss_mb: float
    pss_mb: float
    """what is shared with other processes is shared out"""


def memory(pid: int) -> Memory:
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    )
    return Memory(*(int(fields[name].split()[0]) * 1024 / 1e6 for name in ("Rss", "Pss")))
