"""Statements for SQLite's own driver; one costs about what SQLite itself needs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from sys import intern
from typing import Any, TypeVar

from sqlalchemy import JSON, Dialect, Executable, LargeBinary, Uuid
from sqlalchemy.types import TypeEngine

from cfx_flow.store.compiled import Compiled, Convert
from cfx_flow.store.jobs import Ask, Row, Values
from cfx_flow.store.types import json_text, json_value

T = TypeVar("T")

_CHANGED: tuple[Row] = ({},)


class SqliteStatements:
    """Of one database; holds what it has compiled."""

    def __init__(self, dialect: Dialect) -> None:
        for kind in (type(None), bytes):
            sqlite3.register_adapter(kind, _as_it_is)
        self._dialect = dialect
        self._compiled: dict[Executable, _Statement] = {}

    def run(self, cursor: sqlite3.Cursor, ask: Ask) -> Sequence[Row]:
        compiled = self._compiled.get(ask.statement) or self._of(ask.statement)
        return compiled.run(cursor, ask.values)

    def look(self, cursor: sqlite3.Cursor, ask: Ask) -> Sequence[Row]:
        """Of a job that is in no transaction. Raises TypeError for a statement that writes."""
        compiled = self._of(ask.statement)
        if not compiled.reads:
            raise TypeError(f"a job that looks only reads; run this one: {compiled.sql}")
        return compiled.run(cursor, ask.values)

    def _of(self, statement: Executable) -> _Statement:
        compiled = self._compiled.get(statement)
        if compiled is None:
            compiled = self._compiled[statement] = _Statement(statement, self._dialect)
        return compiled


class _Statement(Compiled):
    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        super().__init__(statement, dialect, _into, _out_of)
        self.reads = statement.is_select
        names = [intern(name) for name in self._compiler.positiontup or []]
        self._pick = _picker(names)
        self._places = [(n, self._converts[name]) for n, name in enumerate(names) if name in self._converts]

    def run(self, cursor: sqlite3.Cursor, values: Values | list[Values]) -> Sequence[Row]:
        if isinstance(values, list):
            cursor.executemany(self.sql, [self._bound(each) for each in values])
            return ()
        cursor.execute(self.sql, self._bound(values))
        if self._columns:
            return [self._row(self._columns, row) for row in cursor.fetchall()]
        return _CHANGED * cursor.rowcount

    def _bound(self, values: Values) -> list[Any]:
        if self._fixed:
            values = {**self._fixed, **values}
        bound = list(self._pick(values))
        for place, convert in self._places:
            bound[place] = convert(bound[place])
        return bound


def _as_it_is(value: T) -> T:
    """What sqlite3 would find out anew of each None, by asking it for another form of itself: that costs
    five times as much as binding a number."""
    return value


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
    if isinstance(kind, JSON):
        return json_value
    return kind.dialect_impl(dialect).result_processor(dialect, None)


def _dashed(stored: str | None) -> str | None:
    """As SQLAlchemy's, which makes a UUID on the way."""
    if stored is None:
        return None
    return f"{stored[:8]}-{stored[8:12]}-{stored[12:16]}-{stored[16:20]}-{stored[20:]}"
