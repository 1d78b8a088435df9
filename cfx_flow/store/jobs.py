"""A transaction as a generator: it yields statements and is sent their rows; it does no I/O itself.

So one text serves both databases. SQLite runs many jobs within one transaction, inside the event
loop; Postgres gives each a transaction of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import msgspec
from sqlalchemy import Executable

T = TypeVar("T")

Row: TypeAlias = Mapping[Any, Any]
Values: TypeAlias = Mapping[str, Any]


class Ask(msgspec.Struct, frozen=True):
    """A statement is made once and compiled once per database: what changes stands in ``values``."""

    statement: Executable
    values: Values | list[Values]
    """a list runs the statement once for each"""


Steps: TypeAlias = Generator[Ask, Sequence[Row], T]
"""Sent the rows that a statement gives; of one that gives none, an empty one for each that it has changed."""

Job: TypeAlias = Callable[[], Steps[T]]
"""Gives the generator anew each time: a job may have to begin again. What it raises undoes it, and it
must not reckon with anything that it has not read itself."""
