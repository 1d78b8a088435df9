"""Jobs on Postgres: in a transaction of SQLAlchemy's, their statements by psycopg's own cursor."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, TypeVar, cast

import psycopg
from sqlalchemy import JSON, Dialect, Executable, LargeBinary, Uuid
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from cfx_flow.store.compiled import Compiled, Convert
from cfx_flow.store.jobs import Ask, Row, Steps, Values
from cfx_flow.store.types import json_text

T = TypeVar("T")
Cursor = psycopg.AsyncCursor[tuple[Any, ...]]

_NUMERIC = 1700
"""Postgres' number of the one type for which SQLAlchemy asks it"""


class PostgresJobs:
    """Of one database; holds what it has compiled."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._compiled: dict[Executable, _Statement] = {}

    async def work_through(self, connection: AsyncConnection, steps: Steps[T]) -> T:
        """On an open transaction. Raises DBAPIError, as SQLAlchemy does, and what the job raises."""
        driver = cast(
            psycopg.AsyncConnection[tuple[Any, ...]],
            (await connection.get_raw_connection()).driver_connection,
        )
        cursor = driver.cursor()
        try:
            ask = next(steps)
            while True:
                ask = steps.send(await self._run(cursor, ask))
        except StopIteration as end:
            made: T = end.value
            return made
        except asyncio.CancelledError as cancelled:
            # As SQLAlchemy does: what the driver then could not clear up would fail the rollback, and whoever
            # was cancelled would hear of a database in trouble instead, and go on.
            await connection.invalidate(cancelled)
            raise

    async def _run(self, cursor: Cursor, ask: Ask) -> Sequence[Row]:
        compiled = self._compiled.get(ask.statement)
        if compiled is None:
            compiled = self._compiled[ask.statement] = _Statement(ask.statement, self._dialect)
        try:
            return await compiled.run(cursor, ask.values)
        except psycopg.Error as error:
            raise DBAPIError.instance(
                compiled.sql, None, error, psycopg.Error, hide_parameters=True, dialect=self._dialect
            ) from error


class _Statement(Compiled):
    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        super().__init__(statement, dialect, _into, _out_of)
        self._text = self.sql.encode()

    async def run(self, cursor: Cursor, values: Values | list[Values]) -> Sequence[Row]:
        if isinstance(values, list):
            await cursor.executemany(self._text, [self._bound(each) for each in values])
            return ()
        await cursor.execute(self._text, self._bound(values))
        if cursor.description is None:
            return [{}] * cursor.rowcount
        names = [column.name for column in cursor.description]
        return [self._row(names, row) for row in await cursor.fetchall()]

    def _bound(self, values: Values) -> dict[str, Any]:
        bound = {**self._fixed, **values}
        for name, convert in self._converts.items():
            bound[name] = convert(bound[name])
        return bound


def _into(kind: TypeEngine[Any], dialect: Dialect) -> Convert:
    if isinstance(kind, JSON):
        return json_text
    if isinstance(kind, Uuid | LargeBinary):
        return None
    return cast(Convert, kind.dialect_impl(dialect).bind_processor(dialect))


def _out_of(kind: TypeEngine[Any], dialect: Dialect) -> Convert:
    return cast(Convert, kind.dialect_impl(dialect).result_processor(dialect, _NUMERIC))
