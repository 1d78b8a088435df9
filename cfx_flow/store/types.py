"""Column types that mean the same on SQLite and on Postgres."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import JSON, DateTime, Dialect, Float, Numeric
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

Json = JSON().with_variant(JSONB(), "postgresql")


def json_text(value: object) -> str:
    """As the columns of this type are written. Raises TypeError."""
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, OverflowError):  # a number of more than 64 bits, half a character
        return json.dumps(value)


def json_value(text: Any) -> Any:
    """As the columns of this type are read on SQLite, which keeps a bare number as one."""
    if not isinstance(text, str):
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError:  # half a character
        return json.loads(text)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in, aware UTC out: SQLite forgets the zone, and a naive time is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """On SQLite the text itself, as SQLAlchemy's DateTime would write it ten times slower."""
        return _sqlite_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _utc(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no place in the store")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def _sqlite_text(moment: datetime | None) -> str | None:
    """``2026-01-31 12:00:00.000000``, which ``isoformat`` takes three times as long to write."""
    if moment is None:
        return None
    text = msgspec.json.encode(_utc(moment)).decode()  # "2026-01-31T12:00:00.000001Z", in quotes
    return f"{text[1:11]} {text[12:27]}" if moment.microsecond else f"{text[1:11]} {text[12:20]}.000000"


class Usd(TypeDecorator[Decimal]):
    """numeric(10,6) on Postgres; a float on SQLite, which has no decimals, rounded on the way out."""

    impl = Numeric(10, 6)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        kind: TypeEngine[Any] = Float() if dialect.name == "sqlite" else Numeric(10, 6)
        return dialect.type_descriptor(kind)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        return _sqlite_float if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(str(value)).quantize(Decimal("0.000001"))


def _sqlite_float(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)
