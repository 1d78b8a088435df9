"""Users whose day was found used up a moment ago: their next requests are refused before they are read.

Within a day a counter only grows, so what was refused once stays refused at the same limit. It is
kept for a moment only, all the same: an operator may set a counter back.
"""

from __future__ import annotations

from collections import OrderedDict

from cfx_flow.clock import Clock
from cfx_flow.limits.daily import Allowance

KEEP_S = 5.0
CAPACITY = 4096


class UsedUp:
    """A request that is not refused here costs one look into a dictionary; the charge decides about it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._found: OrderedDict[tuple[str, int], tuple[Allowance, float]] = OrderedDict()

    def note(self, user_id: str, refused: Allowance) -> None:
        """The answer to a charge that was not allowed."""
        self._found[user_id, refused.limit] = (refused, self._clock.monotonic() + KEEP_S)
        if len(self._found) > CAPACITY:
            self._found.popitem(last=False)

    def of(self, user_id: str, limit: int) -> Allowance | None:
        known = self._found.get((user_id, limit))
        if known is None:
            return None
        refused, until = known
        if self._clock.monotonic() < until and self._clock.now() < refused.reset_at:
            return refused
        del self._found[user_id, limit]
        return None
