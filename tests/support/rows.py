"""A row for any table, of whatever revision: something in every column that must have it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import CHAR, Table

NOW = datetime(2026, 11, 29, tzinfo=UTC)
IDS = ("id", "user_id", "flow_id", "request_id", "snapshot_id")


def row_of(table: Table, user_id: str) -> dict[str, Any]:
    """The user's; every id in it is the user's own, so that the rows of all tables fit together."""
    of_kind = {
        int: 0,
        bool: False,
        dict: {},
        bytes: b"\0" * 32,
        str: f"of {user_id[-12:]}",
        date: NOW.date(),
        datetime: NOW,
    }
    row = {
        column.name: NOW if column.name.endswith("at") else of_kind.get(column.type.python_type, 0)
        for column in table.columns
        if not column.nullable
    }
    return row | {name: _as_stored(table, name, user_id) for name in IDS if name in row}


def _as_stored(table: Table, name: str, value: str) -> str:
    """A table that was read from SQLite does not know that it has uuids."""
    kind = table.c[name].type
    return value.replace("-", "") if isinstance(kind, CHAR) and kind.length == 32 else value
