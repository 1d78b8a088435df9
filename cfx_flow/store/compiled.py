"""A SQLAlchemy statement as plain SQL for SQLite's own driver, compiled once.

Through ``AsyncConnection`` a statement costs 0.5 to 1 ms, most of it spent on cache keys and on
hops between threads; so it costs about what SQLite itself needs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from sys import intern
from typing import Any, cast

from sqlalchemy import JSON, ClauseElement, Dialect, Executable, LargeBinary, Uuid
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from cfx_flow.store.jobs import Ask, Row, Values
from cfx_flow.store.types import json_text

Convert = Callable[[Any], Any] | None


class Compiled:
    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        compiled = cast(SQLCompiler, cast(ClauseElement, statement).compile(dialect=dialect))
        self.sql = str(compiled)
        self.reads = statement.is_select
        asked = {name for name, bind in compiled.binds.items() if bind.required}
        self._fixed = {name: value for name, value in compiled.params.items() if name not in asked}
        names = [intern(name) for name in compiled.positiontup or []]
        self._pick = _picker(names)
        converts = [_into(compiled.binds[name].type, dialect) for name in names]
        self._converts = [(place, convert) for place, convert in enumerate(converts) if convert is not None]
        columns = {
            intern(str(column.name)): _out_of(column.type, dialect)
            for column in getattr(statement, "exported_columns", ())
        }
        self._columns = list(columns)
        self._restores = [(name, restore) for name, restore in columns.items() if restore is not None]

    def run(self, connection: sqlite3.Connection, values: Values | list[Values]) -> Sequence[Row]:
        if isinstance(values, list):
            connection.executemany(self.sql, [self._bound(each) for each in values])
            return ()
        cursor = connection.execute(self.sql, self._bound(values))
        return [self._row(row) for row in cursor.fetchall()] if self._columns else ()

    def _bound(self, values: Values) -> list[Any]:
        if self._fixed:
            values = {**self._fixed, **values}
        bound = list(self._pick(values))
        for place, convert in self._converts:
            bound[place] = convert(bound[place])
        return bound

    def _row(self, row: Sequence[Any]) -> Row:
        made = dict(zip(self._columns, row, strict=True))
        for column, restore in self._restores:
            made[column] = restore(made[column])
        return made


class Compilers:
    """Of one database; holds what it has compiled."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._compiled: dict[Executable, Compiled] = {}

    def run(self, connection: sqlite3.Connection, ask: Ask) -> Sequence[Row]:
        compiled = self._compiled.get(ask.statement) or self._of(ask.statement)
        return compiled.run(connection, ask.values)

    def look(self, connection: sqlite3.Connection, ask: Ask) -> Sequence[Row]:
        """Of a job that is in no transaction. Raises TypeError for a statement that writes."""
        compiled = self._of(ask.statement)
        if not compiled.reads:
            raise TypeError(f"a job that looks only reads; run this one: {compiled.sql}")
        return compiled.run(connection, ask.values)

    def _of(self, statement: Executable) -> Compiled:
        compiled = self._compiled.get(statement)
        if compiled is None:
            compiled = self._compiled[statement] = Compiled(statement, self._dialect)
        return compiled


def _picker(names: Sequence[str]) -> Callable[[Values], Iterable[Any]]:
    if len(names) < 2:  # itemgetter gives one value bare
        return lambda values: [values[name] for name in names]
    return itemgetter(*names)


def _into(kind: TypeEngine[Any], dialect: Dialect) -> Convert:
    if isinstance(kind, JSON):
        return json_text
    if isinstance(kind, LargeBinary):
        return None  # the driver takes bytes as they are
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _out_of(kind: TypeEngine[Any], dialect: Dialect) -> Convert:
    if isinstance(kind, Uuid):
        return _dashed
    return kind.dialect_impl(dialect).result_processor(dialect, None)


def _dashed(stored: str | None) -> str | None:
    """As SQLAlchemy's, which makes a UUID on the way."""
    if stored is None:
        return None
    return f"{stored[:8]}-{stored[8:12]}-{stored[12:16]}-{stored[16:20]}-{stored[20:]}"
