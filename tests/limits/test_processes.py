"""Exactness across processes, one of them killed in the middle."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import threading
import uuid
from datetime import UTC, datetime

import pytest

from cfx_flow.clock import SystemClock
from cfx_flow.errors import TooManyConcurrentRequests
from cfx_flow.settings import HOUSE
from cfx_flow.store.address import sqlite_file
from tests.limits.conftest import Place
from tests.limits.hammer import CONCURRENT, DAY
from tests.limits.test_slots import Process
from tests.support.campaign import scaled
from tests.support.clock import FakeClock

pytestmark = pytest.mark.e2e
TIMEOUT_S = 240


class Hammer:
    """A process that waits for ``begin``; what it says is read while it runs, or its pipe would fill."""

    def __init__(self, place: Place, user_id: str, limit: int, asks: int) -> None:
        arguments = [place.store_url, place.redis_url or "", user_id, str(limit), str(asks)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.limits.hammer", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=HOUSE,
        )
        self._lines: list[str] = []
        self._said = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._said:
                self._lines.append(line)
                self._said.notify_all()

    def wait_for_lines(self, count: int) -> None:
        with self._said:
            assert self._said.wait_for(lambda: len(self._lines) >= count, TIMEOUT_S)

    def begin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def answers(self) -> list[tuple[bool, int]]:
        """Of the ended process; a line that a kill cut off does not count."""
        self.process.wait(TIMEOUT_S)
        self._reader.join(TIMEOUT_S)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        return [tuple(json.loads(line)) for line in self._lines[1:] if line.endswith("\n")]


def hammered(place: Place, processes: int, limit: int, asks: int) -> list[Hammer]:
    """All ready, then all begun."""
    user_id = str(uuid.uuid4())
    hammers = [Hammer(place, user_id, limit, asks) for _ in range(processes)]
    for hammer in hammers:
        hammer.wait_for_lines(1)
    for hammer in hammers:
        hammer.begin()
    return hammers


def test_four_processes_are_granted_exactly_the_limit(place: Place) -> None:
    """12,000 tries at a limit of 1,000 in a campaign: not one above, not one refused while some are left."""
    tries, limit = scaled(12_000), scaled(1_000)
    hammers = hammered(place, processes=4, limit=limit, asks=tries // 4)
    answers = [answer for hammer in hammers for answer in hammer.answers()]
    assert [hammer.process.returncode for hammer in hammers] == [0, 0, 0, 0]
    assert len(answers) == tries
    assert sorted(remaining for allowed, remaining in answers if allowed) == list(range(limit))


async def test_killed_process_takes_nothing_with_it_but_what_was_in_flight(place: Place) -> None:
    user_id, limit = str(uuid.uuid4()), 2_000
    victim, other = (Hammer(place, user_id, limit, asks=limit) for _ in range(2))
    for hammer in (victim, other):
        hammer.wait_for_lines(1)
        hammer.begin()
    victim.wait_for_lines(21)
    victim.process.send_signal(signal.SIGKILL)
    answers = [left for hammer in (victim, other) for allowed, left in hammer.answers() if allowed]
    assert other.process.returncode == 0
    assert len(set(answers)) == len(answers)
    assert limit - CONCURRENT <= len(answers) <= limit
    async with place.open(SystemClock()) as limits:
        assert not (await limits.daily.peek(user_id, DAY, limit)).allowed


def test_killed_process_leaves_a_healthy_file(sqlite_url: str) -> None:
    (hammer,) = hammered(Place(sqlite_url), processes=1, limit=100_000, asks=100_000)
    hammer.wait_for_lines(21)
    hammer.process.kill()
    hammer.answers()
    with contextlib.closing(sqlite3.connect(str(sqlite_file(sqlite_url)))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_killed_process_locks_its_user_out_for_half_a_minute_at_most(place: Place) -> None:
    user_id = str(uuid.uuid4())
    arguments = [place.store_url, place.redis_url or "", user_id, "2"]
    holder = subprocess.Popen(
        [sys.executable, "-m", "tests.limits.holder", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=HOUSE,
    )
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == "holding\n"
    holder.kill()
    holder.wait(10)
    later = FakeClock(datetime.now(UTC))
    async with place.open(later) as limits:
        process = Process(limits.slots)
        with pytest.raises(TooManyConcurrentRequests):
            await process.start(user_id, "new")
        later.advance(seconds=31)
        await process.start(user_id, "new")
        await process.start(user_id, "newer")
