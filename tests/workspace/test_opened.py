"""Snapshots that flows share: opened once, and no more of them at hand than there is room for."""

from __future__ import annotations

import asyncio
import threading
import tracemalloc
import uuid
from collections.abc import Sequence
from functools import cached_property

import pytest

from cfx_flow.aside import IN_LOOP_CHARS
from cfx_flow.errors import NotFound
from cfx_flow.store.engine import Store
from cfx_flow.workspace.archive import pack, unpack
from cfx_flow.workspace.opened import AT_ONCE, OF_ONE_USER, OpenSnapshots, in_memory
from cfx_flow.workspace.snapshot import PLAIN, Snapshot, from_files
from cfx_flow.workspace.store import SnapshotStore
from tests.support.clock import FakeClock

USER = str(uuid.uuid4())
ROOM = 11_000
"""for three of 1000 characters, and not for four"""


class Counted(SnapshotStore):
    reads = 0

    async def get(self, user_id: str, snapshot_id: str) -> Snapshot:
        self.reads += 1
        return await super().get(user_id, snapshot_id)


@pytest.fixture
def counted(store: Store) -> Counted:
    return Counted(store, FakeClock())


async def brought(counted: Counted, *texts: str, by: str = USER) -> list[str]:
    """Their ids, each the only file of its snapshot."""
    snapshots = [from_files({"a.txt": text}) for text in texts]
    for snapshot in snapshots:
        await counted.put(by, snapshot)
    return [snapshot.id for snapshot in snapshots]


async def test_many_who_open_the_same_one_read_it_once(counted: Counted) -> None:
    (wanted,) = await brought(counted, "x" * 1000)
    opened = OpenSnapshots(counted, ROOM)
    found = await asyncio.gather(*(opened.get(USER, wanted) for _ in range(10)))
    async with opened.opened(USER, wanted) as again:
        assert {id(each) for each in found} == {id(again)}
    assert again.texts == {"a.txt": "x" * 1000}
    assert counted.reads == 1


async def test_what_was_used_longest_ago_goes_first(counted: Counted) -> None:
    *three, fourth = await brought(counted, *(letter * 1000 for letter in "abcd"))
    opened = OpenSnapshots(counted, ROOM)
    for wanted in (*three, three[0], fourth):  # the second makes room for the fourth
        await opened.get(USER, wanted)
    assert counted.reads == 4
    for wanted in (three[0], three[2], fourth):
        await opened.get(USER, wanted)
    assert counted.reads == 4
    await opened.get(USER, three[1])
    assert counted.reads == 5


async def test_one_that_is_larger_than_all_the_room_is_opened_and_not_kept(counted: Counted) -> None:
    large, small = await brought(counted, "x" * ROOM, "y")
    opened = OpenSnapshots(counted, ROOM)
    for wanted in (small, large, large):
        assert (await opened.get(USER, wanted)).id == wanted
    assert counted.reads == 3


@pytest.mark.parametrize("text", ["", "x" * 500, "é" * 100])
def test_what_one_takes_is_counted_to_the_last_path(text: str) -> None:
    archive = pack(from_files({f"{'folder/' * 80}{n}.txt": text and f"{text}{n}" for n in range(2000)}))
    tracemalloc.start()
    try:
        snapshot = unpack(archive)
        counted = in_memory(snapshot)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.9 * held < counted < 1.5 * held


def test_many_empty_files_are_no_work_for_the_loop() -> None:
    assert (
        from_files({"a.txt": ""}).weight < IN_LOOP_CHARS < from_files({f"{n}": "" for n in range(500)}).weight
    )


class Noted(Snapshot):
    @cached_property
    def id(self) -> str:
        assert threading.current_thread() is not threading.main_thread(), "hashed in the loop"
        return from_files({}).id


async def test_a_large_one_is_hashed_beside_the_loop(counted: Counted) -> None:
    await counted.put(USER, Noted({"a.txt": bytes(IN_LOOP_CHARS)}, {"a.txt": PLAIN}))
    assert (await counted.get(USER, from_files({}).id)).texts == {}


async def most_at_once(counted: Counted, users: Sequence[str], texts: str, full: int) -> int:
    """Of those who have one in hand. ``full``: so many wait for each other there."""
    opened, inside, most = OpenSnapshots(counted, 0), 0, 0
    meeting = asyncio.Barrier(full)

    async def work(user: str, wanted: str) -> None:
        nonlocal inside, most
        async with opened.opened(user, wanted):
            inside += 1
            most = max(most, inside)
            await asyncio.wait_for(meeting.wait(), 20)
            inside -= 1

    brought_by = [(user, await brought(counted, *texts, by=user)) for user in users]
    await asyncio.gather(*(work(user, wanted) for user, ids in brought_by for wanted in ids))
    return most


async def test_few_have_one_in_hand_at_a_time(counted: Counted) -> None:
    users = [str(uuid.uuid4()) for _ in range(AT_ONCE)]
    assert await most_at_once(counted, users, "ab", AT_ONCE) == AT_ONCE


async def test_one_user_leaves_places_to_others(counted: Counted) -> None:
    assert await most_at_once(counted, [USER], "abcdef", OF_ONE_USER) == OF_ONE_USER < AT_ONCE


async def test_who_is_cancelled_while_it_waits_gives_its_place_back(counted: Counted) -> None:
    (wanted,) = await brought(counted, "x")
    opened = OpenSnapshots(counted, ROOM)

    async def work() -> None:
        async with opened.opened(USER, wanted):
            await asyncio.sleep(0)

    async with opened.opened(USER, wanted), opened.opened(USER, wanted):
        waiting = [asyncio.create_task(work()) for _ in range(5)]
        await asyncio.sleep(0)
        for each in waiting[::2]:
            each.cancel()
    async with asyncio.timeout(20):
        await asyncio.wait(waiting)
        await asyncio.gather(*(work() for _ in range(3 * AT_ONCE)))


async def test_what_is_not_there_is_told_and_takes_no_place(counted: Counted) -> None:
    (wanted,) = await brought(counted, "x")
    opened = OpenSnapshots(counted, ROOM)
    for _ in range(AT_ONCE + 1):
        with pytest.raises(NotFound):
            async with opened.opened(str(uuid.uuid4()), wanted):
                pytest.fail("another user's")
    async with opened.opened(USER, wanted):
        pass
