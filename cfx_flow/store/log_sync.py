"""Takes SQLite's log to the disk a moment after commits that did not wait for it."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from functools import partial
from pathlib import Path

import structlog

from cfx_flow.store.commit_thread import CommitThread

LAZY_S = 0.05
AGAIN_S = 1.0
"""after a failure; whoever commits and waits for the disk hears of it meanwhile"""

log = structlog.stdlib.get_logger(__name__)


class LogSync:
    """In the thread that commits. It opens the log itself; SQLite has no lock on that file that the close
    could take away."""

    def __init__(self, database: Path, disk: CommitThread) -> None:
        self._log = Path(f"{os.path.realpath(database)}-wal")  # SQLite follows a link too
        self._disk = disk
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    def soon(self, after_s: float = LAZY_S) -> None:
        if self._timer is None and not self._is_closed:
            self._timer = asyncio.get_running_loop().call_later(after_s, self._now)

    def close(self) -> None:
        """Before the thread is closed, which does what it was asked to. Then nothing more is synced."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._now()

    def _now(self) -> None:
        self._timer = None
        try:
            self._disk.run(partial(_sync, self._log), self._told)
        except RuntimeError as refused:  # the system starts no thread
            self._told(refused)

    def _told(self, error: Exception | None) -> None:
        if error is not None:
            log.warning("lazy_commits_are_not_on_the_disk", error=str(error))
            self.soon(AGAIN_S)


def _sync(file: Path) -> None:
    with suppress(FileNotFoundError):  # SQLite has moved all of it into the database, and waited for the disk
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
