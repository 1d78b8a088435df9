"""The flows' rows, on both databases."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import delete, update

from cfx_flow.accounts.principal import Principal
from cfx_flow.errors import InvalidRequest, NotFound
from cfx_flow.flows.feed import Feed
from cfx_flow.flows.model import Budget, Event, Flow, FlowOptions, FlowStatus, Outcome, Reason
from cfx_flow.flows.pages import Wanted
from cfx_flow.flows.store import Entry, Fence, FlowStore
from cfx_flow.flows.submit import Origin, new_flow
from cfx_flow.store.engine import Store
from cfx_flow.store.tables import flows, snapshots
from cfx_flow.workspace.snapshot import from_files
from cfx_flow.workspace.store import SnapshotStore
from tests.support.clock import FakeClock

OPTIONS = FlowOptions(max_rounds=3, max_fixes=2, budget=Budget(Decimal(1), 1000, 60))


class Desk:
    """One user's flows."""

    def __init__(self, store: Store) -> None:
        self.clock = FakeClock()
        self.flows = FlowStore(store, self.clock, Feed())
        self.snapshots = SnapshotStore(store, self.clock)
        self.user = Principal(str(uuid.uuid4()), "alice", "user", str(uuid.uuid4()), 10)

    async def flow(self, options: FlowOptions = OPTIONS) -> Flow:
        snapshot = from_files({"a.txt": "a\n"})
        await self.snapshots.put(self.user.user_id, snapshot)
        origin = Origin(self.user, str(uuid.uuid4()), self.clock.now())
        return await self.flows.create(new_flow("do it", snapshot.id, options, origin))


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


async def test_a_flow_comes_back_as_it_was_written(desk: Desk) -> None:
    flow = await desk.flow()
    assert await desk.flows.get(desk.user.user_id, flow.id) == flow


async def test_a_snapshot_that_goes_before_its_flow_is_written_is_told(desk: Desk, store: Store) -> None:
    """Its user was deleted, say, or it was old and pruned."""
    snapshot = from_files({"a.txt": "a\n"})
    await desk.snapshots.put(desk.user.user_id, snapshot)
    origin = Origin(desk.user, str(uuid.uuid4()), desk.clock.now())
    async with store.transaction() as connection:
        await connection.execute(delete(snapshots))
    with pytest.raises(NotFound, match="Upload it with POST /v1/snapshots"):
        await desk.flows.create(new_flow("do it", snapshot.id, OPTIONS, origin))
    assert await desk.flows.unfinished() == []


async def test_another_users_flow_does_not_exist(desk: Desk) -> None:
    flow = await desk.flow()
    stranger = str(uuid.uuid4())
    for read in (desk.flows.get, desk.flows.patch, desk.flows.plan, desk.flows.cancel):
        with pytest.raises(NotFound):
            await read(stranger, flow.id)
    with pytest.raises(NotFound):
        await desk.flows.step_and_input(stranger, flow.id, 1)


@pytest.mark.parametrize(
    "strange", ["", "x", "../..", "0" * 32, "a\0b", "{7f3c1f8e-52a4-4f0c-9b0e-1d0a6f0c2b11}"]
)
async def test_what_is_no_id_of_ours_is_not_found(desk: Desk, strange: str) -> None:
    with pytest.raises(NotFound):
        await desk.flows.get(desk.user.user_id, strange)


async def test_events_are_numbered_without_gaps_under_concurrency(desk: Desk) -> None:
    flow = await desk.flow()
    claimed = await desk.flows.claim(flow.id)
    assert claimed is not None
    event = Event(type="step.progressed", at=desk.clock.now())

    fence = Fence(flow.id, claimed.epoch)
    await asyncio.gather(*(desk.flows.write(fence, Entry(events=[event, event])) for _ in range(25)))

    assert [event.seq for event in await desk.flows.events(flow.id)] == list(range(1, 53))
    assert [event.seq for event in await desk.flows.events(flow.id, after=50)] == [51, 52]


async def test_writes_without_events_take_no_numbers(desk: Desk) -> None:
    flow = await desk.flow()
    claimed = await desk.flows.claim(flow.id)
    assert claimed is not None
    fence, event = Fence(flow.id, claimed.epoch), Event(type="step.progressed", at=desk.clock.now())
    for events in ([], [event], [], [event, event], []):
        await desk.flows.write(fence, Entry(events=events))
        await desk.flows.write(fence, Entry(events=events, changes={"round": 1}))
    told = await desk.flows.events(flow.id, after=0, limit=100)
    assert [event.seq for event in told] == list(range(1, 9))


async def test_who_takes_a_flow_up_knows_what_was_being_written(desk: Desk, store: Store) -> None:
    """By a runner that lost its lock and does not know it yet: what was paid for stays counted."""
    flow = await desk.flow()
    await desk.flows.claim(flow.id)
    async with store.transaction() as connection:
        paid = update(flows).values(step=1, cost_usd=Decimal("0.5"), last_seq=flows.c.last_seq + 1)
        await connection.execute(paid)
        taking = asyncio.create_task(desk.flows.claim(flow.id))
        await asyncio.wait([taking], timeout=0.3)
    assert await taking == await desk.flows.get(desk.user.user_id, flow.id)


async def test_only_one_of_many_endings_counts(desk: Desk) -> None:
    flow = await desk.flow()
    outcome = Outcome(FlowStatus.FAILED, Reason.UPSTREAM, "down")
    ended = await asyncio.gather(*(desk.flows.end(flow.id, None, outcome) for _ in range(10)))
    assert ended.count(True) == 1
    assert [event.type for event in await desk.flows.events(flow.id)] == ["flow.queued", "flow.completed"]


async def test_lists_page_through_newest_first_without_missing_equal_times(desk: Desk) -> None:
    made = []
    for n in range(7):
        made.append(await desk.flow())
        if n % 2:
            desk.clock.advance(seconds=1)

    seen, cursor = [], None
    for _ in range(10):
        page = await desk.flows.list(desk.user.user_id, limit=2, cursor=cursor)
        seen += page.flows
        cursor = page.next_cursor
        if cursor is None:
            break

    assert seen == sorted(made, key=lambda flow: (flow.created_at, flow.id), reverse=True)
    assert seen[0].created_at - seen[-1].created_at == timedelta(seconds=3)


async def test_lists_filter_by_status(desk: Desk) -> None:
    first, second = await desk.flow(), await desk.flow()
    await desk.flows.cancel(desk.user.user_id, first.id)
    page = await desk.flows.list(desk.user.user_id, Wanted([FlowStatus.QUEUED]))
    assert [flow.id for flow in page.flows] == [second.id]


@pytest.mark.parametrize("cursor", ["", "x", "////", "bm90IGpzb24", "WzEsMl0", "WyJ4IiwieSJd", "\u00e9"])
async def test_a_strange_cursor_is_the_callers_mistake(desk: Desk, cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        await desk.flows.list(desk.user.user_id, cursor=cursor)


async def test_the_same_snapshot_may_be_brought_again_by_each_user_alone(desk: Desk) -> None:
    snapshot = from_files({"a.txt": "a\n", "b/c.txt": "é\r\n"})
    for _ in range(2):
        await desk.snapshots.put(desk.user.user_id, snapshot)

    back = await desk.snapshots.get(desk.user.user_id, snapshot.id)

    assert (back.files, back.modes, back.id) == (snapshot.files, snapshot.modes, snapshot.id)
    with pytest.raises(NotFound):
        await desk.snapshots.get(str(uuid.uuid4()), snapshot.id)
