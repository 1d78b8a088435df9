"""What every dispatcher does: tasks in the API's process on SQLite, procrastinate's workers on Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from cfx_flow.flows.model import FlowStatus
from tests.support.offices import LOOK_AT_THE_PLAN, Graph, Office, office, person
from tests.support.stores import eventually

ALICE, BOB = person("alice"), person("bob")


@pytest.fixture
def graph() -> Graph:
    return Graph()


@pytest.fixture
async def here(database_url: str, graph: Graph) -> AsyncIterator[Office]:
    async with office(database_url, graph) as opened:
        yield opened


async def becomes(here: Office, flow_id: str, status: FlowStatus, within_s: float = 30) -> None:
    async with asyncio.timeout(within_s):
        while await here.status(ALICE, flow_id) is not status:
            await asyncio.sleep(0.02)


async def test_what_is_queued_runs_to_its_end(here: Office, graph: Graph) -> None:
    flow_id = await here.queue(ALICE)
    await eventually(lambda: graph.running == {flow_id})
    assert here.dispatcher.running() == 1
    graph.end(flow_id)
    await becomes(here, flow_id, FlowStatus.APPROVED)
    await eventually(lambda: here.dispatcher.running() == 0)
    assert await here.dispatcher.waiting() == 0
    assert graph.runs == {flow_id: 1}


async def test_a_user_s_flows_wait_for_each_other_and_for_nobody_else(here: Office, graph: Graph) -> None:
    mine = [await here.queue(ALICE) for _ in range(5)]
    his = await here.queue(BOB)
    await eventually(lambda: graph.running == {mine[0], mine[1], his})
    assert (here.dispatcher.running(), await here.dispatcher.waiting()) == (3, 3)
    for done, flow_id in enumerate(mine):
        await eventually(lambda n=done: graph.running == {*mine[n : n + 2], his})  # type: ignore[misc]
        graph.end(flow_id)
    await becomes(here, mine[-1], FlowStatus.APPROVED)
    assert graph.most[ALICE.user_id] == 2
    graph.end(his)


async def test_a_flow_that_waits_for_a_person_takes_no_place(here: Office, graph: Graph) -> None:
    mine = [await here.queue(ALICE) for _ in range(3)]
    await eventually(lambda: graph.running == set(mine[:2]))
    graph.end(mine[0], LOOK_AT_THE_PLAN)
    await eventually(lambda: graph.running == set(mine[1:]))
    await here.decide(ALICE, mine[0])
    assert await here.status(ALICE, mine[0]) is FlowStatus.QUEUED
    graph.end(mine[1])
    await eventually(lambda: graph.running == {mine[0], mine[2]})
    for flow_id in (mine[0], mine[2]):
        graph.end(flow_id)
        await becomes(here, flow_id, FlowStatus.APPROVED)
    assert graph.runs[mine[0]] == 2


async def test_one_that_is_decided_at_once_goes_on_at_once(here: Office, graph: Graph) -> None:
    flow_id = await here.queue(ALICE)
    for visit in range(1, 4):
        await eventually(lambda n=visit: graph.runs[flow_id] == n)  # type: ignore[misc]
        graph.end(flow_id, LOOK_AT_THE_PLAN)
        await becomes(here, flow_id, FlowStatus.REQUIRES_ACTION)
        await here.decide(ALICE, flow_id)
    await eventually(lambda: graph.runs[flow_id] == 4)
    graph.end(flow_id)
    await becomes(here, flow_id, FlowStatus.APPROVED)


async def test_cancelling_stops_what_runs_and_gives_its_place_away(here: Office, graph: Graph) -> None:
    mine = [await here.queue(ALICE) for _ in range(3)]
    await eventually(lambda: graph.running == set(mine[:2]))
    async with asyncio.timeout(2):
        await here.cancel(ALICE, mine[0])
        await eventually(lambda: graph.running == set(mine[1:]))
    assert await here.status(ALICE, mine[0]) is FlowStatus.CANCELLED
    for flow_id in mine[1:]:
        graph.end(flow_id)
        await becomes(here, flow_id, FlowStatus.APPROVED)


async def test_what_is_cancelled_before_its_turn_never_runs(here: Office, graph: Graph) -> None:
    mine = [await here.queue(ALICE) for _ in range(4)]
    await eventually(lambda: graph.running == set(mine[:2]))
    await here.cancel(ALICE, mine[2])
    graph.end(mine[0])
    await eventually(lambda: graph.running == {mine[1], mine[3]})
    for flow_id in (mine[1], mine[3]):
        graph.end(flow_id)
        await becomes(here, flow_id, FlowStatus.APPROVED)
    assert graph.runs[mine[2]] == 0


async def test_the_next_process_goes_on_with_what_the_last_one_left(database_url: str, graph: Graph) -> None:
    async with office(database_url, graph) as first:
        mine = [await first.queue(ALICE) for _ in range(3)]
        await eventually(lambda: graph.running == set(mine[:2]))
    assert graph.running == set()
    async with office(database_url, graph) as second:
        assert {await second.status(ALICE, flow_id) for flow_id in mine[:2]} == {FlowStatus.IN_PROGRESS}
        for flow_id in mine:
            await eventually(lambda one=flow_id: one in graph.running)  # type: ignore[misc]
            graph.end(flow_id)
            await becomes(second, flow_id, FlowStatus.APPROVED)
        flow = await second.get(ALICE, mine[0])
        assert graph.runs == {mine[0]: 2, mine[1]: 2, mine[2]: 1}
        assert flow.epoch == 3, "queued 0, two claims, the end"
        events = await second.flows.events(mine[0])
        assert [event.type for event in events] == ["flow.queued", "flow.started", "flow.completed"]


async def test_recovering_again_runs_nothing_twice(here: Office, graph: Graph) -> None:
    mine = [await here.queue(ALICE) for _ in range(3)]
    await eventually(lambda: graph.running == set(mine[:2]))
    for _ in range(3):
        await here.dispatcher.recover()
    await asyncio.sleep(0.3)
    assert graph.runs == {mine[0]: 1, mine[1]: 1}
    for flow_id in mine:
        await eventually(lambda one=flow_id: one in graph.running)  # type: ignore[misc]
        graph.end(flow_id)
        await becomes(here, flow_id, FlowStatus.APPROVED)


async def test_a_job_too_many_does_not_move_a_flow_that_waits(here: Office, graph: Graph) -> None:
    flow_id = await here.queue(ALICE)
    graph.end(flow_id, LOOK_AT_THE_PLAN)
    await becomes(here, flow_id, FlowStatus.REQUIRES_ACTION)
    assert await here.flows.claim(flow_id) is None
    await here.decide(ALICE, flow_id)
    await eventually(lambda: graph.runs[flow_id] == 2)
    graph.end(flow_id)
    await becomes(here, flow_id, FlowStatus.APPROVED)


async def test_a_full_process_gives_its_next_place_to_who_has_fewest(database_url: str, graph: Graph) -> None:
    async with office(database_url, graph, per_user=5, at_once=2) as here:
        crowd = [await here.queue(ALICE) for _ in range(6)]
        await eventually(lambda: graph.running == set(crowd[:2]))
        his = await here.queue(BOB)
        graph.end(crowd[0])
        await eventually(lambda: graph.running == {crowd[1], his})
        graph.end(his)
        for flow_id in crowd[1:]:
            await eventually(lambda one=flow_id: one in graph.running)  # type: ignore[misc]
            graph.end(flow_id)
            await becomes(here, flow_id, FlowStatus.APPROVED)
