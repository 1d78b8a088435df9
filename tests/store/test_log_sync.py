"""What was committed lazily comes to the disk by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cfx_flow.store.commit_thread import CommitThread, Told
from cfx_flow.store.engine import open_store
from cfx_flow.store.log_sync import AGAIN_S, LAZY_S, LogSync
from tests.store.test_jobs import writing
from tests.support.stores import eventually


class Disk(CommitThread):
    """Remembers what came of each thing that it was asked to do."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: list[Exception | None] = []

    def run(self, commit: Callable[[], object], told: Told) -> None:
        def heard(error: Exception | None) -> None:
            self.ended.append(error)
            told(error)

        super().run(commit, heard)


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.close()


async def test_many_commits_are_taken_along_at_once(tmp_path: Path, disk: Disk) -> None:
    (tmp_path / "cfx.db-wal").write_text("what was committed")
    sync = LogSync(tmp_path / "cfx.db", disk)
    for _ in range(2):
        disk.ended.clear()
        sync.soon()
        sync.soon()
        assert disk.ended == []
        await eventually(lambda: disk.ended != [])
        await asyncio.sleep(2 * LAZY_S)
        assert disk.ended == [None]


async def test_the_log_is_sqlites_own_where_the_database_is_a_link(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(sqlite_url.removeprefix("sqlite:///"))
    store = await open_store(f"sqlite:///{tmp_path / 'link.db'}")
    try:
        await store.run(writing("a"), is_lazy=True)
        jobs = store._jobs
        assert jobs is not None
        assert jobs._sync._log.stat().st_size > 0
        assert not (tmp_path / "link.db-wal").exists()
    finally:
        await store.close()


async def test_a_log_that_is_empty_and_gone_needs_nothing(tmp_path: Path, disk: Disk) -> None:
    LogSync(tmp_path / "cfx.db", disk).soon()
    await eventually(lambda: disk.ended == [None])


async def test_a_disk_that_refuses_is_told_of_and_asked_again(tmp_path: Path, disk: Disk) -> None:
    file = tmp_path / "cfx.db-wal"
    file.symlink_to("/dev/null")  # which knows no fsync
    sync = LogSync(tmp_path / "cfx.db", disk)
    with capture_logs() as logs:
        sync.soon()
        await eventually(lambda: len(disk.ended) == 1)
        file.unlink()
        file.write_text("what was committed")
        await eventually(lambda: len(disk.ended) == 2, AGAIN_S + 5)
    assert isinstance(disk.ended[0], OSError)
    assert disk.ended[1] is None
    assert [line["event"] for line in logs] == ["lazy_commits_are_not_on_the_disk"]


async def test_closing_does_at_once_what_is_owed_and_nothing_after_it(tmp_path: Path, disk: Disk) -> None:
    sync = LogSync(tmp_path / "cfx.db", disk)
    sync.soon()
    sync.close()
    disk.close()
    await eventually(lambda: disk.ended == [None])
    sync.soon()
    await asyncio.sleep(2 * LAZY_S)
    assert disk.ended == [None]
