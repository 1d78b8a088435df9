"""What happens to a flow's rows in one transaction, as jobs of the store.

Every transition is a compare-and-set on the ``flows`` row, and every event gets its number from
it in the transaction that writes what the event tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from cfx_flow.flows import statements as sql
from cfx_flow.flows.checkpoints import CheckpointRow, Writes
from cfx_flow.flows.effects import Calls, Effect, calls_of
from cfx_flow.flows.model import (
    NO_INPUT,
    Event,
    Fenced,
    Flow,
    FlowStatus,
    Outcome,
    Step,
    StoredInput,
    Story,
)
from cfx_flow.flows.resume import may_resume
from cfx_flow.flows.retakes import AT_ONCE, Later
from cfx_flow.flows.rows import event_row, flow_of, flow_row, input_row, step_row
from cfx_flow.flows.search import search_row
from cfx_flow.flows.usage import Usage
from cfx_flow.store.jobs import Ask, Job, Row, Steps, Values
from cfx_flow.webhooks.outbox import put_delivery


class Fence(msgspec.Struct, frozen=True):
    """The state that a writer believes the row to be in; if it is not, nothing is written."""

    flow_id: str
    epoch: int
    status: FlowStatus = FlowStatus.IN_PROGRESS


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What a runner writes in one transaction."""

    changes: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """of the flow's row"""
    opens: Step | None = None
    """a new step"""
    input: StoredInput = NO_INPUT
    """of the step that it opens"""
    step: Step | None = None
    """one that is open"""
    effect: Effect | None = None
    """a model call of the step"""
    checkpoint: CheckpointRow | None = None
    writes: Writes | None = None
    """left out where the checkpoint after them is among the same entries"""
    forgets: str | None = None
    """the flow itself, whose checkpoints so far go"""
    events: Sequence[Event] = ()
    also: Job[None] | None = None
    """what must succeed with it; comes last, for it may hold a row that others wait for"""


def write(fence: Fence, entries: Sequence[Entry], upserts: sql.Upserts) -> Steps[bool]:
    """All of it or nothing; whether there were events. Raises Fenced, and what an ``also`` raises."""
    changes, events = _changes_and_events(entries)
    yield from change(fence, changes, events)
    yield from write_rows(fence.flow_id, entries, upserts)
    return bool(events)


def _changes_and_events(entries: Sequence[Entry]) -> tuple[dict[str, Any], list[Event]]:
    changes: dict[str, Any] = {}
    events: list[Event] = []
    for entry in entries:
        changes |= entry.changes
        events += entry.events
    return changes, events


def write_rows(flow_id: str, entries: Sequence[Entry], upserts: sql.Upserts) -> Steps[None]:
    """What entries hold besides changes and events; behind no fence."""
    followed = {entry.checkpoint.parent_id for entry in entries if entry.checkpoint is not None}
    yield from _write_steps(flow_id, entries, upserts)
    for entry in entries:
        if entry.forgets is not None:
            yield from drop_checkpoints(entry.forgets)
        if entry.effect is not None:
            yield Ask(upserts.effect, {"flow_id": flow_id, **asdict(entry.effect)})
        if entry.writes is not None and entry.writes.checkpoint_id not in followed:
            for written in entry.writes.rows():
                values = asdict(written)
                yield Ask(upserts.write_again if values.pop("again") else upserts.write, values)
        if entry.checkpoint is not None:
            yield Ask(upserts.checkpoint, asdict(entry.checkpoint))
        if entry.also is not None:
            yield from entry.also()


def _write_steps(flow_id: str, entries: Sequence[Entry], upserts: sql.Upserts) -> Steps[None]:
    """Each once, as the last of the entries has it."""
    opened = {entry.opens.n: (entry.opens, entry.input) for entry in entries if entry.opens is not None}
    newest = {entry.step.n: entry.step for entry in entries if entry.step is not None}
    for n, (step, input) in opened.items():
        yield from _open_step(flow_id, newest.pop(n, step), input, upserts)
    for n, step in newest.items():
        yield Ask(sql.OPEN_STEP, {"b_flow_id": flow_id, "b_n": n, **step_row(flow_id, step)})


def _open_step(flow_id: str, step: Step, input: StoredInput, upserts: sql.Upserts) -> Steps[None]:
    yield Ask(upserts.step, {**step_row(flow_id, step), "input": input.in_row})
    if input.body is not None:
        yield Ask(upserts.input, input_row(flow_id, step.n, input))


def change(fence: Fence, changes: Values, events: Sequence[Event]) -> Steps[None]:
    """Raises Fenced."""
    where = {"b_flow_id": fence.flow_id, "b_epoch": fence.epoch, "b_status": fence.status.value}
    values = {**changes, **where, "more_events": len(events)}
    if not (yield Ask(sql.change(frozenset(changes)), values)):
        raise Fenced
    if events:
        yield _told(fence.flow_id, events)


