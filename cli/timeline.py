"""Events folded into rows, one per step, in the order in which they became final."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cli.client import Event

_REPORTS = {
    "diff.checked": "check",
    "tests.completed": "test",
    "tests.skipped": "test",
    "review.completed": "review",
}
"""the result of these comes in an event of its own, before or after step.completed"""
_CLEAR = ("passed", "failed")
"""of tests: what they say of the patch"""


@dataclass(slots=True)
class Row:
    """One step as people see it."""

    stage: str
    round: int
    started_at: datetime
    step: int | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    duration_ms: int | None = None
    output_chars: int = 0
    completed: bool = False
    shown: bool = False
    stopped_by: str | None = None
    """``failed`` or ``cancelled``: the flow ended while this step ran"""
    result: Mapping[str, Any] | None = None
    """of a check, of tests, of a review, or a plan's contract"""
    text: str | None = None
    """what a stage wrote, where the event carries it"""

    @property
    def final(self) -> bool:
        return self.completed and (self.stage not in _REPORTS.values() or self.result is not None)

    @property
    def refused(self) -> bool:
        """It goes back to CODE, and no reviewer sees it."""
        if self.result is None:
            return False
        status = self.result.get("status")
        return status != "accepted" if self.stage == "check" else self.stage == "test" and status == "failed"

    @property
    def unproven(self) -> bool:
        """Tests that were skipped, or fail without the patch too."""
        return self.stage == "test" and self.result is not None and self.result.get("status") not in _CLEAR


@dataclass(slots=True)
class Timeline:
    """``add`` every event in order; it returns the rows that need no more waiting for."""

    status: str = "queued"
    reason: str | None = None
    message: str | None = None
    rows: list[Row] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    started_at: datetime | None = None
    newest_at: datetime | None = None

    def add(self, event: Event) -> list[Row]:
        self.events.append(event)
        if event.type.startswith("patch."):  # whenever that was: the flow had ended
            return []
        self.newest_at = _when(event.at)
        self.started_at = self.started_at or self.newest_at
        match event.type:
            case "flow.started":
                self.status = "in_progress"
            case "approval.requested":
                self.status = "requires_action"
            case "flow.completed":
                return self._end(event)
            case "step.started":
                before = self._close(None, begun=event.step)
                self._open(event)
                return before
            case "step.progressed":
                if row := self._row_of(event):
                    row.output_chars = int(event.data.get("output_chars") or row.output_chars)
            case "step.completed":
                self._complete(event)
            case type if type in _REPORTS:
                self._report(event, _REPORTS[type])
        return self._final()

    @property
    def running(self) -> Row | None:
        """The step under way; what is shown with a spinner."""
        return next((row for row in reversed(self.rows) if not row.shown), None)

    @property
    def calls(self) -> int:
        return sum(1 for row in self.rows if row.input_tokens is not None or row.output_tokens is not None)

    @property
    def tokens(self) -> int:
        return sum((row.input_tokens or 0) + (row.output_tokens or 0) for row in self.rows)

    @property
    def cost_usd(self) -> float:
        return sum(row.cost_usd or 0.0 for row in self.rows)

    @property
    def rounds(self) -> int:
        return max((row.round for row in self.rows), default=0)

    @property
    def after_the_end(self) -> list[Event]:
        """What was done with the patch."""
        return [event for event in self.events if event.type.startswith("patch.")]

    def elapsed(self) -> timedelta:
        """On the server's clock, up to the newest event."""
        if self.started_at is None or self.newest_at is None:
            return timedelta(0)
        return self.newest_at - self.started_at

    def last_review(self) -> Row | None:
        return next((row for row in reversed(self.rows) if row.stage == "review" and row.result), None)

    # -- one event each

    def _open(self, event: Event) -> Row:
        """A new row, or the same one again: a step that a crash cut short is begun once more."""
        known = self._row_of(event) if event.step is not None else None
        if known is not None and not known.completed:
            known.started_at, known.output_chars, known.shown = _when(event.at), 0, False
            return known
        row = Row(
            stage=event.stage or str(event.data.get("node") or "step"),
            round=event.round or 0,
            started_at=_when(event.at),
            step=event.step,
            model=event.model,
        )
        self.rows.append(row)
        return row

    def _complete(self, event: Event) -> None:
        row = self._row_of(event) or self._open(event)
        row.completed = True
        self._measure(row, event)
        row.text = event.data.get("text") or row.text
        if row.stage == "plan" and "contract" in event.data:
            row.result = event.data

    def _report(self, event: Event, stage: str) -> None:
        row = self._row_of(event)
        if row is None or row.stage != stage:
            row = self._open(event)
            row.stage, row.completed = stage, True
        row.result = event.data
        self._measure(row, event)

    def _measure(self, row: Row, event: Event) -> None:
        for name in ("model", "input_tokens", "output_tokens", "cost_usd", "duration_ms"):
            if getattr(event, name) is not None:
                setattr(row, name, getattr(event, name))

    def _end(self, event: Event) -> list[Row]:
        self.status = str(event.data.get("status") or "failed")
        self.reason, self.message = event.data.get("reason"), event.data.get("message")
        return self._close(None if self.status in ("approved", "rejected") else self.status)

    def _row_of(self, event: Event) -> Row | None:
        if event.step is None:
            return self.running
        return next((row for row in reversed(self.rows) if row.step == event.step), None)

    def _close(self, stopped_by: str | None, begun: int | None = None) -> list[Row]:
        """Every row that was still waited for: something later has begun, nothing more will come."""
        rows = [row for row in self.rows if not row.shown and (row.step is None or row.step != begun)]
        for row in rows:
            row.stopped_by = None if row.completed or row.result else stopped_by
        return self._show(rows)

    def _final(self) -> list[Row]:
        return self._show([row for row in self.rows if row.final and not row.shown])

    def _show(self, rows: list[Row]) -> list[Row]:
        for row in rows:
            row.shown = True
        return rows


def _when(at: str) -> datetime:
    return datetime.fromisoformat(at)
