"""Exactness across processes, one of them killed in the middle."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import uuid

import pytest

from cfx_flow.clock import SystemClock
from cfx_flow.limits.open import open_limits
from cfx_flow.settings import HOUSE
from cfx_flow.store.address import sqlite_file
from tests.limits.hammer import CONCURRENT, DAY

pytestmark = pytest.mark.e2e
TIMEOUT_S = 120


def start(url: str, user_id: str, limit: int, asks: int) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-m", "tests.limits.hammer", url, user_id, str(limit), str(asks)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=HOUSE)


def granted(output: str) -> list[int]:
    """What remained after each granted ask; a line that a kill cut off does not count."""
    whole = [line for line in output.splitlines(keepends=True) if line.endswith("\n")]
    return [remaining for allowed, remaining in map(json.loads, whole) if allowed]


def test_processes_together_are_granted_exactly_the_limit(database_url: str) -> None:
    user_id = str(uuid.uuid4())
    processes = [start(database_url, user_id, limit=150, asks=100) for _ in range(3)]
    answers = [left for process in processes for left in granted(process.communicate(timeout=TIMEOUT_S)[0])]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(answers) == list(range(150))


async def test_killed_process_takes_nothing_with_it_but_what_was_in_flight(database_url: str) -> None:
    user_id, limit = str(uuid.uuid4()), 200
    victim, other = (start(database_url, user_id, limit, asks=limit) for _ in range(2))
    assert victim.stdout is not None
    seen = "".join(victim.stdout.readline() for _ in range(20))
    victim.send_signal(signal.SIGKILL)
    seen += victim.communicate(timeout=TIMEOUT_S)[0]
    theirs = granted(other.communicate(timeout=TIMEOUT_S)[0])
    assert other.returncode == 0
    answers = granted(seen) + theirs
    assert len(set(answers)) == len(answers)
    assert limit - CONCURRENT <= len(answers) <= limit
    async with open_limits(database_url, SystemClock()) as limits:
        assert not (await limits.daily.peek(user_id, DAY, limit)).allowed


def test_hammer_leaves_a_healthy_file(sqlite_url: str) -> None:
    process = start(sqlite_url, str(uuid.uuid4()), limit=1000, asks=1000)
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.communicate(timeout=TIMEOUT_S)
    with contextlib.closing(sqlite3.connect(str(sqlite_file(sqlite_url)))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
