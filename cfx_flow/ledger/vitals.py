"""How a user's calls have gone of late: latency, time to the first token, errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from cfx_flow.store.engine import Store
from cfx_flow.store.tables import request_logs

SAMPLE = 1000
"""the newest calls of the window that are looked at: enough for a p95, and read in milliseconds"""


@dataclass(frozen=True, slots=True)
class Quantiles:
    p50: int
    p95: int


@dataclass(frozen=True, slots=True)
class Pulse:
    """Of some calls."""

    calls: int
    latency_ms: Quantiles | None
    """of calls that went well; None without any"""
    ttft_ms: Quantiles | None
    error_rate: float | None
    """errors among the calls that ended well or in an error; refusals and cancelled calls do not count"""


@dataclass(frozen=True, slots=True)
class Vitals:
    is_sample: bool
    """there were more in the window; these are the newest"""
    all: Pulse
    by_stage: Mapping[str, Pulse]
    """in the order of their names; without what was refused before its stage was known"""


async def read_vitals(store: Store, user_id: str, since: datetime) -> Vitals:
    logs = request_logs.c
    query = (
        select(logs.stage, logs.status, logs.latency_ms, logs.ttft_ms)
        .where(logs.user_id == user_id, logs.created_at >= since)
        .order_by(logs.created_at.desc())
        .limit(SAMPLE + 1)
    )
    async with store.read(person=user_id) as connection:
        rows = (await connection.execute(query)).all()
    sample = rows[:SAMPLE]
    stages = sorted({row.stage for row in sample if row.stage is not None})
    return Vitals(
        is_sample=len(rows) > SAMPLE,
        all=_pulse(sample),
        by_stage={stage: _pulse([row for row in sample if row.stage == stage]) for stage in stages},
    )


def _pulse(rows: Sequence[Row[Any, Any, Any, Any]]) -> Pulse:
    good = [row for row in rows if row.status == "success"]
    failed = sum(row.status == "error" for row in rows)
    return Pulse(
        calls=len(rows),
        latency_ms=quantiles([row.latency_ms for row in good if row.latency_ms is not None]),
        ttft_ms=quantiles([row.ttft_ms for row in good if row.ttft_ms is not None]),
        error_rate=failed / (len(good) + failed) if good or failed else None,
    )


def quantiles(values: Sequence[int]) -> Quantiles | None:
    """By nearest rank: always a value that was measured."""
    if not values:
        return None
    ordered = sorted(values)
    return Quantiles(*(ordered[max(0, -(-len(ordered) * percent // 100) - 1)] for percent in (50, 95)))
