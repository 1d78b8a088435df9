"""Stream slots on Postgres: each op a transaction of its own, all of a batch in one round trip."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from cfx_flow.limits.leases import NOBODY, Op, Renew, Row, Swap, Take, Taken
from cfx_flow.limits.slots import Talk
from cfx_flow.store.group_commit import NowOrLater
from cfx_flow.store.quick_postgres import QuickPostgres, Rows, Statement, Transaction, Values

_LOCK_CLASS = 0x6366_7873  # any number that is ours
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).isoformat().encode()

# Two takers of one user come one after the other: each sees what the other has taken.
_LOCK = Statement(f"""
    SELECT pg_advisory_xact_lock({_LOCK_CLASS}, hashtext($1::text)),
        set_config('synchronous_commit', 'off', true)
""")
_TAKE = Statement("""
    WITH running AS MATERIALIZED (
        SELECT slot, token, session_id, message_count, digest
        FROM stream_slots WHERE user_id = $1::uuid AND expires_at > $2::timestamptz
    ), taken AS (
        INSERT INTO stream_slots (user_id, slot, token, expires_at, session_id, message_count, digest)
        SELECT $1::uuid, free.slot, $3::text, $4::timestamptz, $5::text, $6::int, $7::bytea
        FROM generate_series(0, $8::int - 1) AS free (slot)
        WHERE (SELECT count(*) FROM running) < $8::int AND free.slot NOT IN (SELECT slot FROM running)
        ORDER BY free.slot LIMIT 1
        ON CONFLICT (user_id, slot) DO UPDATE SET
            token = excluded.token, expires_at = excluded.expires_at, session_id = excluded.session_id,
            message_count = excluded.message_count, digest = excluded.digest
        RETURNING slot
    )
    SELECT true AS is_taken, slot, NULL AS token, NULL AS session_id, NULL AS message_count, NULL AS digest
    FROM taken
    UNION ALL SELECT false, slot, token, session_id, message_count, digest FROM running
""")
_PUT_IF_HELD_BY = Statement("""
    INSERT INTO stream_slots AS s (user_id, slot, token, expires_at, session_id, message_count, digest)
    SELECT row.user_id, row.slot, row.token, $2::timestamptz, row.session_id, row.message_count,
        decode(row.digest, 'hex')
    FROM jsonb_to_recordset($1::jsonb) AS row (user_id uuid, slot int, token text, session_id text,
        message_count int, digest text)
    ORDER BY row.user_id, row.slot
    ON CONFLICT (user_id, slot) DO UPDATE SET
        token = excluded.token, expires_at = excluded.expires_at, session_id = excluded.session_id,
        message_count = excluded.message_count, digest = excluded.digest
    WHERE s.token = coalesce($3::text, excluded.token)
    RETURNING token, set_config('synchronous_commit', 'off', true)
""")
_END = Statement("""
    UPDATE stream_slots SET token = $3::text, expires_at = $4::timestamptz
    WHERE user_id = $1::uuid AND token = $2::text
    RETURNING slot, set_config('synchronous_commit', 'off', true)
""")


class PostgresSlots:
    def __init__(self, database: QuickPostgres) -> None:
        self._database = database

    def apply(self, ops: Sequence[Op], now: datetime, until: datetime) -> NowOrLater[Sequence[Any]]:
        return self._apply(ops, now, until)

    async def _apply(self, ops: Sequence[Op], now: datetime, until: datetime) -> list[Any]:
        times = now.isoformat().encode(), until.isoformat().encode()
        answers = await self._database.run([_transaction(op, *times) for op in ops])
        return [_answer(op, rows) for op, rows in zip(ops, answers, strict=True)]


def _transaction(op: Op, now: bytes, until: bytes) -> Transaction:
    if isinstance(op, Take):
        user_id, talk = op.user_id.encode(), op.talk
        session_id = None if talk.session_id is None else talk.session_id.encode()
        new = (op.token.encode(), until, session_id, b"%d" % talk.message_count, _bytea(talk.digest))
        return [(_LOCK, (user_id,)), (_TAKE, (user_id, now, *new, b"%d" % op.max_streams))]
    if isinstance(op, Swap):
        return [(_PUT_IF_HELD_BY, (_records([op.row]), until, op.old_token.encode()))]
    if isinstance(op, Renew):
        return [(_PUT_IF_HELD_BY, (_records(op.rows), until, None))]
    return [(_END, (op.user_id.encode(), op.token.encode(), NOBODY.encode(), _EPOCH))]


def _answer(op: Op, rows: Rows) -> Any:
    if isinstance(op, Take):
        taken = [int(row[1] or 0) for row in rows if row[0] == b"t"]
        running = tuple(_row(op.user_id, row) for row in rows if row[0] != b"t")
        return Taken(taken[0] if taken else None, running)
    if isinstance(op, Renew):
        return frozenset((row[0] or b"").decode() for row in rows)
    return bool(rows)


def _row(user_id: str, values: Values) -> Row:
    _, number, token, session_id, message_count, digest = values
    talk = Talk(
        None if session_id is None else session_id.decode(),
        int(message_count or 0),
        bytes.fromhex((digest or b"")[2:].decode()),
    )
    return Row(user_id, int(number or 0), (token or b"").decode(), talk)


def _bytea(value: bytes) -> bytes:
    return b"\\x" + value.hex().encode()


def _records(rows: Sequence[Row]) -> bytes:
    return json.dumps(
        [
            {
                "user_id": row.user_id,
                "slot": row.number,
                "token": row.token,
                "session_id": row.talk.session_id,
                "message_count": row.talk.message_count,
                "digest": row.talk.digest.hex(),
            }
            for row in rows
        ]
    ).encode()
