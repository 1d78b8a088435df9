"""Which rows are old. With a flow go its steps, events, effects and webhooks, which refer to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import Column, Delete, Select, Table, delete, func, or_, select, tuple_
from sqlalchemy.sql.elements import ColumnElement

from cfx_flow.settings import Settings
from cfx_flow.store.tables import (
    audit_log,
    effects,
    flow_checkpoint_writes,
    flow_checkpoints,
    flows,
    idempotency_keys,
    request_logs,
    snapshots,
    usage_counters,
)

Old: TypeAlias = Callable[[datetime], Select[Any]]
"""the keys of what is older than this moment"""

DAY = timedelta(days=1)
COUNTERS = 40 * DAY
"""a day's counter is asked on that day only; the rest is for whoever looks into a complaint"""
TICKETS = 2 * DAY
"""an Idempotency-Key holds for one"""

_ROWS, _FLOWS, _ARCHIVES = (200, 1000), (10, 50), (2, 10)
"""in one transaction, on SQLite and on Postgres: some 10 ms of work, cascades included"""


@dataclass(frozen=True, slots=True)
class Rule:
    table: Table
    key: Sequence[Column[Any]]
    keep: timedelta
    """longer than that, and it goes"""
    old: Old
    batch: tuple[int, int]
    age: Column[Any] | None = None
    """by which a row is old, and may be made young again while it is taken out"""

    def count(self, now: datetime) -> Select[Any]:
        return select(func.count()).select_from(self.old(now - self.keep).subquery())

    def delete(self, now: datetime, dialect: str) -> Delete:
        """One batch of it. Postgres looks again at a row for which it had to wait, but only outside of the
        subquery: a flow that was resumed meanwhile is none of it any more."""
        before = now - self.keep
        some = self.old(before).limit(self.batch[dialect != "sqlite"])
        key: ColumnElement[Any] = self.key[0] if len(self.key) == 1 else tuple_(*self.key)
        statement = delete(self.table).where(key.in_(some))
        return statement if self.age is None else statement.where(self.age < before)


def rules_of(settings: Settings) -> Sequence[Rule]:
    """In the order in which they are worked through; what is kept for 0 days is kept for ever."""
    days = {name: getattr(settings, f"keep_{name}_days") * DAY for name in ("logs", "flows", "audit")}
    resumable, uploads = settings.keep_resumable_days * DAY, settings.keep_snapshots_days * DAY
    of_flow = [  # kept for ever: as long as their flow
        Rule(table, [table.c.flow_id], resumable or days["flows"], _of_ended_flows(table), _FLOWS)
        for table in (flow_checkpoint_writes, flow_checkpoints, effects)
    ]
    rules = [
        Rule(request_logs, [request_logs.c.id], days["logs"], _old_logs, _ROWS),
        Rule(flows, [flows.c.id], days["flows"], _ended_flows, _FLOWS, flows.c.completed_at),
        *of_flow,
        Rule(
            snapshots,
            [snapshots.c.user_id, snapshots.c.id],
            uploads,
            _unused_snapshots,
            _ARCHIVES,
            snapshots.c.created_at,
        ),
        Rule(audit_log, [audit_log.c.id], days["audit"], _old_rows(audit_log), _ROWS),
        Rule(
            idempotency_keys,
            [idempotency_keys.c.user_id, idempotency_keys.c.key],
            TICKETS,
            _old_rows(idempotency_keys),
            _ROWS,
            idempotency_keys.c.created_at,
        ),
        Rule(usage_counters, [usage_counters.c.id], COUNTERS, _old_counters, _ROWS),
    ]
    return [rule for rule in rules if rule.keep]


def _old_logs(before: datetime) -> Select[Any]:
    """By the primary key, which begins with the time of writing (``ordered_ids``): no index on created_at is
    needed, and the oldest lie together."""
    bound = f"{int(before.timestamp() * 1000):012x}"
    first_later = f"{bound[:8]}-{bound[8:]}-7000-8000-000000000000"
    logs = request_logs.c
    return select(logs.id).where(logs.id < first_later, logs.created_at < before).order_by(logs.id)


def _ended_flows(before: datetime) -> Select[Any]:
    return select(flows.c.id).where(flows.c.completed_at < before).order_by(flows.c.completed_at)


def _of_ended_flows(table: Table) -> Old:
    """What is needed only to go on with a flow; also what a flow left that is there no more."""

    def old(before: datetime) -> Select[Any]:
        gone = or_(flows.c.id.is_(None), flows.c.completed_at < before)
        joined = table.outerjoin(flows, flows.c.id == table.c.flow_id)
        return select(table.c.flow_id).distinct().select_from(joined).where(gone)

    return old


def _unused_snapshots(before: datetime) -> Select[Any]:
    used = (flows.c.user_id == snapshots.c.user_id) & (flows.c.snapshot_id == snapshots.c.id)
    unused = ~select(flows.c.id).where(used).exists()
    return select(snapshots.c.user_id, snapshots.c.id).where(snapshots.c.created_at < before, unused)


def _old_rows(table: Table) -> Old:
    def old(before: datetime) -> Select[Any]:
        return select(*table.primary_key).where(table.c.created_at < before).order_by(table.c.created_at)

    return old


def _old_counters(before: datetime) -> Select[Any]:
    return select(usage_counters.c.id).where(usage_counters.c.day < before.date())
