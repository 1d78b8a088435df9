"""What there is to read of flows, steps and events."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from cfx_flow.errors import NotFound
from cfx_flow.flows import statements as sql
from cfx_flow.flows.checkpoints import CheckpointRow, WriteRow
from cfx_flow.flows.effects import Effect
from cfx_flow.flows.evidence import NO_PATCH
from cfx_flow.flows.inputs import unpack_input
from cfx_flow.flows.model import Event, Flow, Step, StoredInput
from cfx_flow.flows.pages import EVERYTHING, Page, Wanted, read_page
from cfx_flow.flows.rows import event_of, flow_of, input_of, step_of
from cfx_flow.store.cursor import is_uuid
from cfx_flow.store.engine import Store
from cfx_flow.store.jobs import Ask, Row, Steps
from cfx_flow.store.tables import flow_steps, flows

EVENTS_AT_ONCE = 500
_NO_FLOW = "There is no such flow."


class FlowReads:
    """Flows are bound to a user; events and steps are for who has made sure that the flow is the reader's."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, user_id: str, flow_id: str) -> Flow:
        """Raises NotFound, for another user's flow too."""
        if not is_uuid(flow_id):
            raise NotFound(_NO_FLOW)
        ask = Ask(sql.OWN_FLOW, {"flow_id": flow_id, "user_id": user_id})
        found = await self._find(ask, person=user_id)
        if not found:
            raise NotFound(_NO_FLOW)
        return flow_of(found[0])

    async def list(
        self, user_id: str, wanted: Wanted = EVERYTHING, *, limit: int = 20, cursor: str | None = None
    ) -> Page:
        """Raises InvalidRequest for a strange cursor."""
        return await read_page(self._store, user_id, wanted, limit=limit, cursor=cursor)

    async def patch(self, user_id: str, flow_id: str) -> str:
        """The newest diff that passed the check. Raises NotFound while there is none."""
        await self.get(user_id, flow_id)
        async with self._store.read(person=user_id) as connection:
            found = (await connection.execute(sql.PATCH, {"flow_id": flow_id})).scalar_one_or_none()
        if found is None:
            raise NotFound(NO_PATCH)
        return str(found)

    async def plan(self, user_id: str, flow_id: str) -> Step:
        """The step whose output is the plan that counts. Raises NotFound while there is none."""
        step = await self.newest(user_id, flow_id, "plan", "approve_plan")
        if step is None:
            raise NotFound("This flow has no plan yet.")
        return step

    async def newest(self, user_id: str, flow_id: str, *nodes: str) -> Step | None:
        """The finished step of these nodes that came last. Raises NotFound for a flow that is not there."""
        await self.get(user_id, flow_id)
        query = (
            sql.STEPS.where(flow_steps.c.node.in_(nodes), flow_steps.c.status == "completed")
            .order_by(flow_steps.c.n.desc())
            .limit(1)
        )
        async with self._store.read(person=user_id) as connection:
            row = (await connection.execute(query, {"flow_id": flow_id})).mappings().one_or_none()
        return None if row is None else step_of(row)

    async def step_and_input(self, user_id: str, flow_id: str, n: int) -> tuple[Step, Mapping[str, Any]]:
        """Raises NotFound, DamagedRow."""
        await self.get(user_id, flow_id)
        ask = Ask(sql.STEP_AND_INPUT, {"flow_id": flow_id, "n": n})
        found = await self._find(ask, person=user_id)
        if not found:
            raise NotFound(f"This flow has no step {n}.")
        stored, first = input_of(found[0]), None
        if stored.begins_as is not None:
            ask = Ask(sql.STEP_AND_INPUT, {"flow_id": flow_id, "n": stored.begins_as})
            first = next(map(input_of, await self._find(ask, person=user_id)), None)
        return step_of(found[0]), await unpack_input(stored, first)

    async def steps_for(self, user_id: str, flow_id: str) -> Sequence[Step]:
        """All of them, in order. Raises NotFound for a flow that is not there."""
        await self.get(user_id, flow_id)
        async with self._store.read(person=user_id) as connection:
            found = await connection.execute(sql.STEPS_IN_ORDER, {"flow_id": flow_id})
            return [step_of(row) for row in found.mappings()]

    async def steps_and_inputs(
        self, user_id: str, flow_id: str
    ) -> tuple[Sequence[Step], Mapping[int, StoredInput]]:
        """As ``steps_for``, and what went into them, by their numbers."""
        await self.get(user_id, flow_id)
        async with self._store.read(person=user_id) as connection:
            found = (await connection.execute(sql.STEPS_AND_INPUTS, {"flow_id": flow_id})).mappings().all()
        return [step_of(row) for row in found], {row["n"]: input_of(row) for row in found}

    async def all_events(self, flow_id: str, *, person: str | None = None) -> Sequence[Event]:
        events: list[Event] = []
        while page := await self.events(flow_id, events[-1].seq if events else 0, person=person):
            events += page
        return events

    async def events(
        self, flow_id: str, after: int = 0, limit: int = EVENTS_AT_ONCE, *, person: str | None = None
    ) -> Sequence[Event]:
        """In order of seq. Whoever asks has made sure that the flow is the reader's."""
        ask = Ask(sql.EVENTS, {"flow_id": flow_id, "after": after, "at_most": limit})
        return [event_of(row) for row in await self._find(ask, person=person)]

    async def step(self, flow_id: str, n: int) -> Step | None:
        found = await self._find(Ask(sql.STEP, {"flow_id": flow_id, "n": n}))
        return step_of(found[0]) if found else None

    async def seconds_of_tests(self, flow: Flow) -> float:
        """What its tests took that have finished; those of its parent are not its own."""
        if flow.options.tests is None:
            return 0.0
        own = {"flow_id": flow.id, "after": flow.parent_step or 0}
        found = await self._find(Ask(sql.TIMES_OF_TESTS, own))
        took: list[timedelta] = [row["completed_at"] - row["started_at"] for row in found]
        return sum(max(each.total_seconds(), 0.0) for each in took)  # the clock may have been put back

    async def effect(self, flow_id: str, step: int, call: int, request_hash: bytes) -> Effect | None:
        keys = {"flow_id": flow_id, "step": step, "call": call, "request_hash": request_hash}
        found = await self._find(Ask(sql.EFFECT, keys))
        return Effect(**found[0]) if found else None

    async def effects_of(self, flow_id: str, step: int) -> Sequence[Effect]:
        """The step's model calls, those that were answered in the order in which that was."""
        found = await self._find(Ask(sql.EFFECTS_OF_STEP, {"flow_id": flow_id, "step": step}))
        return [Effect(**row) for row in found]

    async def checkpoints(
        self, flow_id: str, ns: str, *, id: str | None = None, only_last: bool = False
    ) -> Sequence[CheckpointRow]:
        """Newest first."""
        values = {"flow_id": flow_id, "ns": ns}
        if id is not None:
            found = await self._find(Ask(sql.CHECKPOINT, {**values, "id": id}))
        else:
            found = await self._find(Ask(sql.LAST_CHECKPOINT if only_last else sql.CHECKPOINTS, values))
        return [CheckpointRow(**row) for row in found]

    async def writes(self, flow_id: str, ns: str, checkpoint_id: str) -> Sequence[WriteRow]:
        """In the order in which the graph applies them."""
        values = {"flow_id": flow_id, "ns": ns, "id": checkpoint_id}
        return [WriteRow(**row) for row in await self._find(Ask(sql.WRITES, values))]

    async def _find(self, ask: Ask, *, person: str | None = None) -> Sequence[Row]:
        def looking() -> Steps[Sequence[Row]]:
            return (yield ask)

        return await self._store.look(looking, person=person)

    async def last_seqs(self, flow_ids: Collection[str]) -> Mapping[str, int]:
        """Of each flow's newest event."""
        query = select(flows.c.id, flows.c.last_seq).where(flows.c.id.in_(flow_ids))
        async with self._store.read() as connection:
            return {row.id: row.last_seq for row in await connection.execute(query)}

    async def stirring(self, user_id: str, since: datetime, at_most: int) -> Mapping[str, int]:
        """Id → seq of the newest event, of the newest flows that have not ended, or not before ``since``."""
        keys = {"user_id": user_id, "since": since, "at_most": at_most}
        async with self._store.read(person=user_id) as connection:
            return {row.id: row.last_seq for row in await connection.execute(sql.STIRRING, keys)}

    async def several(self, user_id: str, flow_ids: Collection[str]) -> Sequence[Flow]:
        """Of these, those that are there, oldest first."""
        query = sql.FLOWS.where(flows.c.user_id == user_id, flows.c.id.in_(flow_ids))
        async with self._store.read(person=user_id) as connection:
            found = await connection.execute(query.order_by(flows.c.created_at, flows.c.id))
            return [flow_of(row) for row in found.mappings()]
