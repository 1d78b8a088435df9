"""The month's budget in USD, asked before each model call: what was spent, from memory.

The sum of a user who has a budget is read from the database at most every ``FRESH_S`` seconds; what this
process recorded since is added at once. So a refusal comes as soon as the calls of this process have
reached the budget, and ``FRESH_S`` and a moment later for those of others. Calls that are under way are
not counted: what they cost is known when they end (docs/adr/0039).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from decimal import Decimal

from cfx_flow.clock import Clock
from cfx_flow.errors import BudgetExceeded
from cfx_flow.ledger.month import Month, read_month
from cfx_flow.ledger.record import CallRecord, stored_usd
from cfx_flow.store.engine import Store

FRESH_S = 5.0
CAPACITY = 4096
ZERO = Decimal(0)


@dataclass(slots=True)
class _Known:
    month: Month
    until: float
    """monotonic"""
    unread: deque[tuple[int, Decimal]] = field(default_factory=deque)
    """calls that the sum may not hold: their numbers in the log's order, their costs"""
    unread_usd: Decimal = ZERO

    def add(self, number: int, cost_usd: Decimal) -> None:
        self.unread.append((number, cost_usd))
        self.unread_usd += cost_usd

    def read_up_to(self, number: int) -> None:
        while self.unread and self.unread[0][0] <= number:
            self.unread_usd -= self.unread.popleft()[1]

    @property
    def used_usd(self) -> Decimal:
        return self.month.used_usd + self.unread_usd


class Budgets:
    """Only users who were asked about are remembered. The request log tells what it takes in and what it
    has written, in the same order."""

    def __init__(self, store: Store, clock: Clock, *, fresh_s: float = FRESH_S) -> None:
        self._store = store
        self._clock = clock
        self._fresh_s = fresh_s
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._reads: dict[str, asyncio.Task[_Known]] = {}
        self._recorded = 0
        self._settled = 0

    def recorded(self, call: CallRecord) -> None:
        self._recorded += 1
        known = self._known.get(call.user_id)
        if known is not None:
            known.add(self._recorded, stored_usd(call.cost_usd))

    def settled(self, count: int) -> None:
        """The oldest of the recorded calls are written, or lost."""
        self._settled += count

    async def require(self, user_id: str, limit_usd: Decimal | None = None) -> None:
        """``limit_usd`` None: the account's. Raises BudgetExceeded, StoreUnavailable."""
        known = self._fresh(user_id) or await self._read_once(user_id)
        if self._is_in_doubt(known, limit_usd):
            known = await self._read_once(user_id)
        self._judge(known, limit_usd)

    def refuse_early(self, user_id: str, limit_usd: Decimal) -> None:
        """Asks nobody. Raises BudgetExceeded when it is known that nothing is left."""
        known = self._fresh(user_id)
        if known is not None and not self._is_in_doubt(known, limit_usd):
            self._judge(known, limit_usd)

    def forget(self, user_id: str) -> None:
        """Whoever asks next gets what the database says: the budget was changed."""
        if (known := self._known.get(user_id)) is not None:
            known.until = 0.0

    async def close(self) -> None:
        await asyncio.gather(*self._reads.values(), return_exceptions=True)

    def _fresh(self, user_id: str) -> _Known | None:
        known = self._known.get(user_id)
        if known is None or self._clock.monotonic() >= known.until:
            return None
        return known if self._clock.now() < known.month.reset_at else None

    async def _read_once(self, user_id: str) -> _Known:
        """One question, however many calls wait for its answer."""
        reading = self._reads.get(user_id)
        if reading is None:
            reading = self._reads[user_id] = asyncio.create_task(self._read(user_id))
            reading.add_done_callback(lambda done: self._answered(user_id, done))
        return await asyncio.shield(reading)

    def _answered(self, user_id: str, reading: asyncio.Task[_Known]) -> None:
        del self._reads[user_id]
        if not reading.cancelled():
            reading.exception()  # whoever waited for it has seen it; all of them may have gone

    async def _read(self, user_id: str) -> _Known:
        """What was settled before the question is in the sum; later calls may be, and count twice until
        the next one: before that refuses anybody, see ``_is_in_doubt``."""
        until, settled = self._clock.monotonic() + self._fresh_s, self._settled
        month = await read_month(self._store, user_id, self._clock.now())
        known = self._known.get(user_id)
        if known is None:
            known = self._known[user_id] = _Known(month, until)
            if len(self._known) > CAPACITY:
                self._known.popitem(last=False)
        known.month, known.until = month, until
        known.read_up_to(settled)
        self._known.move_to_end(user_id)
        return known

    def _is_in_doubt(self, known: _Known, limit_usd: Decimal | None) -> bool:
        """Whether it would refuse for calls that are written by now, and so may stand in the sum too."""
        limit_usd = known.month.limit_usd if limit_usd is None else limit_usd
        if limit_usd is None or not known.unread or known.unread[0][0] > self._settled:
            return False
        return known.month.used_usd < limit_usd <= known.used_usd

    def _judge(self, known: _Known, limit_usd: Decimal | None) -> None:
        limit_usd = known.month.limit_usd if limit_usd is None else limit_usd
        if limit_usd is None or known.used_usd < limit_usd:
            return
        reset_at = known.month.reset_at
        wait_s = max(1, round((reset_at - self._clock.now()).total_seconds()))
        raise BudgetExceeded(
            f"Your monthly budget of {limit_usd:.2f} USD is used up: {known.used_usd:.2f} USD were spent. It "
            f"starts anew at {reset_at:%Y-%m-%dT%H:%M:%SZ}; the operator can raise it.",
            headers={"retry-after": str(wait_s)},
        )
