"""Snapshots in the database, each visible only to the user who brought it."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select

from cfx_flow.aside import aside
from cfx_flow.clock import Clock
from cfx_flow.errors import NotFound
from cfx_flow.store.engine import Store
from cfx_flow.store.tables import snapshots
from cfx_flow.workspace.archive import pack, unpack
from cfx_flow.workspace.snapshot import Snapshot


class SnapshotStore:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def put(self, user_id: str, snapshot: Snapshot) -> None:
        """Writing the same one again changes nothing."""
        archive = await aside(snapshot.total_bytes, pack, snapshot)
        statement = (
            self._store.insert(snapshots)
            .values(
                user_id=user_id,
                id=snapshot.id,
                file_count=len(snapshot.files),
                total_bytes=snapshot.total_bytes,
                archive=archive,
                created_at=self._clock.now(),
            )
            .on_conflict_do_nothing(index_elements=["user_id", "id"])
        )
        async with self._store.transaction() as connection:
            await connection.execute(statement)

    async def get(self, user_id: str, snapshot_id: str) -> Snapshot:
        """Raises NotFound, for another user's snapshot too."""
        query = select(snapshots.c.archive).where(*_own(user_id, snapshot_id))
        async with self._store.read() as connection:
            archive = (await connection.execute(query)).scalar()
        if archive is None:
            raise _unknown(snapshot_id)
        return await aside(len(archive), unpack, archive)

    async def require(self, user_id: str, snapshot_id: str) -> None:
        """Raises NotFound unless it is there."""
        query = select(snapshots.c.id).where(*_own(user_id, snapshot_id))
        async with self._store.read() as connection:
            if (await connection.execute(query)).scalar() is None:
                raise _unknown(snapshot_id)


def _own(user_id: str, snapshot_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return snapshots.c.user_id == user_id, snapshots.c.id == snapshot_id


def _unknown(snapshot_id: str) -> NotFound:
    return NotFound(
        f"There is no snapshot {snapshot_id} of yours. Upload it with POST /v1/snapshots.",
        param="workspace.snapshot_id",
    )
