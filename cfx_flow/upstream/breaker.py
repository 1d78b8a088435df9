"""The circuit breaker of one target: closed → open → half_open → closed, or open again.

    closed     calls pass; five failures in a row open it
    open       calls are refused at once, for 30 s
    half_open  exactly one call, the probe, passes; its outcome decides

A permit is asked for before an attempt and told how the attempt ended. A permit
that was given out before the last change of state no longer has a say: a slow
failure from before an outage must not reopen a circuit that has healed since.
"""

from __future__ import annotations

import math
from enum import StrEnum

from cfx_flow.clock import Clock
from cfx_flow.errors import CircuitOpen

FAILURES_TO_OPEN = 5
OPEN_FOR_S = 30.0


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Not thread-safe: all calls of a process run on one event loop."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self._clock = clock
        self._state = BreakerState.CLOSED
        self._failures = 0
        self._opened_at = 0.0
        self._era = 0
        self._probing = False

    @property
    def state(self) -> BreakerState:
        if self._state is BreakerState.OPEN and self._seconds_left() <= 0:
            return BreakerState.HALF_OPEN
        return self._state

    def admit(self) -> Permit:
        """Raises CircuitOpen while open, and while another call is the probe."""
        state = self.state
        if state is BreakerState.CLOSED:
            return Permit(self, self._era)
        if state is BreakerState.OPEN or self._probing:
            raise self._refusal()
        if self._state is BreakerState.OPEN:
            self._turn(BreakerState.HALF_OPEN)
        self._probing = True
        return Permit(self, self._era)

    def _refusal(self) -> CircuitOpen:
        wait_s = max(1, math.ceil(self._seconds_left()))
        return CircuitOpen(
            f"The model behind {self.name} has failed repeatedly and is not asked for the moment. "
            f"Try again in {wait_s} s.",
            headers={"retry-after": str(wait_s)},
        )

    def _seconds_left(self) -> float:
        return self._opened_at + OPEN_FOR_S - self._clock.monotonic()

    def _turn(self, state: BreakerState) -> None:
        self._state = state
        self._era += 1
        self._failures = 0
        self._probing = False

    def _answered(self, era: int) -> int:
        """Returns the era in which the asker's permit goes on to count."""
        if era == self._era and self._state is BreakerState.HALF_OPEN:
            self._turn(BreakerState.CLOSED)
            return self._era
        return era

    def _succeeded(self, era: int) -> None:
        if self._answered(era) == self._era:
            self._failures = 0

    def _failed(self, era: int) -> None:
        if era != self._era:
            return
        self._failures += 1
        if self._state is BreakerState.HALF_OPEN or self._failures >= FAILURES_TO_OPEN:
            self._opened_at = self._clock.monotonic()
            self._turn(BreakerState.OPEN)

    def _abandoned(self, era: int) -> None:
        if era == self._era and self._state is BreakerState.HALF_OPEN:
            self._probing = False


class Permit:
    """Leave to make one attempt. Of succeeded, failed and abandoned only the first call counts."""

    __slots__ = ("_breaker", "_era", "_settled")

    def __init__(self, breaker: Breaker, era: int) -> None:
        self._breaker = breaker
        self._era = era
        self._settled = False

    def answered(self) -> None:
        """The first byte came: a probe has done its work, though a long stream may still fail."""
        if not self._settled:
            self._era = self._breaker._answered(self._era)

    def succeeded(self) -> None:
        if self._settle():
            self._breaker._succeeded(self._era)

    def failed(self) -> None:
        if self._settle():
            self._breaker._failed(self._era)

    def abandoned(self) -> None:
        """Nothing was learnt about the target: the caller went away, or the request itself was at fault."""
        if self._settle():
            self._breaker._abandoned(self._era)

    def _settle(self) -> bool:
        settled, self._settled = self._settled, True
        return not settled


class Breakers:
    """One breaker per target, made when the target is first asked for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_target: dict[str, Breaker] = {}

    def of(self, target_id: str) -> Breaker:
        breaker = self._by_target.get(target_id)
        if breaker is None:
            breaker = self._by_target[target_id] = Breaker(target_id, self._clock)
        return breaker

    def state_of(self, target_id: str) -> BreakerState:
        """Closed, if it was never asked."""
        breaker = self._by_target.get(target_id)
        return BreakerState.CLOSED if breaker is None else breaker.state

    def states(self) -> dict[str, BreakerState]:
        """Of every target that was asked so far, for metrics."""
        return {name: breaker.state for name, breaker in self._by_target.items()}
