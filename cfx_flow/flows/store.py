"""Flows, steps and events in the database. The ``flows`` row is the truth about a flow.

Every transition is a compare-and-set on that row, and every event gets its number from it
in the transaction that writes what the event tells.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Update, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cfx_flow.clock import Clock
from cfx_flow.errors import Conflict, VersionConflict
from cfx_flow.flows.decision import Decision
from cfx_flow.flows.effects import Effect, find_effect, put_effect
from cfx_flow.flows.feed import Feed
from cfx_flow.flows.idempotency import Ticket, flow_for, take_ticket
from cfx_flow.flows.model import (
    UNFINISHED,
    Event,
    Fenced,
    Flow,
    FlowOptions,
    FlowStatus,
    Outcome,
    Reason,
    Step,
    Story,
    Waits,
)
from cfx_flow.flows.reads import FlowReads, by_id, own
from cfx_flow.flows.rows import (
    event_row,
    flow_of,
    flow_row,
    step_row,
)
from cfx_flow.store.engine import Store
from cfx_flow.store.tables import flow_events, flow_steps, flows
from cfx_flow.webhooks.outbox import put_delivery

NO_STORY = Story()


@dataclass(frozen=True, slots=True)
class Fence:
    """The state that a writer believes the row to be in; if it is not, nothing is written."""

    flow_id: str
    epoch: int
    status: FlowStatus = FlowStatus.IN_PROGRESS


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a runner writes in one transaction."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    """of the flow's row"""
    opens: Step | None = None
    """a new step, with its input"""
    step: Step | None = None
    """all but the input of one that is open"""
    effect: Effect | None = None
    """a model call of the step"""
    events: Sequence[Event] = ()


Submit = Callable[[AsyncConnection, str], Awaitable[None]]
"""told, within the transaction, the user of a flow that was queued, or has stopped running"""


async def _rows_are_the_queue(_connection: AsyncConnection, _user_id: str) -> None:
    pass


