"""Snapshots in the database, each visible only to the user who brought it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Column, Select, bindparam, select

from cfx_flow.aside import aside
from cfx_flow.clock import Clock
from cfx_flow.errors import NotFound
from cfx_flow.store.engine import Store
from cfx_flow.store.jobs import Ask, Row, Steps
from cfx_flow.store.tables import snapshots
from cfx_flow.workspace.archive import pack, unpack
from cfx_flow.workspace.places import Places
from cfx_flow.workspace.snapshot import FILE_CHARS, Snapshot

OF_ONE_USER = 2
"""at a time: a quarter of a megabyte may unpack to 256"""


class SnapshotStore:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self.places = Places(OF_ONE_USER)
        """for whoever has a snapshot in memory that is not of the ``OpenSnapshots``"""

    async def put(self, user_id: str, snapshot: Snapshot) -> None:
        """Writing the same one again keeps it for longer, if it is an hour old."""
        archive, snapshot_id = await aside(snapshot.weight, _packed, snapshot)
        now = self._clock.now()
        statement = self._store.insert(snapshots).values(
            user_id=user_id,
            id=snapshot_id,
            file_count=len(snapshot.files),
            total_bytes=snapshot.total_bytes,
            archive=archive,
            created_at=now,
        )
        statement = statement.on_conflict_do_update(
            index_elements=["user_id", "id"],
            set_={"created_at": now},
            where=snapshots.c.created_at < now - timedelta(hours=1),
        )
        async with self._store.transaction() as connection:
            await connection.execute(statement)

    async def get(self, user_id: str, snapshot_id: str) -> Snapshot:
        """Raises NotFound, for another user's snapshot too."""
        row = await self._row(_ARCHIVE, user_id, snapshot_id)
        weight = row["total_bytes"] + FILE_CHARS * row["file_count"]
        return await aside(weight, unpack, row["archive"])

    async def require(self, user_id: str, snapshot_id: str) -> None:
        """Raises NotFound unless it is there."""
        await self._row(_ID, user_id, snapshot_id)

    async def _row(self, query: Select[Any], user_id: str, snapshot_id: str) -> Row:
        def job() -> Steps[Sequence[Row]]:
            return (yield Ask(query, {"user_id": user_id, "id": snapshot_id}))

        for row in await self._store.look(job, person=user_id):
            return row
        raise _unknown(snapshot_id)


def keep(user_id: str, snapshot_id: str) -> Steps[None]:
    """Within the transaction that takes it up: it may have gone since it was brought, with its user or
    because it was old, and from here on it stays. Raises NotFound."""
    if not (yield Ask(_KEPT, {"user_id": user_id, "id": snapshot_id})):
        raise _unknown(snapshot_id)


def _packed(snapshot: Snapshot) -> tuple[bytes, str]:
    """And its id, which stays with it: hashing 256 MiB takes a moment too."""
    return pack(snapshot), snapshot.id


def _own(*columns: Column[Any]) -> Select[Any]:
    owned = snapshots.c.user_id == bindparam("user_id")
    return select(*columns).where(owned, snapshots.c.id == bindparam("id"))


_ARCHIVE = _own(snapshots.c.archive, snapshots.c.total_bytes, snapshots.c.file_count)
_ID = _own(snapshots.c.id)
_KEPT = _ID.with_for_update(read=True, key_share=True)


def _unknown(snapshot_id: str) -> NotFound:
    return NotFound(
        f"There is no snapshot {snapshot_id} of yours. Upload it with POST /v1/snapshots.",
        param="workspace.snapshot_id",
    )
