"""Takes out what is old: a few rows at a time, each batch a transaction, with as long a pause as it took.

A power cut may bring back the last ones on SQLite, until the next run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import structlog
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from cfx_flow.clock import Clock
from cfx_flow.retention.rules import Rule
from cfx_flow.store.engine import Store

LEAST_PAUSE_S = 0.02
FIRST_AFTER_S = 60.0
"""a server that has just started has other things to do"""

ONLY_ONE = text("SELECT pg_try_advisory_xact_lock(4812090370531)")
"""of all processes of a Postgres prunes; within a transaction, as poolers let it through"""

log = structlog.stdlib.get_logger(__name__)


class Pruner:
    def __init__(self, store: Store, clock: Clock, rules: Sequence[Rule]) -> None:
        self._store, self._clock, self._rules = store, clock, rules

    async def count(self) -> Mapping[str, int]:
        """What ``run`` would take out now, by table. Raises StoreUnavailable."""
        found = {}
        now = self._clock.now()
        for rule in self._rules:
            async with self._store.read() as connection:
                found[rule.table.name] = (await connection.execute(rule.count(now))).scalar_one()
        return found

    async def run(self) -> Mapping[str, int]:
        """Until nothing old is left, or another process is at it; how many rows went, by table, without
        those that went with their flows. Raises StoreUnavailable; what went until then is gone."""
        taken: dict[str, int] = {}
        for rule in self._rules:
            taken[rule.table.name] = 0
            while (count := await self._take(rule)) > 0:
                taken[rule.table.name] += count
        return taken

    async def run_and_tell(self) -> None:
        """Raises StoreUnavailable."""
        if any((taken := await self.run()).values()):
            log.info("pruned", **taken)

    async def _take(self, rule: Rule) -> int:
        began = self._clock.monotonic()
        try:
            async with self._store.transaction(is_lazy=True) as connection:
                count = await self._delete(rule, connection)
        except IntegrityError:
            return 0  # a flow has just taken up one of these snapshots; the next run finds the others
        await asyncio.sleep(max(LEAST_PAUSE_S, self._clock.monotonic() - began) if count else 0)
        return count

    async def _delete(self, rule: Rule, connection: AsyncConnection) -> int:
        if self._store.dialect != "sqlite" and not (await connection.execute(ONLY_ONE)).scalar():
            return 0
        statement = rule.delete(self._clock.now(), self._store.dialect)
        return (await connection.execute(statement)).rowcount
