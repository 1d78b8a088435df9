"""What a user has used: per day, stage and model, from the sums that are kept beside the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal

from sqlalchemy import select

from cfx_flow.store.engine import Store
from cfx_flow.store.tables import daily_usage


@dataclass(frozen=True, slots=True)
class Used:
    requests: int = 0
    """all of them; the next three are parts of it"""
    errors: int = 0
    rate_limited: int = 0
    cancelled: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_micro_usd: int = 0

    def __add__(self, other: Used) -> Used:
        return Used(**{name: getattr(self, name) + getattr(other, name) for name in _NAMES})

    @property
    def cost_usd(self) -> Decimal:
        """Exact."""
        return Decimal(self.cost_micro_usd).scaleb(-6)


_NAMES = tuple(field.name for field in fields(Used))
_COLUMNS = tuple(daily_usage.c[name] for name in ("day", "stage", "model", *_NAMES))


@dataclass(frozen=True, slots=True)
class UsageOf:
    day: date
    stage: str | None
    """None: refused before its stage was known"""
    model: str | None
    """None: no model was asked"""
    used: Used


async def read_usage_of(store: Store, user_id: str, first: date, last: date) -> Sequence[UsageOf]:
    """Newest day first, both days included."""
    query = (
        select(*_COLUMNS)
        .where(daily_usage.c.user_id == user_id, daily_usage.c.day.between(first, last))
        .order_by(daily_usage.c.day.desc(), daily_usage.c.stage, daily_usage.c.model)
    )
    async with store.read(person=user_id) as connection:
        return [
            UsageOf(day, stage or None, model or None, Used(*counts))
            for day, stage, model, *counts in await connection.execute(query)
        ]


def total(parts: Iterable[UsageOf]) -> Used:
    summed = Used()
    for part in parts:
        summed += part.used
    return summed
