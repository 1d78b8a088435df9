"""All flows of one user, live, for who looks at a list of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import pytest

from cfx_flow.accounts.audit import OPERATOR
from cfx_flow.flows.feed import Feed
from cfx_flow.flows.readers import READERS_PER_USER
from cfx_flow.flows.store import FlowStore
from tests.flows.conftest import House
from tests.flows.reader import Reader, reading_at
from tests.support.flows import GOOD_DIFF, loop, says
from tests.support.provider import Provider

LIST = "/v1/flows/events"


def watching(house: House, **headers: str) -> AbstractAsyncContextManager[Reader]:
    return reading_at(house, LIST, **headers)


def tells(flow_id: str, status: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event["data"]["id"] == flow_id and event["data"]["status"] == status


async def waiting(house: House, provider: Provider) -> str:
    """The id of a flow that waits for a person."""
    provider.script(*loop([says(GOOD_DIFF)]))
    flow_id = await house.start(approval="plan")
    await house.until(flow_id, lambda flow: flow["status"] == "requires_action")
    return flow_id


async def test_list_is_told_of_a_flow_from_its_beginning_to_its_end(
    any_house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    async with watching(any_house) as reader:
        flow_id = await any_house.start()
        await reader.told(tells(flow_id, "approved"))
    last = reader.events[-1]
    assert last["type"] == "flow.changed"
    assert last["data"] == await any_house.get(flow_id)
    assert any_house.services.flows.feed.idle


async def test_list_begins_with_what_has_not_ended(house: House, provider: Provider) -> None:
    flow_id = await waiting(house, provider)
    async with watching(house) as reader:
        await reader.told(tells(flow_id, "requires_action"))
    (event,) = (await house.client.get(LIST)).json()["data"]
    assert event["data"] == await house.get(flow_id)


async def test_what_ended_while_nobody_read_is_told_to_who_comes_back(
    any_house: House, provider: Provider
) -> None:
    flow_id = await waiting(any_house, provider)
    seen = (await any_house.client.get(LIST)).json()
    await any_house.client.post(f"/v1/flows/{flow_id}/cancel")
    async with watching(any_house, last_event_id=str(seen["last_seq"])) as reader:
        await reader.told(tells(flow_id, "cancelled"))
    to_come = await any_house.client.get(f"{LIST}?after={seen['last_seq'] + 3_600_000}")  # by a fast clock
    assert [event["data"]["id"] for event in to_come.json()["data"]] == [flow_id]


async def test_list_is_told_of_what_another_process_does(any_house: House, provider: Provider) -> None:
    flow_id = await waiting(any_house, provider)
    services = any_house.services
    owner = (await services.accounts.list_keys("alice"))[0].user_id
    elsewhere = FlowStore(services.store, services.clock, Feed())
    async with watching(any_house) as reader:
        await reader.told(tells(flow_id, "requires_action"))
        await elsewhere.cancel(owner, flow_id)
        await reader.told(tells(flow_id, "cancelled"))


async def test_nobody_is_told_of_another_user_s_flows(any_house: House, provider: Provider) -> None:
    alices = await waiting(any_house, provider)
    async with await any_house.client_for("bob") as client:
        bob = House(any_house.services, client)
        async with watching(bob) as reader:
            bobs = await waiting(bob, provider)
            await any_house.client.post(f"/v1/flows/{alices}/cancel")
            await client.post(f"/v1/flows/{bobs}/cancel")
            await reader.told(tells(bobs, "cancelled"))
    assert {event["data"]["id"] for event in reader.events} == {bobs}


async def test_stream_of_a_disabled_user_ends(house: House, provider: Provider) -> None:
    flow_id = await waiting(house, provider)
    async with watching(house) as reader:
        await reader.told(tells(flow_id, "requires_action"))
        await house.services.users.disable("alice", OPERATOR)
        await house.services.reader_watch.check()  # as it does by itself every 30 s
        await reader.until_the_end()
    assert reader.text.endswith('data: {"type":"stream.reconnect"}\n\n')
    async with watching(house) as again:
        await again.until_the_end()
    assert again.status == 401


async def test_reader_of_a_list_takes_one_of_the_twenty_places(house: House) -> None:
    owner = (await house.services.accounts.list_keys("alice"))[0].user_id
    async with AsyncExitStack() as places:
        for _ in range(READERS_PER_USER):
            await places.enter_async_context(house.services.readers.place(owner))
        refused = await house.client.get(LIST, headers={"accept": "text/event-stream"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_concurrent_requests")


async def test_shutdown_ends_the_stream_of_a_list(house: House, provider: Provider) -> None:
    flow_id = await waiting(house, provider)
    async with watching(house) as reader:
        await reader.told(tells(flow_id, "requires_action"))
        await house.services.dispatcher.close()
        await reader.until_the_end()


@pytest.mark.parametrize("position", ["-1", "1.5", "yesterday", str(10**15)])
async def test_position_that_is_none_of_ours_is_refused(house: House, position: str) -> None:
    for answer in (
        await house.client.get(f"{LIST}?after={position}"),
        await house.client.get(LIST, headers={"last-event-id": position}),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
