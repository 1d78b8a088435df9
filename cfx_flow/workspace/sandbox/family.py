"""A process and what it has started: who they are, what memory they hold, and what they leave the machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_HELD = re.compile(r"^(?:RssAnon|RssShmem|VmSwap):\s+(\d+) kB$", re.MULTILINE)

_OF_MACHINE = ("MemAvailable", "MemTotal")
_MACHINES = re.compile(rf"^({'|'.join(_OF_MACHINE)}):\s+(\d+) kB$", re.MULTILINE)


def memory_mb(pid: int) -> int:
    """Of what is theirs alone: programs' own files do not count. What two share counts twice."""
    return sum(_held_kb(each) for each in _family(pid)) // 1024


def share_left() -> float:
    """Of the machine's memory, from 0 to 1; 1 where nobody says."""
    said = dict(_MACHINES.findall(_text(Path("/proc/meminfo"))))
    return int(said["MemAvailable"]) / int(said["MemTotal"]) if len(said) == len(_OF_MACHINE) else 1.0


def _family(pid: int) -> Iterator[int]:
    """Those that end meanwhile are left out; orphans are the sandbox's first process's children."""
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += children_of(one)


def children_of(pid: int) -> list[int]:
    """Whichever of its threads has started them."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:  # it ended
        return []
    return [int(child) for thread in threads for child in _text(thread / "children").split()]


def _held_kb(pid: int) -> int:
    return sum(int(kb) for kb in _HELD.findall(_text(Path(f"/proc/{pid}/status"))))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it ended
        return ""
