"""Time as a parameter: the system's in production, a hand-moved one in tests."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds; only differences mean anything."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def next_midnight(day_utc: date) -> datetime:
    """The instant at which the UTC day ends."""
    return datetime(day_utc.year, day_utc.month, day_utc.day, tzinfo=UTC) + timedelta(days=1)
