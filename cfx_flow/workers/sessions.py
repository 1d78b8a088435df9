"""Whether what answers at the database's address keeps a session for us, or is a transaction pooler."""

from __future__ import annotations

import uuid
from typing import Any

import psycopg
from psycopg import sql

from cfx_flow.errors import ConfigError, StoreUnavailable
from cfx_flow.store.address import KEY
from cfx_flow.store.trouble import NO_ANSWER

HEARD_WITHIN_S = 3.0
_CONNECT: dict[str, Any] = {"connect_timeout": 5, "autocommit": True, "prepare_threshold": None}


async def require_sessions(conninfo: str) -> None:
    """Raises ConfigError behind a transaction pooler, StoreUnavailable.

    One session listens and holds a lock. Through a pooler that lends sessions by the transaction (PgBouncer,
    Supabase's port 6543) it never hears, or another one gets the same lock.
    """
    try:
        async with (
            await psycopg.AsyncConnection.connect(conninfo, **_CONNECT) as ours,
            await psycopg.AsyncConnection.connect(conninfo, **_CONNECT) as other,
        ):
            is_kept = await _locks_out(ours, other) and await _hears(ours, other)
    except psycopg.OperationalError as error:
        raise StoreUnavailable(NO_ANSWER) from error
    if not is_kept:
        raise ConfigError(
            "there is a transaction pooler at this address: session locks and LISTEN, by which workers share "
            "flows, do not work there. Give whoever runs flows the address of Postgres itself, or of a "
            "session pooler (on Supabase port 5432, not 6543)",
            key=KEY,
        )


async def _locks_out(ours: psycopg.AsyncConnection[Any], other: psycopg.AsyncConnection[Any]) -> bool:
    key = (uuid.uuid4().int & (2**63 - 1),)
    await ours.execute("SELECT pg_advisory_lock(%s)", key)
    cursor = await other.execute("SELECT pg_try_advisory_lock(%s)", key)
    row = await cursor.fetchone()
    return row is not None and not row[0]


async def _hears(ours: psycopg.AsyncConnection[Any], other: psycopg.AsyncConnection[Any]) -> bool:
    channel = f"cfx_{uuid.uuid4().hex}"
    await ours.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
    await other.execute(sql.SQL("NOTIFY {}").format(sql.Identifier(channel)))
    async for _ in ours.notifies(timeout=HEARD_WITHIN_S, stop_after=1):
        return True
    return False
