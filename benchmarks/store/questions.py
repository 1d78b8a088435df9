"""What the dashboard asks, as the server asks it; how long each takes, and Postgres' plans."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, event

from benchmarks.store.rows import HEAVY
from cfx_flow.flows.model import FlowStatus
from cfx_flow.flows.pages import Wanted as WantedFlows
from cfx_flow.flows.reads import FlowReads
from cfx_flow.ledger.month import read_month
from cfx_flow.ledger.pages import Wanted, read_page
from cfx_flow.ledger.usage import read_usage_of
from cfx_flow.ledger.vitals import read_vitals
from cfx_flow.store.engine import Store

MUST_MS = 50.0
TIMES = 20
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)

Question = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Asked:
    name: str
    median_ms: float
    worst_ms: float
    statements: list[tuple[str, Any]]


def of_the_log(store: Store, middle: str | None) -> dict[str, Question]:
    """By what the dashboard shows."""
    day = NOW.date()
    return {
        "usage, 30 days": lambda: read_usage_of(store, HEAVY, day - timedelta(days=29), day),
        "usage, a year": lambda: read_usage_of(store, HEAVY, date(2025, 11, 30), day),
        "the month's budget": lambda: read_month(store, HEAVY, NOW),
        "status of the last hour": lambda: read_vitals(store, HEAVY, NOW - timedelta(hours=1)),
        "status of the last day": lambda: read_vitals(store, HEAVY, NOW - timedelta(days=1)),
        "logs, first page": lambda: read_page(store, HEAVY, Wanted(), limit=50),
        "logs, a page far down": lambda: read_page(store, HEAVY, Wanted(), limit=50, cursor=middle),
        "logs, errors": lambda: read_page(store, HEAVY, Wanted(status="error"), limit=50),
        "logs, one session": lambda: read_page(store, HEAVY, Wanted(session_id="session 100"), limit=50),
        "logs, one stage": lambda: read_page(store, HEAVY, Wanted(stage="plan"), limit=50),
        "logs, a model nobody asked": lambda: read_page(store, HEAVY, Wanted(model="none"), limit=50),
    }


def of_flows(store: Store, flow_id: str) -> dict[str, Question]:
    flows = FlowReads(store)
    running = WantedFlows(statuses=(FlowStatus.QUEUED, FlowStatus.IN_PROGRESS))
    return {
        "flows, first page": lambda: flows.list(HEAVY, limit=100),
        "flows, rejected": lambda: flows.list(HEAVY, WantedFlows(statuses=(FlowStatus.REJECTED,)), limit=100),
        "flows, running": lambda: flows.list(HEAVY, running, limit=100),
        "flows, words of all": lambda: flows.list(HEAVY, WantedFlows(text="In Words"), limit=100),
        "flows, words of one": lambda: flows.list(HEAVY, WantedFlows(text="task 4995 "), limit=100),
        "flows, words of none": lambda: flows.list(HEAVY, WantedFlows(text="nobody wrote it"), limit=100),
        "flows, words and rejected": lambda: flows.list(
            HEAVY, WantedFlows((FlowStatus.REJECTED,), text="task 4"), limit=100
        ),
        "flows, words and none such": lambda: flows.list(
            HEAVY, WantedFlows((FlowStatus.FAILED,), text="in words"), limit=100
        ),
        "flows, an id's beginning": lambda: flows.list(HEAVY, WantedFlows(text=flow_id[:8]), limit=100),
        "a flow": lambda: flows.get(HEAVY, flow_id),
        "its patch": lambda: flows.patch(HEAVY, flow_id),
        "its steps": lambda: flows.steps_for(HEAVY, flow_id),
        "its events": lambda: flows.events(flow_id, person=HEAVY),
    }


async def ask(name: str, question: Question) -> Asked:
    with statements_seen() as seen:
        await question()
    took = []
    for _ in range(TIMES):
        started = time.perf_counter()
        await question()
        took.append((time.perf_counter() - started) * 1000)
    return Asked(name, statistics.median(took), max(took), seen)


@contextmanager
def statements_seen() -> Iterator[list[tuple[str, Any]]]:
    seen: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            seen.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def explain(store: Store, asked: Asked) -> None:
    for statement, parameters in asked.statements:
        async with store.read(person=HEAVY) as connection:
            query = f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {statement}"
            plan = await connection.exec_driver_sql(query, parameters)
            print("   ", "\n    ".join(plan.scalars()))


async def ask_all(asked: Mapping[str, Question], store: Store, *, explains: bool = False) -> bool:
    """Whether each kept the must."""
    kept = True
    print(f"{'what':<30}{'median ms':>10}{'worst ms':>10}   must: each median at most {MUST_MS:g} ms")
    for name, question in asked.items():
        found = await ask(name, question)
        kept &= found.median_ms <= MUST_MS
        print(f"{name:<30}{found.median_ms:>10.2f}{found.worst_ms:>10.2f}")
        if explains:
            await explain(store, found)
    return kept
