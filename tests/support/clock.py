"""A clock that a test moves by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FakeClock:
    def __init__(self, now: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, **units: float) -> None:
        """``advance(seconds=5)``, ``advance(days=1)``: both times move together."""
        step = timedelta(**units)
        self._now += step
        self._monotonic += step.total_seconds()
