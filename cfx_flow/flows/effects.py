"""The journal of paid calls.

``started`` is written before a call, ``done`` with its answer before the node goes on. A node
that runs again after a crash gets what was answered from here; only a call that was in flight
is made, and perhaps billed, once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cfx_flow.store.engine import Store
from cfx_flow.store.tables import effects


@dataclass(frozen=True, slots=True)
class Effect:
    step: int
    call: int
    """from 0, in the order in which the node asks"""
    request_hash: bytes
    """SHA-256 of what is asked: an answer to another question is none"""
    tries: int
    """how many runs have begun it; above 1 it may have been billed more than once"""
    answer: bytes | None
    """as the graph wrote it; None while nothing has been answered"""
    started_at: datetime
    done_at: datetime | None = None


async def find_effect(
    connection: AsyncConnection, flow_id: str, step: int, call: int, request_hash: bytes
) -> Effect | None:
    query = select(*(effects.c[name] for name in Effect.__slots__)).where(
        effects.c.flow_id == flow_id,
        effects.c.step == step,
        effects.c.call == call,
        effects.c.request_hash == request_hash,
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else Effect(*row)


async def put_effect(connection: AsyncConnection, store: Store, flow_id: str, effect: Effect) -> None:
    row = {name: getattr(effect, name) for name in Effect.__slots__}
    keys = ("flow_id", "step", "call", "request_hash")
    await connection.execute(
        store.insert(effects)
        .values(flow_id=flow_id, **row)
        .on_conflict_do_update(
            index_elements=keys, set_={name: value for name, value in row.items() if name not in keys}
        )
    )
