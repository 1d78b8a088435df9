"""The thread that waits for the disk while the loop goes on: one commit at a time, one wake-up each way.

An executor would make two futures, a condition and a weak reference for each; that costs what ten
statements do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import NamedTuple

Told = Callable[[Exception | None], None]


class _Wait(NamedTuple):
    commit: Callable[[], object]
    told: Told
    loop: asyncio.AbstractEventLoop


class CommitThread:
    """Starts with the first commit."""

    def __init__(self) -> None:
        self._asked: SimpleQueue[_Wait | None] = SimpleQueue()
        self._thread: Thread | None = None

    def run(self, commit: Callable[[], object], told: Told) -> None:
        """``told`` hears in the loop that ``commit`` has ended, and what it raised."""
        if self._thread is None:
            thread = Thread(target=self._work, name="sqlite-commit", daemon=True)
            thread.start()  # the system may refuse; then the next commit tries again
            self._thread = thread
        self._asked.put(_Wait(commit, told, asyncio.get_running_loop()))

    def close(self) -> None:
        """What was asked is done first."""
        if self._thread is not None:
            self._asked.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while (wait := self._asked.get()) is not None:
            error = None
            try:
                wait.commit()
            except Exception as raised:  # noqa: BLE001 - handed to the loop, where somebody waits
                error = raised
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                wait.loop.call_soon_threadsafe(wait.told, error)
