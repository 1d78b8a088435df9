"""A flow of two thousand events whose patch has five thousand lines, written into a server's SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from msgspec import structs
from msgspec.structs import replace

from cfx_flow.clock import SystemClock
from cfx_flow.flows.feed import Feed
from cfx_flow.flows.model import Event, FlowStatus, Step, Story
from cfx_flow.flows.store import FlowStore
from cfx_flow.store.engine import open_store

EVENTS = 2_000
LINES = 5_000
ROUNDS = 60
MODELS = {"plan": "claude-sonnet-4-5", "code": "deepseek-v3", "review": "gpt-4o-mini"}
SAID = {"check": "diff.checked", "test": "tests.completed", "review": "review.completed"}
LASTS_S = {"plan": 40, "code": 25, "check": 0.05, "test": 12, "review": 8}
NEW = "ledger/cents.py"
PER_FILE = 35
"""hunks"""

TESTED = {
    "policy": "pytest",
    "status": "failed_before",
    "message": "60 tests fail, as without the patch.",
    "sandbox": "bubblewrap",
    "exit_code": 1,
    "timed_out": False,
    "duration_ms": 11_800,
    "passed": 4_000,
    "failed": 60,
    "skipped": 3,
    "failures": [f"tests.test_part_{n:02}.test_cents" for n in range(50)],
    "new_failures": [],
    "before": {"status": "failed", "failed": 60},
}


def write_long_flow(database: Path, like: str) -> str:
    """The new flow's id. ``like``: another flow, whose owner, snapshot and options it takes."""
    with sqlite3.connect(database) as connection:
        (owner,) = connection.execute("SELECT user_id FROM flows WHERE id = ?", [UUID(like).hex]).fetchone()
    return asyncio.run(_write(database, str(UUID(owner)), like))


async def _write(database: Path, user_id: str, like: str) -> str:
    store = await open_store(f"sqlite:///{database}")
    try:
        flows = FlowStore(store, SystemClock(), Feed())
        flow = await flows.get(user_id, like)
        steps = _steps(flow.created_at)
        events = list(_events(steps, flow.created_at))
        flow = replace(
            flow,
            id=str(uuid4()),
            task="Name every total of the ledger in cents",
            status=FlowStatus.APPROVED,
            round=ROUNDS,
            step=len(steps),
            completed_at=events[-1].at,
        )
        return (await flows.create(flow, story=Story(steps, events=events))).id
    finally:
        await store.close()


def long_patch() -> str:
    """One big new file, and many places in others, of several languages."""
    hunks = LINES // 2 // len(_hunk(0).splitlines())
    firsts = range(0, hunks, PER_FILE)
    parts = [_part(n, range(first, min(first + PER_FILE, hunks))) for n, first in enumerate(firsts)]
    return "".join([_new_file(LINES // 2), *parts])


def _new_file(lines: int) -> str:
    head = f"diff --git a/{NEW} b/{NEW}\nnew file mode 100644\n--- /dev/null\n+++ b/{NEW}\n"
    head += f"@@ -0,0 +1,{lines} @@\n"
    rows = (f'+CENTS_{n} = Decimal("{n}.{n % 100:02}")  # of account {n % 7}\n' for n in range(lines))
    return head + "".join(rows)


def _part(n: int, hunks: range) -> str:
    name = f"ledger/part_{n:02}.{('py', 'ts', 'go')[n % 3]}"
    return f"diff --git a/{name} b/{name}\n--- a/{name}\n+++ b/{name}\n" + "".join(map(_hunk, hunks))


def _hunk(n: int) -> str:
    around = [f' entry_{n}_{k} = Entry("account {k}", amount={k * 17}, note=None)\n' for k in range(8)]
    gone = [f"-total_{n} = sum(entry.amount for entry in entries)\n", f"-report(total_{n})\n"]
    come = [f"+total_{n} = sum(entry.cents for entry in entries)\n", f'+report(total_{n}, unit="cent")\n']
    return f"@@ -{n * 40 + 1},10 +{n * 40 + 1},10 @@\n" + "".join(around[:4] + gone + come + around[4:])


def long_log() -> str:
    return "".join(f"tests/test_part_{n % 60:02}.py::test_{n} PASSED\n" for n in range(4_000))


LONG = {"check": long_patch, "test": long_log}
"""what these say in the last round"""


def _nodes() -> Iterator[tuple[int, str]]:
    """Round and node of each step."""
    yield 0, "plan"
    for round in range(1, ROUNDS + 1):
        yield from ((round, node) for node in ("code", "check"))
        if round == ROUNDS:
            yield round, "test"
        yield round, "review"


def _steps(began: datetime) -> list[Step]:
    steps, at = [], began
    for n, (round, node) in enumerate(_nodes(), 1):
        ends, is_last = at + timedelta(seconds=LASTS_S[node]), round == ROUNDS
        steps.append(
            Step(
                n=n, round=round, node=node, model=MODELS.get(node), status="completed",
                output=LONG[node]() if node in LONG and is_last else f"{node} of round {round}",
                detail=_detail(node, is_last), attempts=int(node in MODELS), input_tokens=900,
                output_tokens=400, cost_usd=Decimal("0.0012"), started_at=at, completed_at=ends,
            )
        )  # fmt: skip
        at = ends
    return steps


def _detail(node: str, is_last: bool) -> dict[str, Any]:
    if node == "check" and is_last:
        return {
            "status": "accepted",
            "files": [{"path": NEW, "added": LINES // 2, "removed": 0}],
        }
    if node == "check":
        problem = {
            "code": "context_not_found",
            "path": "ledger/part_00.py",
            "message": "These are not there.",
        }
        return {"status": "refused", "code": "context_not_found", "problems": [problem]}
    if node == "test":
        return TESTED
    if node == "review":
        return {"verdict": "approve" if is_last else "revise", "summary": "Read.", "findings": []}
    return {}


def _events(steps: Sequence[Step], began: datetime) -> Iterator[Event]:
    """All but ``flow.queued``, which comes with the row."""
    asked = [step for step in steps if step.model]
    told = 3 + sum(2 + (step.node in SAID) for step in steps)
    share, rest = divmod(EVENTS - told, len(asked))
    yield Event(type="flow.started", at=began)
    for step in steps:
        begins, lasts = step.started_at, LASTS_S[step.node]
        ends = begins + timedelta(seconds=lasts)
        yield _event(step, "step.started", begins, {"node": step.node})
        parts = (share + rest * (step is asked[0])) if step.model else 0
        for part in range(1, parts + 1):
            at = begins + timedelta(seconds=lasts * part / (parts + 1))
            yield _event(step, "step.progressed", at, {"output_chars": part * 120})
        if step.node in SAID:
            yield _event(step, SAID[step.node], ends, step.detail)
        done = _event(step, "step.completed", ends, {"node": step.node})
        used = {"input_tokens": step.input_tokens, "output_tokens": step.output_tokens}
        yield structs.replace(done, **used, cost_usd=step.cost_usd) if step.model else done
    yield Event(type="flow.completed", at=ends, data={"status": "approved"})


def _event(step: Step, type: str, at: datetime, data: Mapping[str, Any]) -> Event:
    stage = step.node if step.model else None
    return Event(
        type=type, at=at, round=step.round or None, step=step.n, stage=stage, model=step.model, data=data
    )
