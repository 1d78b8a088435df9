"""The request log as its owner reads it: newest first, page by page, in bounded time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, TextClause, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cfx_flow.ledger.record import Status
from cfx_flow.store.cursor import Position, end_of_scan, newest_first
from cfx_flow.store.engine import Store
from cfx_flow.store.tables import daily_usage, request_logs

SCANNED_ROWS = 10_000
"""how many rows one page looks through for what no index knows (a stage, a model, a flow, a key); the page
may then be short, or empty, and its cursor goes on from there"""

_LOGS = request_logs.c
SHOWN = [column for column in request_logs.columns if column.name != "user_id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """None is anything. Times are aware; ``since`` is in, ``until`` is not."""

    stage: str | None = None
    status: Status | None = None
    model: str | None = None
    session_id: str | None = None
    flow_id: str | None = None
    api_key_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def needs_scan(self) -> bool:
        return bool(self.scanned())

    def indexed(self) -> list[ColumnElement[bool] | TextClause]:
        """What an index answers. A partial one is used if its own words stand in the query."""
        found: list[ColumnElement[bool] | TextClause] = []
        if self.status is not None:
            found.append(_LOGS.status == self.status)
            if self.status != "success":
                found.append(text("status <> 'success'"))
        if self.session_id is not None:
            found.append(_LOGS.session_id == self.session_id)
        if self.since is not None:
            found.append(_LOGS.created_at >= self.since)
        if self.until is not None:
            found.append(_LOGS.created_at < self.until)
        return found

    def scanned(self) -> list[ColumnElement[bool]]:
        pairs = (
            (_LOGS.stage, self.stage),
            (_LOGS.model, self.model),
            (_LOGS.flow_id, self.flow_id),
            (_LOGS.api_key_id, self.api_key_id),
        )
        return [column == value for column, value in pairs if value is not None]


@dataclass(frozen=True, slots=True)
class Page:
    rows: Sequence[Row[Any]]
    next_cursor: str | None


async def read_page(  # noqa: PLR0913 - the last one is for tests of what takes a million rows
    store: Store,
    user_id: str,
    wanted: Wanted,
    *,
    limit: int,
    cursor: str | None = None,
    scanned_rows: int = SCANNED_ROWS,
) -> Page:
    """At most ``limit`` rows, newest first. Raises InvalidRequest for a strange cursor."""
    after = None if cursor is None else Position.from_cursor(cursor)
    async with store.read(person=user_id) as connection:
        reading = _Reading(connection, user_id, wanted)
        if not wanted.needs_scan:
            return await reading.page(limit, after)
        after = await reading.newest_day(after)
        if after is None:
            return Page((), None)
        return await reading.page(limit, after, await reading.end_of_scan(after, scanned_rows))


@dataclass(frozen=True, slots=True)
class _Reading:
    connection: AsyncConnection
    user_id: str
    wanted: Wanted

    async def page(self, limit: int, after: Position | None, end: datetime | None = None) -> Page:
        query = select(*SHOWN).where(_LOGS.user_id == self.user_id)
        query = query.where(*self.wanted.indexed(), *self.wanted.scanned())
        if end is not None:
            query = query.where(_LOGS.created_at >= end)
        query = newest_first(query, _LOGS.created_at, _LOGS.id, after).limit(limit + 1)
        rows = (await self.connection.execute(query)).all()
        if len(rows) > limit:
            last = rows[limit - 1]
            return Page(rows[:limit], Position(last.created_at, last.id).to_cursor())
        return Page(rows, None if end is None else Position(end).to_cursor())

    async def newest_day(self, after: Position | None) -> Position | None:
        """Where to begin: days without such a call, which the day's sums know, are not looked through."""
        sums, wanted = daily_usage.c, self.wanted
        query = select(func.max(sums.day)).where(sums.user_id == self.user_id)
        if after is not None:
            query = query.where(sums.day <= after.created_at.date())
        if wanted.stage is not None:
            query = query.where(sums.stage == wanted.stage)
        if wanted.model is not None:
            query = query.where(sums.model == wanted.model)
        day = (await self.connection.execute(query)).scalar()
        if day is None:
            return None
        next_midnight = datetime.combine(day, time(), UTC) + timedelta(days=1)
        return after if after is not None and after.created_at < next_midnight else Position(next_midnight)

    async def end_of_scan(self, after: Position, rows: int) -> datetime | None:
        """See ``cursor.end_of_scan``."""
        query = end_of_scan(_LOGS.created_at, after, rows)
        query = query.where(_LOGS.user_id == self.user_id, *self.wanted.indexed())
        found: datetime | None = (await self.connection.execute(query)).scalar()
        return found
