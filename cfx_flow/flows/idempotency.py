"""``Idempotency-Key``: a POST that is sent again finds the flow that it made the first time.

**Source**: SPEC section 5; the IETF draft "The Idempotency-Key HTTP Header Field".
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cfx_flow.errors import IdempotencyMismatch, InvalidRequest
from cfx_flow.flows.model import Flow
from cfx_flow.store.engine import Store
from cfx_flow.store.tables import idempotency_keys

HEADER = "Idempotency-Key"
MAX_CHARS = 255
KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What makes two requests of one user the same."""

    key: str
    body_hash: bytes


def ticket_of(key: str | None, body: bytes) -> Ticket | None:
    """None without the header. Raises InvalidRequest."""
    if key is None:
        return None
    if not key.strip() or len(key) > MAX_CHARS or not key.isprintable():
        raise InvalidRequest(f"{HEADER}: send 1 to {MAX_CHARS} printable characters.", param=HEADER)
    return Ticket(key, hashlib.sha256(body).digest())


async def flow_for(connection: AsyncConnection, user_id: str, ticket: Ticket, now: datetime) -> str | None:
    """The id of the flow that the same request made. Raises IdempotencyMismatch for another body."""
    keys = idempotency_keys.c
    query = select(keys.body_hash, keys.flow_id).where(
        keys.user_id == user_id, keys.key == ticket.key, keys.created_at > now - KEPT
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    if row.body_hash != ticket.body_hash:
        raise IdempotencyMismatch(
            f"This {HEADER} came with another body in the last 24 hours. Send a new key with a new request.",
            param=HEADER,
        )
    return str(row.flow_id)


async def take_ticket(connection: AsyncConnection, store: Store, ticket: Ticket, flow: Flow) -> bool:
    """Of a hundred at once one gets it; the others wait for that one's transaction, and get False."""
    row = {"body_hash": ticket.body_hash, "flow_id": flow.id, "created_at": flow.created_at}
    gone = idempotency_keys.c.created_at <= flow.created_at - KEPT
    statement = (
        store.insert(idempotency_keys)
        .values(user_id=flow.user_id, key=ticket.key, **row)
        .on_conflict_do_update(index_elements=["user_id", "key"], set_=row, where=gone)
        .returning(idempotency_keys.c.flow_id)
    )
    return (await connection.execute(statement)).one_or_none() is not None
