"""A flow whose process dies each time: it is given up by name, it can be resumed, and others are spared."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from cfx_flow.errors import StoreUnavailable
from cfx_flow.flows.feed import Feed
from cfx_flow.flows.jobs import Entry, Fence
from cfx_flow.flows.model import Flow, FlowStatus
from cfx_flow.flows.retakes import LONGEST_PAUSE_S, Later
from cfx_flow.flows.runner import Drain, FlowRunner
from cfx_flow.flows.store import FlowStore
from cfx_flow.store.engine import Store
from tests.flows.conftest import House, OpenHouse
from tests.flows.test_durability import SLOW, kill
from tests.flows.test_store import Desk, desk  # noqa: F401 - a fixture
from tests.support.flows import GOOD_DIFF, loop, says
from tests.support.offices import Graph
from tests.support.provider import CODE, PLAN, REVIEW, Provider


async def dies_in(house: House, provider: Provider, flow_id: str, model: str, calls: int) -> None:
    await asyncio.to_thread(provider.wait_for_calls, calls, model)
    await kill(flow_id)
    await house.services.dispatcher.recover()


@pytest.mark.e2e
async def test_a_flow_that_kills_its_process_each_time_fails_by_name_and_goes_on_when_resumed(
    open_house: OpenHouse, database_url: str, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF, **SLOW)] * 3 + [says(GOOD_DIFF)]))
    async with open_house(database_url, CFX_FLOW_RETAKES="2") as house:
        flow_id = await house.start()
        for death in (1, 2, 3):
            await dies_in(house, provider, flow_id, CODE, death)

        flow = await house.ended(flow_id)
        assert (flow["status"], flow["reason"]) == ("failed", "crashed")
        assert "3 times in a row before step 2 was finished" in flow["message"]
        assert len(provider.calls(CODE)) == 3

        answer = await house.client.post(f"/v1/flows/{flow_id}/resume")
        assert answer.status_code == 202, answer.text
        assert (await house.ended(flow_id))["status"] == "approved"
    assert len(provider.calls(PLAN)) == 1


@pytest.mark.e2e
async def test_a_flow_that_comes_further_each_time_is_not_given_up(
    open_house: OpenHouse, sqlite_url: str, provider: Provider
) -> None:
    slow = [says(GOOD_DIFF, **SLOW), says(GOOD_DIFF)]
    good = [rule["replies"][0] for rule in loop([says(GOOD_DIFF)])]
    provider.script(*loop(slow, review=[good[2] | SLOW, good[2]], plan=[good[0] | SLOW, good[0]]))
    async with open_house(sqlite_url, CFX_FLOW_RETAKES="1") as house:
        flow_id = await house.start()
        for model in (PLAN, CODE, REVIEW):
            await dies_in(house, provider, flow_id, model, 1)
        assert (await house.ended(flow_id))["status"] == "approved"


async def retaken(desk: Desk, flow: Flow, paused: int | None = 0) -> int:  # noqa: F811
    claimed = await desk.flows.claim(flow.id, paused=paused)
    assert claimed is not None
    return claimed.retakes


async def test_from_the_third_retake_on_there_is_a_pause_before_it_counts(desk: Desk) -> None:  # noqa: F811
    flow = await desk.flow()
    assert [await retaken(desk, flow) for _ in range(4)] == [0, 1, 2, 3]
    for _ in range(2):
        with pytest.raises(Later) as later:
            await retaken(desk, flow)
        assert later.value.retakes == 3
    assert 0 < later.value.pause_s <= 4
    assert 0 < Later(1000).pause_s <= LONGEST_PAUSE_S
    assert await retaken(desk, flow, paused=3) == 4


async def test_who_ran_it_before_goes_on_uncounted(desk: Desk) -> None:  # noqa: F811
    """The database was away; nothing has died."""
    flow = await desk.flow()
    assert [await retaken(desk, flow, paused=None) for _ in range(5)] == [0] * 5
    claimed = await desk.flows.claim(flow.id)
    assert claimed is not None
    await desk.flows.write(Fence(flow.id, claimed.epoch), Entry(changes={"retakes": 0}))
    assert await retaken(desk, flow) == 1


class LongAway(FlowStore):
    away = 10_001
    """attempts, of 10 s each: more than a day"""

    async def claim(self, flow_id: str, *, paused: int | None = 0) -> Flow | None:
        self.away -= 1
        if self.away >= 0:
            raise StoreUnavailable("It is away.")
        return await super().claim(flow_id, paused=paused)


@pytest.mark.e2e
async def test_a_flow_waits_for_its_database_for_days(sqlite_store: Store) -> None:
    mine, graph = Desk(sqlite_store), Graph()
    flow = await mine.flow()
    runner = FlowRunner(LongAway(sqlite_store, mine.clock, Feed()), graph, mine.clock, pauses_s=(0,))
    graph.end(flow.id)
    with capture_logs():
        await runner.run(flow.id, Drain())
    assert (await mine.flows.get(mine.user.user_id, flow.id)).status is FlowStatus.APPROVED
