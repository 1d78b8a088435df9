"""A SQLAlchemy statement as plain SQL for a driver, compiled once: what both databases share of it.

Through ``AsyncConnection`` a statement costs 0.5 to 1 ms on SQLite, and twice as many instructions on
Postgres: for cache keys, greenlets, hops between threads, and results of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from sys import intern
from typing import Any, cast

from sqlalchemy import ClauseElement, Dialect, Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from cfx_flow.store.jobs import Row

Convert = Callable[[Any], Any] | None
"""None: as it is"""
Of = Callable[[TypeEngine[Any], Dialect], Convert]


class Compiled:
    """``into`` and ``out_of`` say what becomes of a type's values on the way to the driver, and back."""

    def __init__(self, statement: Executable, dialect: Dialect, into: Of, out_of: Of) -> None:
        self._compiler = cast(SQLCompiler, cast(ClauseElement, statement).compile(dialect=dialect))
        self.sql = str(self._compiler)
        binds = {intern(str(name)): bind for bind, name in self._compiler.bind_names.items()}
        self._fixed = {name: self._compiler.params[name] for name, bind in binds.items() if not bind.required}
        self._converts = _those(binds, lambda bind: into(bind.type, dialect))
        columns = {intern(str(column.name)): column for column in getattr(statement, "exported_columns", ())}
        self._columns = list(columns)
        self._restores = list(_those(columns, lambda column: out_of(column.type, dialect)).items())

    def _row(self, names: Sequence[str], row: Sequence[Any]) -> Row:
        made = dict(zip(names, row, strict=True))
        for name, restore in self._restores:
            made[name] = restore(made[name])
        return made


def _those(named: dict[str, Any], convert: Callable[[Any], Convert]) -> dict[str, Callable[[Any], Any]]:
    """Of which something is to be made."""
    made = {name: convert(each) for name, each in named.items()}
    return {name: each for name, each in made.items() if each is not None}
