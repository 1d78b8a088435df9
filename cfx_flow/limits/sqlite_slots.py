"""Stream slots on SQLite: the ops of a batch within one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import Any

from cfx_flow.limits.leases import NOBODY, End, Op, Renew, Row, Swap, Take, Taken
from cfx_flow.limits.slots import Talk
from cfx_flow.store.group_commit import NowOrLater
from cfx_flow.store.quick_sqlite import QuickSqlite, stored_id, stored_time

_EPOCH = stored_time(datetime(1970, 1, 1, tzinfo=UTC))
_RUNNING = (
    "SELECT slot, token, session_id, message_count, digest FROM stream_slots"
    " WHERE user_id = ? AND expires_at > ? ORDER BY slot"
)
_PUT = (
    "INSERT INTO stream_slots (user_id, slot, token, expires_at, session_id, message_count, digest)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (user_id, slot) DO UPDATE SET"
    " token = excluded.token, expires_at = excluded.expires_at, session_id = excluded.session_id,"
    " message_count = excluded.message_count, digest = excluded.digest"
)
_PUT_IF_HELD_BY = _PUT + " WHERE token = ?"
_END = "UPDATE stream_slots SET token = ?, expires_at = ? WHERE user_id = ? AND token = ?"


class SqliteSlots:
    def __init__(self, database: QuickSqlite) -> None:
        self._database = database

    def apply(self, ops: Sequence[Op], now: datetime, until: datetime) -> NowOrLater[Sequence[Any]]:
        batch = partial(_apply, ops, stored_time(now), stored_time(until))
        return self._database.write(batch)


def _apply(ops: Sequence[Op], now: str, until: str, connection: sqlite3.Connection) -> list[Any]:
    answers: list[Any] = []
    for op in ops:
        if isinstance(op, Take):
            answers.append(_take(connection, op, now, until))
        elif isinstance(op, Swap):
            answers.append(_put_if_held(connection, op.row, op.old_token, until))
        elif isinstance(op, Renew):
            answers.append(_renew(connection, op, until))
        else:
            answers.append(_end(connection, op))
    return answers


def _take(connection: sqlite3.Connection, op: Take, now: str, until: str) -> Taken:
    found = connection.execute(_RUNNING, (stored_id(op.user_id), now)).fetchall()
    running = tuple(
        Row(op.user_id, number, token, Talk(session_id, messages, digest))
        for number, token, session_id, messages, digest in found
    )
    if len(running) >= op.max_streams:
        return Taken(None, running)
    held = {row.number for row in running}
    number = next(number for number in count() if number not in held)
    connection.execute(_PUT, _values(Row(op.user_id, number, op.token, op.talk), until))
    return Taken(number, running)


def _put_if_held(connection: sqlite3.Connection, row: Row, token: str, until: str) -> bool:
    """Also where the row is gone: a store that forgot is told again."""
    return connection.execute(_PUT_IF_HELD_BY, (*_values(row, until), token)).rowcount > 0


def _end(connection: sqlite3.Connection, op: End) -> bool:
    ended = connection.execute(_END, (NOBODY, _EPOCH, stored_id(op.user_id), op.token))
    return ended.rowcount > 0


def _renew(connection: sqlite3.Connection, op: Renew, until: str) -> frozenset[str]:
    return frozenset(row.token for row in op.rows if _put_if_held(connection, row, row.token, until))


def _values(row: Row, until: str) -> tuple[object, ...]:
    talk = row.talk
    identity = (stored_id(row.user_id), row.number, row.token, until)
    return (*identity, talk.session_id, talk.message_count, talk.digest)