def _told(flow_id: str, events: Sequence[Event]) -> Ask:
    """By the transaction that has counted them in the flow's row."""
    last = len(events) - 1
    return Ask(sql.NEW_EVENT, [event_row(flow_id, last - n, event) for n, event in enumerate(events)])


def create(flow: Flow, story: Story, upserts: sql.Upserts) -> Steps[Flow]:
    events = [Event(type="flow.queued", at=flow.created_at, data=_origin(flow)), *story.events]
    flow = replace(flow, last_seq=len(events))
    yield Ask(sql.NEW_FLOW, flow_row(flow))
    yield Ask(sql.NEW_SEARCH, search_row(flow))
    for step in story.steps:
        yield from _open_step(flow.id, step, story.inputs.get(step.n, NO_INPUT), upserts)
    yield _told(flow.id, events)
    return flow


def claim(flow_id: str, now: datetime, paused: int | None) -> Steps[Flow | None]:
    """Takes the flow into a new epoch, which fences out whoever ran it before. None: there is
    nothing to run. ``paused``: as ``FlowStore.claim``. Raises Later."""
    found = yield Ask(sql.FLOW_TO_TAKE, {"flow_id": flow_id})
    before = flow_of(found[0]) if found else None
    if before is None or before.status not in (FlowStatus.QUEUED, FlowStatus.IN_PROGRESS):
        return None
    changes: dict[str, Any] = {"epoch": before.epoch + 1, "status": FlowStatus.IN_PROGRESS}
    events = []
    if before.status is FlowStatus.QUEUED:
        changes |= {"started_at": before.started_at or now, "version": before.version + 1, "retakes": 0}
        events = [Event(type="flow.started", at=now)]
    elif paused is not None:
        if before.retakes > max(paused, AT_ONCE):
            raise Later(before.retakes)
        changes["retakes"] = before.retakes + 1
    yield from change(Fence(flow_id, before.epoch, before.status), changes, events)
    return replace(before, **changes, last_seq=before.last_seq + len(events))


def end(
    flow_id: str, epoch: int | None, outcome: Outcome, now: datetime, last: Sequence[Entry]
) -> Steps[Row | None]:
    """The final status and ``flow.completed``, with what ``last`` changes and tells; what ``wind_up``
    needs to know. None: it had ended, or the epoch is over."""
    told = {"status": outcome.status, "reason": outcome.reason, "message": outcome.message}
    bound = {} if outcome.approval_hash is None else {"approval_hash": outcome.approval_hash}
    changes, events = _changes_and_events(last)
    changes |= {**told, "completed_at": now, "approval_hash": outcome.approval_hash}
    data = {**told, "status": outcome.status.value, **bound}
    events.append(Event(type="flow.completed", at=now, data=data))
    where = {"b_flow_id": flow_id} if epoch is None else {"b_flow_id": flow_id, "b_epoch": epoch}
    statement = sql.end(frozenset(changes), in_epoch=epoch is not None)
    found = yield Ask(statement, {**changes, **where, "more_events": len(events)})
    if not found:
        return None
    yield _told(flow_id, events)
    return found[0]


def wind_up(flow_id: str, ended: Row, outcome: Outcome, now: datetime) -> Steps[None]:
    """What is open is closed, who waits for the end is told, and what nobody needs any more goes."""
    cut_off = "cancelled" if outcome.status is FlowStatus.CANCELLED else "failed"
    for row in (yield Ask(sql.CLOSE_STEPS, {"b_flow_id": flow_id, "status": cut_off, "completed_at": now})):
        yield from _count_calls(flow_id, row)
    if ended["options"].get("webhook"):
        yield from put_delivery(flow_of((yield Ask(sql.FLOW, {"flow_id": flow_id}))[0]))
    if not may_resume(outcome):
        yield from drop_checkpoints(flow_id)


def _count_calls(flow_id: str, row: Row) -> Steps[None]:
    """Of a step that was cut off after its last answer and before its row was written."""
    found = yield Ask(sql.EFFECTS_OF_STEP, {"flow_id": flow_id, "step": row["n"]})
    before = Usage(row["attempts"], row["input_tokens"], row["output_tokens"], row["cost_usd"])
    calls = calls_of(Calls(row["model"], before, row["detail"]), [Effect(**each) for each in found])
    if calls.used.calls > before.calls:
        yield Ask(
            sql.MORE_CALLS,
            {
                "b_flow_id": flow_id,
                "b_n": row["n"],
                "model": calls.model,
                "attempts": calls.used.calls,
                "input_tokens": calls.used.input_tokens,
                "output_tokens": calls.used.output_tokens,
                "cost_usd": calls.used.cost_usd,
            },
        )


def drop_checkpoints(flow_id: str) -> Steps[None]:
    yield Ask(sql.NO_CHECKPOINTS, {"flow_id": flow_id})
    yield Ask(sql.NO_WRITES, {"flow_id": flow_id})


def _origin(flow: Flow) -> Mapping[str, Any]:
    if flow.parent_id is None:
        return {}
    return {"forked_from": {"flow": flow.parent_id, "step": flow.parent_step}}
