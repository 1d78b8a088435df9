"""Unpacked snapshots, for the flows of this process.

A snapshot may be 256 MiB, and its texts several times that; a flow works on it for milliseconds and waits
for a model for minutes. So none is a flow's own: the flow opens it for each step, and what was opened last
stays at hand, up to a number of bytes.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from itertools import chain
from weakref import WeakValueDictionary

import msgspec

from cfx_flow.aside import aside
from cfx_flow.workspace.places import Places
from cfx_flow.workspace.snapshot import Snapshot
from cfx_flow.workspace.store import SnapshotStore

AT_ONCE = 4
"""flows that work on theirs; more would only wait for the processor, each with a snapshot in hand"""

OF_ONE_USER = 2
"""of these: what others have waits for nobody's huge ones"""

SNAPSHOT_BYTES = 500
"""that the smallest one takes, with what it is known by"""

Key = tuple[str, str]


class _Kept(msgspec.Struct, frozen=True):
    snapshot: Snapshot
    size: int


class OpenSnapshots:
    def __init__(self, store: SnapshotStore, most_bytes: int) -> None:
        self._store, self._most_bytes = store, most_bytes
        self._kept: dict[Key, _Kept] = {}
        """least recently used first"""
        self._bytes = 0
        self._places = asyncio.Semaphore(AT_ONCE)
        self._of_users = Places(OF_ONE_USER)
        self._opening: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()

    def opened(self, user_id: str, snapshot_id: str) -> AbstractAsyncContextManager[Snapshot]:
        """For work of the processor's: who has it waits for nobody, and opens no other. Raises NotFound."""
        return _InHand(self, (self._of_users.of(user_id), self._places), (user_id, snapshot_id))

    async def get(self, user_id: str, snapshot_id: str) -> Snapshot:
        """For who has a turn of another kind. Raises NotFound."""
        key = (user_id, snapshot_id)
        if (kept := self._kept.pop(key, None)) is not None:
            self._kept[key] = kept
            return kept.snapshot
        async with self._opening.setdefault(key, asyncio.Lock()):
            if key in self._kept:  # another flow was quicker
                return self._kept[key].snapshot
            snapshot = await self._store.get(user_id, snapshot_id)
            self._keep(key, _Kept(snapshot, await aside(snapshot.weight, in_memory, snapshot)))
            return snapshot

    def _keep(self, key: Key, opened: _Kept) -> None:
        self._kept[key] = opened
        self._bytes += opened.size
        while self._bytes > self._most_bytes:
            oldest = next(iter(self._kept))
            self._bytes -= self._kept.pop(oldest).size


class _InHand:
    """Not a generator's: it is entered in every step."""

    __slots__ = ("_key", "_open", "_places", "_taken")

    def __init__(self, open_: OpenSnapshots, places: Sequence[asyncio.Semaphore], key: Key) -> None:
        self._open, self._places, self._key = open_, places, key
        self._taken: list[asyncio.Semaphore] = []

    async def __aenter__(self) -> Snapshot:
        try:
            for place in self._places:
                await place.acquire()
                self._taken.append(place)
            return await self._open.get(*self._key)
        except BaseException:
            self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    def _leave(self) -> None:
        while self._taken:
            self._taken.pop().release()


def in_memory(snapshot: Snapshot) -> int:
    """Bytes, its texts included, which are read for it: the paths of empty files may be 20 MB."""
    files, texts = snapshot.files, snapshot.texts
    each = chain(files, files.values(), texts.values(), (files, snapshot.modes, texts))
    return SNAPSHOT_BYTES + sum(map(sys.getsizeof, each))
