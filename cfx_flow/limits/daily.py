"""The daily limit, as its callers see it; ``tests/limits/`` holds every implementation to one suite."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from cfx_flow.clock import next_midnight


@dataclass(frozen=True, slots=True)
class Allowance:
    allowed: bool
    """the answer to this ask; for ``peek``: to one that came now"""
    limit: int
    remaining: int
    reset_at: datetime
    """the next midnight, UTC"""


class RateLimiter(Protocol):
    """The counter is the user's; ``limit`` may differ from call to call (a key's own limit)."""

    async def check_and_increment(self, user_id: str, day_utc: date, limit: int) -> Allowance:
        """Counts one request if the limit leaves room, in one atomic step: never one above it, never a
        refusal while some are left. Raises StoreUnavailable."""
        ...

    async def peek(self, user_id: str, day_utc: date, limit: int) -> Allowance:
        """What is left, counting nothing. Raises StoreUnavailable."""
        ...


def granted(count: int, day_utc: date, limit: int) -> Allowance:
    """This ask was the ``count``-th of the day."""
    return Allowance(True, limit, max(limit - count, 0), next_midnight(day_utc))


def refused(day_utc: date, limit: int) -> Allowance:
    return Allowance(False, limit, 0, next_midnight(day_utc))
