"""Pages of a list that grows at its front: newest first, the next page by position, never by number.

New rows come before every position that was given out, so a reader who goes on sees each old row once.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Select, select

from cfx_flow.errors import InvalidRequest

MAX_CURSOR_CHARS = 200
_BEFORE_ALL_IDS = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Position:
    """Of a row in the order of (created_at, id)."""

    created_at: datetime
    id: str = _BEFORE_ALL_IDS
    """without it: after every row of that moment, as one reads, before all of earlier ones"""

    @property
    def is_between(self) -> bool:
        """It is no row's."""
        return self.id == _BEFORE_ALL_IDS

    def to_cursor(self) -> str:
        text = json.dumps([self.created_at.isoformat(), self.id])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def from_cursor(cls, cursor: str) -> Position:
        """Raises InvalidRequest for whatever ``to_cursor`` has not made."""
        try:
            if len(cursor) > MAX_CURSOR_CHARS:
                raise ValueError("none of ours is that long")
            created_at, row_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            moment = datetime.fromisoformat(created_at)
            if moment.tzinfo is None or not is_uuid(row_id):
                raise ValueError("not a position")
            return cls(moment.astimezone(UTC), row_id)
        except (ValueError, TypeError, AttributeError, OverflowError, binascii.Error):
            raise InvalidRequest(
                "This cursor is none of ours: take next_cursor from a list.", param="cursor"
            ) from None


def is_uuid(text: str) -> bool:
    """Only the one form that we give out: everything else is not an id of ours."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def newest_first(
    query: Select[Any], created_at: Column[Any], row_id: Column[Any], after: Position | None = None
) -> Select[Any]:
    """The order, and what comes further down the list than ``after``.

    The first comparison alone bounds the walk over an index; ``a < x OR (a = x AND b < y)`` says the same,
    and makes SQLite walk from the newest row every time.
    """
    if after is not None:
        query = query.where(created_at <= after.created_at, _is_older(created_at, row_id, after))
    return query.order_by(created_at.desc(), row_id.desc())


def end_of_scan(created_at: Column[Any], after: Position | None, rows: int) -> Select[Any]:
    """The moment of the last row at which a page looks that looks at ``rows`` of them; none if fewer are
    left. To be narrowed to what an index knows.

    From the index alone, so rows of ``after``'s very moment count too, unless all of them are behind it.
    """
    query = select(created_at).order_by(created_at.desc()).offset(rows).limit(1)
    if after is None:
        return query
    return query.where(created_at < after.created_at if after.is_between else created_at <= after.created_at)


def _is_older(created_at: Column[Any], row_id: Column[Any], after: Position) -> ColumnElement[bool]:
    return (created_at < after.created_at) | (row_id < after.id)
