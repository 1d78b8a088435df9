"""How many streams a user has now: the leases that have not run out."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from cfx_flow.store.engine import Store
from cfx_flow.store.tables import stream_slots


async def count_streams(store: Store, user_id: str, now: datetime) -> int:
    query = (
        select(func.count())
        .select_from(stream_slots)
        .where(stream_slots.c.user_id == user_id, stream_slots.c.expires_at > now)
    )
    async with store.read() as connection:
        return (await connection.execute(query)).scalar_one()
