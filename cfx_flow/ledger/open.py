"""The request log and what is reckoned from it, opened together and closed in order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cfx_flow.clock import Clock
from cfx_flow.ledger.budgets import Budgets
from cfx_flow.ledger.meter import Meter
from cfx_flow.ledger.request_log import RequestLog
from cfx_flow.store.engine import Store


@dataclass(frozen=True, slots=True)
class Ledger:
    budgets: Budgets
    request_log: RequestLog


@asynccontextmanager
async def open_ledger(store: Store, clock: Clock, meter: Meter) -> AsyncIterator[Ledger]:
    """Closing writes what is queued."""
    budgets = Budgets(store, clock)
    request_log = RequestLog(store, meter, budgets)
    await request_log.start()
    try:
        yield Ledger(budgets, request_log)
    finally:
        await request_log.close()
        await budgets.close()
