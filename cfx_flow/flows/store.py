"""Flows, steps and events in the database. The ``flows`` row is the truth about a flow.

Every transition is a compare-and-set on that row, and every event gets its number from it
in the transaction that writes what the event tells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from cfx_flow.clock import Clock
from cfx_flow.errors import Conflict, VersionConflict
from cfx_flow.flows import jobs
from cfx_flow.flows import statements as sql
from cfx_flow.flows.decision import Decision
from cfx_flow.flows.feed import Feed
from cfx_flow.flows.idempotency import Ticket, flow_for, made_by_twin, take_ticket
from cfx_flow.flows.jobs import Entry, Fence
from cfx_flow.flows.model import (
    Event,
    Fenced,
    Flow,
    FlowOptions,
    FlowStatus,
    Outcome,
    Reason,
    Story,
    Waits,
)
from cfx_flow.flows.reads import FlowReads
from cfx_flow.flows.resume import may_resume
from cfx_flow.store.engine import Store
from cfx_flow.store.jobs import Ask, Steps
from cfx_flow.workspace.store import keep

__all__ = ["Entry", "Fence", "FlowStore"]

NO_STORY = Story()


Submit = Callable[[str], Steps[None]]
"""told, within the transaction, the user of a flow that was queued, or has stopped running"""


def _rows_are_the_queue(_user_id: str) -> Steps[None]:
    yield from ()


class FlowStore(FlowReads):
    """Readers are bound to a user; the runner's writes to an epoch."""

    def __init__(self, store: Store, clock: Clock, feed: Feed, submit: Submit = _rows_are_the_queue) -> None:
        super().__init__(store)
        self._clock, self.feed, self._submit = clock, feed, submit
        self._upserts = sql.Upserts(store)

    # What a person may do ---------------------------------------------------------------

    async def made_by(self, user_id: str, ticket: Ticket) -> Flow | None:
        """The flow that the same request made before. Raises IdempotencyMismatch."""
        now = self._clock.now()
        flow_id = await self._store.look(lambda: flow_for(user_id, ticket, now))
        return None if flow_id is None else await self.get(user_id, flow_id)

    async def create(self, flow: Flow, ticket: Ticket | None = None, story: Story = NO_STORY) -> Flow:
        """Writes the row and ``flow.queued`` in one transaction: from here on the flow is never lost.

        Another one comes back when a twin of the request was quicker. Raises IdempotencyMismatch,
        NotFound for a snapshot that has gone meanwhile.
        """

        def job() -> Steps[Flow]:
            if ticket is not None and not (yield from take_ticket(self._upserts, ticket, flow)):
                return (yield from made_by_twin(ticket, flow))
            yield from keep(flow.user_id, flow.snapshot_id)
            created = yield from jobs.create(flow, story, self._upserts)
            yield from self._submit(flow.user_id)
            return created

        created = await self._store.run(job)
        self.feed.ring(created.id, created.user_id)
        return created

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
            await self._store.run(lambda: self._queue(flow, changes, event))
        except Fenced:
            raise Conflict("This flow has just been resumed by another request.") from None
        self.feed.ring(flow.id, flow.user_id)
        return await self.get(flow.user_id, flow.id)

    async def tell(self, flow: Flow, type: str, data: Mapping[str, Any]) -> None:
        """What a person did with the patch of an approved flow, which is final: an event and nothing else."""
        event = Event(type=type, at=self._clock.now(), data=data)
        await self._store.run(lambda: jobs.change(Fence(flow.id, flow.epoch, flow.status), {}, [event]))
        self.feed.ring(flow.id, flow.user_id)

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
            await self._store.run(lambda: self._queue(flow, changes, event))
        except Fenced:
            raise VersionConflict("Another decision was quicker. Look again.", param="version") from None
        self.feed.ring(flow.id, flow.user_id)
        return await self.get(flow.user_id, flow.id)

    # The runner's side ------------------------------------------------------------------

    async def unfinished(self) -> Sequence[tuple[str, str]]:
        """(flow id, user id) of all that a restart must go on with, oldest first."""
        return [(row["id"], row["user_id"]) for row in await self._find(Ask(sql.UNFINISHED_FLOWS, {}))]

    async def of_disabled_owners(self) -> Sequence[str]:
        """Ids of flows that run, or wait for their turn, though their user's account is disabled, or gone."""
        return [row["id"] for row in await self._find(Ask(sql.OF_DISABLED_OWNERS, {}))]

    async def claim(self, flow_id: str, *, paused: int | None = 0) -> Flow | None:
        """Takes the flow into a new epoch, which fences out whoever ran it before. None: there is nothing
        to run, since it has ended or waits for a person.

        ``paused``: the retakes for which the caller has made the pause that Later asked for; None: the caller
        itself ran it before. Raises Fenced, Later.
        """
        now = self._clock.now()
        claimed = await self._store.run(lambda: jobs.claim(flow_id, now, paused))
        self.feed.ring(flow_id, claimed.user_id if claimed else None)
        return claimed

    async def write(self, fence: Fence, *entries: Entry, is_lazy: bool = False) -> None:
        """All of it or nothing; ``is_lazy``: as ``Store.run``. Raises Fenced, and what an ``also`` raises."""
        if await self._store.run(lambda: jobs.write(fence, entries, self._upserts), is_lazy=is_lazy):
            self.feed.ring(fence.flow_id)

    async def wait(self, flow: Flow, waits: Waits, last: Sequence[Entry] = ()) -> None:
        """Nothing runs until a person has decided. ``last``: as ``end``. Raises Fenced."""
        version = flow.version + 1
        told = {"gate": waits.gate.value, "message": waits.message, "version": version}
        changes = {"status": FlowStatus.REQUIRES_ACTION, **told}
        event = Event(type="approval.requested", at=self._clock.now(), data=told)

        entries = [*last, Entry(changes=changes, events=[event])]

        def job() -> Steps[None]:
            yield from jobs.write(Fence(flow.id, flow.epoch), entries, self._upserts)
            yield from self._submit(flow.user_id)

        await self._store.run(job)
        self.feed.ring(flow.id, flow.user_id)

    async def end(
        self, flow_id: str, epoch: int | None, outcome: Outcome, last: Sequence[Entry] = ()
    ) -> bool:
        """The final status and ``flow.completed``. False: it had ended, or the epoch is over.

        ``epoch`` None is for a person's word, which counts whoever runs the flow. Checkpoints go with it,
        unless it may be resumed. ``last``: what the epoch's run has not written yet.
        """
        now = self._clock.now()
        if not may_resume(outcome):
            last = [replace(entry, checkpoint=None, writes=None) for entry in last]

        def job() -> Steps[str | None]:
            ended = yield from jobs.end(flow_id, epoch, outcome, now, last)
            if ended is None:
                return None
            yield from jobs.write_rows(flow_id, last, self._upserts)
            yield from jobs.wind_up(flow_id, ended, outcome, now)
            yield from self._submit(ended["user_id"])
            return str(ended["user_id"])

        owner = await self._store.run(job)
        if owner is not None:
            self.feed.ring(flow_id, owner)
        return owner is not None

    def _queue(self, flow: Flow, changes: Mapping[str, Any], event: Event) -> Steps[None]:
        """Raises Fenced."""
        yield from jobs.change(Fence(flow.id, flow.epoch, flow.status), changes, [event])
        yield from self._submit(flow.user_id)
