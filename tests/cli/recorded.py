"""Events as a server sends them, and the flow that they belong to."""

from __future__ import annotations

from typing import Any

from cli.client import Event

PLAN = "# Greet by name\n\n1. `hello.py`: use the argument.\n"
PROBLEM = {
    "code": "removed_line_mismatch",
    "path": "hello.py",
    "message": "hello.py, line 2: the diff removes 'print(\"hi\")', the file has 'print(\"hello\")'",
}
FINDING = {
    "severity": "low",
    "file": "hello.py",
    "line": 2,
    "rule": "wording",
    "message": "A comma is missing.",
}


class Recorder:
    """Numbers the events and moves the clock on, half a second each."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def __call__(self, type: str, data: dict[str, Any] | None = None, **fields: Any) -> Recorder:
        seq = len(self.rows) + 1
        at = f"2026-03-02T10:00:{seq // 2:02}.{seq % 2 * 5}00000+00:00"
        self.rows.append({"seq": seq, "type": type, "at": at, **fields, "data": data or {}})
        return self

    def step(self, step: int, stage: str, round: int = 1, **completed: Any) -> Recorder:
        """A step's beginning and its end."""
        named = {"step": step, "round": round, "stage": stage if stage != "check" else None}
        self("step.started", {"node": stage}, **named)
        return self(
            "step.completed",
            {"node": stage, "attempts": 1, **completed.pop("data", {})},
            **named,
            **completed,
        )

    @property
    def events(self) -> list[Event]:
        return [Event.from_json(row) for row in self.rows]


def spent(model: str, tokens_in: int, tokens_out: int, usd: float) -> dict[str, Any]:
    return {
        "model": model,
        "input_tokens": tokens_in,
        "output_tokens": tokens_out,
        "cost_usd": usd,
        "duration_ms": 1234,
    }


def mended_flow() -> Recorder:
    """One diff refused, the next one accepted and approved."""
    record = Recorder()
    record("flow.queued")("flow.started")
    record.step(1, "plan", 0, data={"text": PLAN}, **spent("claude-sonnet-4-5", 812, 240, 0.0061))
    record.step(2, "code", **spent("deepseek-v3", 1310, 410, 0.0005))
    record.step(3, "check", duration_ms=3)
    record(
        "diff.checked", {"status": "refused", "code": PROBLEM["code"], "problems": [PROBLEM]}, step=3, round=1
    )
    record.step(4, "code", **spent("deepseek-v3", 1810, 410, 0.0006))
    record.step(5, "check", duration_ms=2)
    files = [{"path": "hello.py", "added": 2, "removed": 1}]
    repairs = [{"kind": "fences", "message": "took the fences off"}]
    record("diff.checked", {"status": "accepted", "files": files, "repairs": repairs}, step=5, round=1)
    record.step(6, "review", **spent("gpt-4o-mini", 2000, 90, 0.00035))
    record(
        "review.completed",
        {"verdict": "approve", "summary": "Does it.", "findings": [FINDING]},
        step=6,
        round=1,
    )
    return record("flow.completed", {"status": "approved", "reason": None, "message": None})
