"""What a process does again and again beside its requests, whatever goes wrong in between."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from cfx_flow.errors import StoreUnavailable

LONGEST_PAUSE_S = 60.0
LEAST_PATIENCE_S = 60.0
"""with work that is not over when its turn has come again"""

Work = Callable[[], Awaitable[object]]

log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class _Record:
    failures: int = 0
    """since the process started; a database that does not answer is none, and /readyz tells it anyway"""
    in_a_row: int = 0
    error: str = ""
    overdue_s: float = 0.0
    """how long the work of this moment had taken when patience ended; 0: it has not"""

    @property
    def trouble(self) -> str:
        """To be said behind the chore's name; empty: there is none."""
        if self.overdue_s:
            return f"(late): not over after {self.overdue_s:g} s: it may hang, or have much to do"
        why = f"({self.error}): went wrong the last time; the log says why, and it is tried again"
        return why if self.in_a_row else ""


class Chores:
    """A task that ends by an error ends silently, and one that hangs does not end. Here it is told, in the
    log, at /readyz and at /metrics, and what has ended is tried again, after a longer and longer pause."""

    def __init__(
        self, longest_pause_s: float = LONGEST_PAUSE_S, least_patience_s: float = LEAST_PATIENCE_S
    ) -> None:
        self._longest_pause_s, self._least_patience_s = longest_pause_s, least_patience_s
        self._tasks: list[asyncio.Task[None]] = []
        self._records: dict[str, _Record] = {}

    def begin(self, name: str, work: Work, *, every_s: float, first_s: float | None = None) -> None:
        """Until ``close``: ``work`` after each ``every_s``, the first time after ``first_s``. Processes that
        were started together do not work in step for long."""
        record = self._records[name] = _Record()
        doing = self._do(name, work, record, every_s, every_s if first_s is None else first_s)
        self._tasks.append(asyncio.create_task(doing, name=name))

    async def close(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def failures(self) -> Mapping[str, int]:
        """By chore, since the process started."""
        return {name: record.failures for name, record in self._records.items()}

    def broken(self) -> Mapping[str, str]:
        """What is wrong, by chore; of those that went wrong last time, or hang."""
        return {name: record.trouble for name, record in self._records.items() if record.trouble}

    async def _do(
        self,
        name: str,
        work: Work,
        record: _Record,
        every_s: float,
        pause_s: float,
    ) -> None:
        while True:
            await asyncio.sleep(pause_s)
            pause_s = every_s * random.uniform(0.9, 1.1)  # noqa: S311 - spreads load, hides nothing
            try:
                with self._timed(name, record, max(every_s, self._least_patience_s)):
                    await work()
                record.in_a_row = 0
            except StoreUnavailable as error:
                log.warning("chore_waits_for_store", chore=name, reason=error.message)
            except Exception as error:
                record.failures, record.in_a_row = record.failures + 1, record.in_a_row + 1
                record.error = type(error).__name__
                log.exception("chore_broke", chore=name, in_a_row=record.in_a_row)
                # What is seldom done is tried again sooner than usual, what is often done later.
                pause_s = min(every_s * 2 ** min(record.in_a_row, 10), self._longest_pause_s)

    @contextmanager
    def _timed(self, name: str, record: _Record, patience_s: float) -> Iterator[None]:
        """Work that takes longer is told, and left alone: half of it may be done, and pruning may be long."""

        def tell() -> None:
            record.failures, record.overdue_s = record.failures + 1, patience_s
            log.error("chore_hangs", chore=name, seconds=patience_s)

        timer = asyncio.get_running_loop().call_later(patience_s, tell)
        try:
            yield
        finally:
            timer.cancel()
            record.overdue_s = 0.0
