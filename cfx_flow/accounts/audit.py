"""Who changed what about accounts and keys, and when: a row in the transaction of each change."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cfx_flow.accounts.principal import Principal
from cfx_flow.store.cursor import Position, newest_first
from cfx_flow.store.engine import Store
from cfx_flow.store.tables import audit_log


@dataclass(frozen=True, slots=True)
class Actor:
    name: str
    user_id: str | None = None
    api_key_id: str | None = None

    @classmethod
    def of(cls, caller: Principal) -> Actor:
        return cls(caller.name, caller.user_id, caller.api_key_id)


SERVER = Actor("the server")
OPERATOR = Actor("the operator")
"""with a command beside the database: whoever may run it may do everything"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """``detail`` never holds a secret."""

    action: str
    """noun.verb, as events are called: key.created, user.disabled"""
    user_id: str
    """whose key or account it is"""
    subject: str
    """the key's public id, or the account's name"""
    detail: Mapping[str, Any]


async def note(connection: AsyncConnection, actor: Actor, change: Change, now: datetime) -> None:
    await connection.execute(
        audit_log.insert().values(
            id=str(uuid.uuid4()),
            created_at=now,
            actor=actor.name,
            actor_id=actor.user_id,
            actor_key_id=actor.api_key_id,
            action=change.action,
            user_id=change.user_id,
            subject=change.subject,
            detail=dict(change.detail),
        )
    )


async def read_audit(
    store: Store, *, user_id: str | None = None, limit: int, cursor: str | None = None
) -> tuple[Sequence[Row[Any]], str | None]:
    """Newest first, of one user or of all. Raises InvalidRequest for a strange cursor."""
    after = None if cursor is None else Position.from_cursor(cursor)
    query = select(audit_log)
    if user_id is not None:
        query = query.where(audit_log.c.user_id == user_id)
    query = newest_first(query, audit_log.c.created_at, audit_log.c.id, after).limit(limit + 1)
    async with store.read(person=user_id) as connection:
        rows = (await connection.execute(query)).all()
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], Position(last.created_at, last.id).to_cursor()
