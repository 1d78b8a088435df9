"""What a user may spend in a month (UTC), and has spent, from the sums that are kept beside the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from sqlalchemy import func, select

from cfx_flow.store.engine import Store
from cfx_flow.store.tables import accounts, daily_usage


@dataclass(frozen=True, slots=True)
class Month:
    limit_usd: Decimal | None
    """None: no budget"""
    used_usd: Decimal
    reset_at: datetime

    @property
    def left_usd(self) -> Decimal | None:
        """Never below nothing."""
        return None if self.limit_usd is None else max(self.limit_usd - self.used_usd, Decimal(0))


async def read_month(store: Store, user_id: str, now: datetime) -> Month:
    """Exact for the calls whose rows are written: those of the last second may be missing."""
    first = now.date().replace(day=1)
    sums = daily_usage.c
    used = (
        select(func.coalesce(func.sum(sums.cost_micro_usd), 0))
        .where(sums.user_id == user_id, sums.day >= first, sums.day < next_month(first))
        .scalar_subquery()
    )
    limit = select(accounts.c.monthly_usd).where(accounts.c.user_id == user_id).scalar_subquery()
    async with store.read(person=user_id) as connection:
        row = (await connection.execute(select(limit.label("limit"), used.label("used")))).one()
    reset_at = datetime.combine(next_month(first), datetime.min.time(), UTC)
    return Month(row.limit, Decimal(row.used).scaleb(-6), reset_at)


def next_month(day: date) -> date:
    """Its first day."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)