class FlowStore(FlowReads):
    """Readers are bound to a user; the runner's writes to an epoch."""

    def __init__(self, store: Store, clock: Clock, feed: Feed, submit: Submit = _rows_are_the_queue) -> None:
        super().__init__(store)
        self._clock, self.feed, self._submit = clock, feed, submit

    # What a person may do ---------------------------------------------------------------

    async def made_by(self, user_id: str, ticket: Ticket) -> Flow | None:
        """The flow that the same request made before. Raises IdempotencyMismatch."""
        async with self._store.read() as connection:
            flow_id = await flow_for(connection, user_id, ticket, self._clock.now())
        return None if flow_id is None else await self.get(user_id, flow_id)

    async def create(self, flow: Flow, ticket: Ticket | None = None, story: Story = NO_STORY) -> Flow:
        """Writes the row and ``flow.queued`` in one transaction: from here on the flow is never lost.

        Another one comes back when a twin of the request was quicker. Raises IdempotencyMismatch.
        """
        events = [Event(type="flow.queued", at=flow.created_at, data=_origin(flow)), *story.events]
        flow = replace(flow, last_seq=len(events))
        async with self._store.transaction() as connection:
            if ticket is not None and not await take_ticket(connection, self._store, ticket, flow):
                quicker = await flow_for(connection, flow.user_id, ticket, flow.created_at)
                return flow_of((await connection.execute(own(flow.user_id, str(quicker)))).mappings().one())
            await connection.execute(insert(flows).values(**flow_row(flow), patch=story.patch))
            for step in story.steps:
                await self._upsert(connection, flow.id, step)
            rows = [event_row(flow.id, seq, event) for seq, event in enumerate(events, 1)]
            await connection.execute(insert(flow_events), rows)
            await self._submit(connection, flow.user_id)
        return flow

    async def cancel(self, user_id: str, flow_id: str) -> Flow:
        """Ends it at once, whoever runs it: the runner finds itself fenced. Raises NotFound, Conflict."""
        before = await self.get(user_id, flow_id)
        if not await self.end(flow_id, None, Outcome(FlowStatus.CANCELLED, Reason.USER, "Cancelled by you.")):
            now = await self.get(user_id, flow_id)
            raise Conflict(f"This flow has already ended: {now.status.value}.")
        return await self.get(user_id, before.id)

    async def resume(self, flow: Flow, options: FlowOptions) -> Flow:
        """Queues an ended flow again, if it is still as ``flow`` says. Raises Conflict."""
        changes: dict[str, Any] = {
            "status": FlowStatus.QUEUED,
            "reason": None,
            "message": None,
            "completed_at": None,
            "options": options.to_json(),
            "epoch": flow.epoch + 1,
            "version": flow.version + 1,
        }
        data = {
            "reason": flow.reason,
            "max_rounds": options.max_rounds,
            "budget": options.to_json()["budget"],
            "comment": options.comment,
        }
        event = Event(type="flow.resumed", at=self._clock.now(), data=data)
        try:
            async with self._store.transaction() as connection:
                await _change(connection, Fence(flow.id, flow.epoch, flow.status), changes, [event])
                await self._submit(connection, flow.user_id)
        except Fenced:
            raise Conflict("This flow has just been resumed by another request.") from None
        self.feed.ring(flow.id)
        return await self.get(flow.user_id, flow.id)

    async def decide(self, flow: Flow, decision: Decision) -> Flow:
        """Queues a waiting flow again, with what was said. Of many answers to one version one counts;
        the others get VersionConflict."""
        said = decision.model_dump(mode="json")
        changes = {
            "status": FlowStatus.QUEUED,
            "gate": None,
            "message": None,
            "decision": said,
            "epoch": flow.epoch + 1,
            "version": flow.version + 1,
        }
        told = {**said, "plan": None, "edited": decision.plan is not None}
        event = Event(type="approval.decided", at=self._clock.now(), round=flow.round or None, data=told)
        try:
            async with self._store.transaction() as connection:
                await _change(connection, Fence(flow.id, flow.epoch, flow.status), changes, [event])
                await self._submit(connection, flow.user_id)
        except Fenced:
            raise VersionConflict("Another decision was quicker. Look again.", param="version") from None
        self.feed.ring(flow.id)
        return await self.get(flow.user_id, flow.id)

    # The runner's side ------------------------------------------------------------------

    async def unfinished(self) -> Sequence[tuple[str, str]]:
        """(flow id, user id) of all that a restart must go on with, oldest first."""
        query = (
            select(flows.c.id, flows.c.user_id)
            .where(flows.c.status.in_([FlowStatus.QUEUED, FlowStatus.IN_PROGRESS]))
            .order_by(flows.c.created_at, flows.c.id)
        )
        async with self._store.read() as connection:
            return [(row.id, row.user_id) for row in await connection.execute(query)]

    async def claim(self, flow_id: str) -> Flow | None:
        """Takes the flow into a new epoch, which fences out whoever ran it before. None: there is nothing
        to run, since it has ended or waits for a person."""
        now = self._clock.now()
        async with self._store.transaction() as connection:
            row = (await connection.execute(by_id(flow_id))).mappings().one_or_none()
            if row is None or row["status"] not in (FlowStatus.QUEUED, FlowStatus.IN_PROGRESS):
                return None
            before = flow_of(row)
            changes: dict[str, Any] = {"epoch": before.epoch + 1, "status": FlowStatus.IN_PROGRESS}
            events = []
            if before.status is FlowStatus.QUEUED:
                changes |= {"started_at": before.started_at or now, "version": before.version + 1}
                events = [Event(type="flow.started", at=now)]
            await _change(connection, Fence(flow_id, before.epoch, before.status), changes, events)
            claimed = flow_of((await connection.execute(by_id(flow_id))).mappings().one())
        self.feed.ring(flow_id)
        return claimed

    async def write(self, fence: Fence, entry: Entry) -> None:
        """All of it or nothing. Raises Fenced."""
        async with self._store.transaction() as connection:
            await _change(connection, fence, entry.changes, entry.events)
            if entry.opens is not None:
                await self._upsert(connection, fence.flow_id, entry.opens)
            if entry.step is not None:
                await connection.execute(_step_update(fence.flow_id, entry.step))
            if entry.effect is not None:
                await put_effect(connection, self._store, fence.flow_id, entry.effect)
        if entry.events:
            self.feed.ring(fence.flow_id)

    async def wait(self, flow: Flow, waits: Waits) -> None:
        """Nothing runs until a person has decided. Raises Fenced."""
        version = flow.version + 1
        told = {"gate": waits.gate.value, "message": waits.message, "version": version}
        changes = {"status": FlowStatus.REQUIRES_ACTION, **told}
        event = Event(type="approval.requested", at=self._clock.now(), data=told)
        async with self._store.transaction() as connection:
            await _change(connection, Fence(flow.id, flow.epoch), changes, [event])
            await self._submit(connection, flow.user_id)
        self.feed.ring(flow.id)

    async def end(self, flow_id: str, epoch: int | None, outcome: Outcome) -> bool:
        """The final status and ``flow.completed``. False: it had ended, or the epoch is over.

        ``epoch`` None is for a person's word, which counts whoever runs the flow.
        """
        now = self._clock.now()
        data = {"status": outcome.status.value, "reason": outcome.reason, "message": outcome.message}
        if outcome.approval_hash is not None:
            data["approval_hash"] = outcome.approval_hash
        change = update(flows).where(flows.c.id == flow_id, flows.c.status.in_(UNFINISHED))
        if epoch is not None:
            change = change.where(flows.c.epoch == epoch)
        change = change.values(
            status=outcome.status,
            reason=outcome.reason,
            message=outcome.message,
            approval_hash=outcome.approval_hash,
            gate=None,
            decision=None,
            completed_at=now,
            epoch=flows.c.epoch + 1,
            version=flows.c.version + 1,
            last_seq=flows.c.last_seq + 1,
        ).returning(flows.c.last_seq, flows.c.user_id, flows.c.options)
        async with self._store.transaction() as connection:
            row = (await connection.execute(change)).one_or_none()
            if row is None:
                return False
            await self._close_steps(connection, flow_id, outcome)
            event = Event(type="flow.completed", at=now, data=data)
            await connection.execute(insert(flow_events).values(**event_row(flow_id, row.last_seq, event)))
            if row.options.get("webhook"):
                ended = flow_of((await connection.execute(by_id(flow_id))).mappings().one())
                await put_delivery(connection, ended)
            await self._submit(connection, row.user_id)
        self.feed.ring(flow_id)
        return True

    async def effect(self, flow_id: str, step: int, call: int, request_hash: bytes) -> Effect | None:
        async with self._store.read() as connection:
            return await find_effect(connection, flow_id, step, call, request_hash)

    async def _upsert(self, connection: AsyncConnection, flow_id: str, step: Step) -> None:
        """A node that runs again after a crash writes the same row again."""
        row = step_row(flow_id, step)
        statement = self._store.insert(flow_steps).values(**row)
        keys = ["flow_id", "n"]
        statement = statement.on_conflict_do_update(
            index_elements=keys, set_={name: value for name, value in row.items() if name not in keys}
        )
        await connection.execute(statement)

    async def _close_steps(self, connection: AsyncConnection, flow_id: str, outcome: Outcome) -> None:
        """What ran when the flow ended did not finish."""
        status = "cancelled" if outcome.status is FlowStatus.CANCELLED else "failed"
        await connection.execute(
            update(flow_steps)
            .where(flow_steps.c.flow_id == flow_id, flow_steps.c.status == "started")
            .values(status=status, completed_at=self._clock.now())
        )


def _origin(flow: Flow) -> Mapping[str, Any]:
    if flow.parent_id is None:
        return {}
    return {"forked_from": {"flow": flow.parent_id, "step": flow.parent_step}}


def _step_update(flow_id: str, step: Step) -> Update:
    row = step_row(flow_id, step)
    changes = {name: value for name, value in row.items() if name not in ("flow_id", "n", "input")}
    return (
        update(flow_steps).where(flow_steps.c.flow_id == flow_id, flow_steps.c.n == step.n).values(**changes)
    )


async def _change(
    connection: AsyncConnection, fence: Fence, changes: Mapping[str, Any], events: Sequence[Event]
) -> None:
    change = (
        update(flows)
        .where(flows.c.id == fence.flow_id, flows.c.epoch == fence.epoch, flows.c.status == fence.status)
        .values(**changes, last_seq=flows.c.last_seq + len(events))
        .returning(flows.c.last_seq)
    )
    last = (await connection.execute(change)).scalar()
    if last is None:
        raise Fenced
    first = last - len(events) + 1
    rows = [event_row(fence.flow_id, first + n, event) for n, event in enumerate(events)]
    if rows:
        await connection.execute(insert(flow_events), rows)
