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

FILES = [{"path": "hello.py", "added": 2, "removed": 1}]
PASSED = {
    "policy": "pytest",
    "status": "passed",
    "message": "The tests pass: 41, 2 skipped.",
    "sandbox": "bubblewrap",
    "exit_code": 0,
    "timed_out": False,
    "duration_ms": 1234,
    "passed": 41,
    "failed": 0,
    "skipped": 2,
    "failures": [],
    "new_failures": [],
    "before": None,
}
NEW_FAILURES = ["tests/test_hello.py::test_name_is_greeted", "tests/test_hello.py::test_no_name"]
FAILED = PASSED | {
    "status": "failed",
    "message": f"With the patch 2 tests fail: {', '.join(NEW_FAILURES)}. 1 failed before.",
    "exit_code": 1,
    "passed": 38,
    "failed": 3,
    "failures": [*NEW_FAILURES, "tests/test_old.py::test_old"],
    "new_failures": NEW_FAILURES,
    "before": {"status": "failed", "failed": 1},
}
SKIPPED = (
    PASSED
    | dict.fromkeys(("sandbox", "exit_code", "passed", "failed", "skipped"))
    | {
        "status": "skipped",
        "message": "The tests were not run: this machine has no sandbox.",
        "duration_ms": 0,
    }
)


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
        named = {"step": step, "round": round, "stage": stage if stage not in ("check", "test") else None}
        self("step.started", {"node": stage}, **named)
        return self(
            "step.completed",
            {"node": stage, "attempts": 1, **completed.pop("data", {})},
            **named,
            **completed,
        )

    def check(self, step: int, status: str, round: int = 1, **data: Any) -> Recorder:
        """The step, and what it found."""
        self.step(step, "check", round, duration_ms=2)
        return self("diff.checked", {"status": status, **data}, step=step, round=round)

    def test(self, step: int, verdict: dict[str, Any], round: int = 1) -> Recorder:
        """As the graph tells it: the outcome first."""
        self("step.started", {"node": "test"}, step=step, round=round)
        type = "tests.skipped" if verdict["status"] == "skipped" else "tests.completed"
        self(type, verdict, step=step, round=round)
        return self("step.completed", {"node": "test"}, step=step, round=round, duration_ms=1240)

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
    record.check(3, "refused", code=PROBLEM["code"], problems=[PROBLEM])
    record.step(4, "code", **spent("deepseek-v3", 1810, 410, 0.0006))
    record.check(5, "accepted", files=FILES, repairs=[{"kind": "fences", "message": "took the fences off"}])
    record.step(6, "review", **spent("gpt-4o-mini", 2000, 90, 0.00035))
    record(
        "review.completed",
        {"verdict": "approve", "summary": "Does it.", "findings": [FINDING]},
        step=6,
        round=1,
    )
    return record("flow.completed", {"status": "approved", "reason": None, "message": None})


def flow_with_tests() -> Recorder:
    """A patch that breaks two tests, then one that breaks none."""
    record = Recorder()
    record("flow.queued")("flow.started")
    for step, verdict in ((1, FAILED), (4, PASSED)):
        record.step(step, "code", **spent("deepseek-v3", 1310, 410, 0.0005))
        record.check(step + 1, "accepted", files=FILES)
        record.test(step + 2, verdict)
    record.step(7, "review", **spent("gpt-4o-mini", 2000, 90, 0.00035))
    record("review.completed", {"verdict": "approve", "summary": "Does it.", "findings": []}, step=7, round=1)
    return record("flow.completed", {"status": "approved", "reason": None, "message": None})
