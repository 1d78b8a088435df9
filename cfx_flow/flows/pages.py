"""The list of somebody's flows: newest first, page by page, in bounded time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cfx_flow.flows import statements as sql
from cfx_flow.flows.model import Flow, FlowStatus, Reason
from cfx_flow.flows.rows import flow_of
from cfx_flow.flows.search import folded, is_meant
from cfx_flow.store.cursor import Position, end_of_scan, newest_first
from cfx_flow.store.engine import Store
from cfx_flow.store.tables import flow_search, flows

SEARCHED_FLOWS = 10_000
"""how many tasks one page looks through for words; it may then be short, or empty, and its cursor goes on
from there"""

_FOUND = flow_search.c


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which flows of a list; what is empty, or None, lets all through."""

    statuses: Sequence[FlowStatus] = ()
    reason: Reason | None = None
    forked_from: str | None = None
    """the id of a flow"""
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""
    """words of its task, in whatever case, or the beginning of its id"""

    @property
    def others(self) -> Sequence[ColumnElement[bool]]:
        """All but the text and the times."""
        return list(self._others())

    def _others(self) -> Iterator[ColumnElement[bool]]:
        if self.statuses:
            yield flows.c.status.in_(self.statuses)
        if self.reason is not None:
            yield flows.c.reason == self.reason
        if self.forked_from is not None:
            yield flows.c.parent_id == self.forked_from

    def times(self, created_at: Column[Any]) -> Iterator[ColumnElement[bool]]:
        if self.since is not None:
            yield created_at >= self.since
        if self.until is not None:
            yield created_at < self.until


EVERYTHING = Wanted()


@dataclass(frozen=True, slots=True)
class Page:
    flows: Sequence[Flow]
    next_cursor: str | None
    searched_to: datetime | None = None
    """where a search has stopped for now: what is older has not been looked at"""


async def read_page(  # noqa: PLR0913 - the last one is for tests of what takes many flows
    store: Store,
    user_id: str,
    wanted: Wanted = EVERYTHING,
    *,
    limit: int = 20,
    cursor: str | None = None,
    searched_flows: int = SEARCHED_FLOWS,
) -> Page:
    """At most ``limit`` flows. Raises InvalidRequest for a strange cursor."""
    after = None if cursor is None else Position.from_cursor(cursor)
    words = folded(wanted.text)
    async with store.read(person=user_id) as connection:
        if words:
            search = _Search(connection, user_id, wanted, is_meant(words, store.dialect))
            return await search.page(limit, after, await search.end(after, searched_flows))
        query = sql.FLOWS.where(flows.c.user_id == user_id)
        query = query.where(*wanted.others, *wanted.times(flows.c.created_at))
        return await _page(connection, newest_first(query, flows.c.created_at, flows.c.id, after), limit)


@dataclass(frozen=True, slots=True)
class _Search:
    connection: AsyncConnection
    user_id: str
    wanted: Wanted
    is_meant: ColumnElement[bool]

    async def end(self, after: Position | None, rows: int) -> datetime | None:
        """See ``cursor.end_of_scan``."""
        query = end_of_scan(_FOUND.created_at, after, rows)
        query = query.where(_FOUND.user_id == self.user_id, *self.wanted.times(_FOUND.created_at))
        end: datetime | None = (await self.connection.execute(query)).scalar()
        return end

    async def page(self, limit: int, after: Position | None, end: datetime | None) -> Page:
        found = select(_FOUND.flow_id).where(_FOUND.user_id == self.user_id, self.is_meant)
        found = found.where(*self.wanted.times(_FOUND.created_at), *self._has_the_rest())
        if end is not None:
            found = found.where(_FOUND.created_at >= end)
        found = newest_first(found, _FOUND.created_at, _FOUND.flow_id, after).limit(limit + 1)
        query = sql.FLOWS.where(flows.c.id.in_(found))
        return await _page(self.connection, newest_first(query, flows.c.created_at, flows.c.id), limit, end)

    def _has_the_rest(self) -> Iterator[ColumnElement[bool]]:
        """Asked of one flow after another, newest first: as a join, Postgres first reads all of a user's."""
        if self.wanted.others:
            the_flow = select(func.count()).where(flows.c.id == _FOUND.flow_id, *self.wanted.others)
            yield the_flow.scalar_subquery() == 1


async def _page(
    connection: AsyncConnection, query: Select[Any], limit: int, end: datetime | None = None
) -> Page:
    """``end``: of what the query looks at, where there is more."""
    found = [flow_of(row) for row in (await connection.execute(query.limit(limit + 1))).mappings()]
    if len(found) > limit:
        last = found[limit - 1]
        return Page(found[:limit], Position(last.created_at, last.id).to_cursor())
    return Page(found, None if end is None else Position(end).to_cursor(), end)
