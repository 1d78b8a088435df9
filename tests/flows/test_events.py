"""The live timeline: replayed, followed, resumed, and freed when its reader leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest

from api.sse import frame, frames
from cfx_flow.clock import SystemClock
from cfx_flow.flows.feed import Feed, follow
from cfx_flow.flows.model import Event
from cfx_flow.flows.readers import READERS_PER_USER, Readers
from cfx_flow.limits.open import open_limits
from tests.flows.conftest import House, OpenHouse
from tests.flows.reader import reading
from tests.flows.test_approval import decide, waiting
from tests.support.clock import FakeClock
from tests.support.flows import GOOD_DIFF, PLAN_TEXT, loop, says
from tests.support.provider import Provider
from tests.support.stores import eventually

SLOW = {"first_byte_delay_s": 30}
GATE = "approval.requested"


async def test_a_reader_sees_everything_live_and_the_stream_closes(
    any_house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow_id = await any_house.start()
    async with reading(any_house, flow_id) as reader:
        await reader.until("flow.completed")
        async with asyncio.timeout(30):
            while not reader.ended:
                await asyncio.sleep(0.01)
    assert reader.events == await any_house.events(flow_id)


async def test_a_reader_that_comes_back_gets_what_it_missed_and_no_more(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow = await house.run()
    everything = await house.events(flow["id"])

    async with reading(house, flow["id"], last_event_id="4") as reader:
        await reader.until("flow.completed")
    assert reader.events == everything[4:]

    last = {"last-event-id": str(everything[-1]["seq"]), "accept": "text/event-stream"}
    again = await house.client.get(f"/v1/flows/{flow['id']}/events", headers=last)
    assert again.status_code == 204  # an EventSource stops reconnecting

    page = (await house.client.get(f"/v1/flows/{flow['id']}/events?after=4")).json()
    assert page == {"data": everything[4:], "last_seq": len(everything)}


@pytest.mark.e2e
async def test_a_reader_goes_on_at_another_process_than_the_one_it_left(
    open_house: OpenHouse, postgres_url: str, provider: Provider
) -> None:
    """As behind a load balancer: one runs the flow, one only serves. It waits at its gates while the reader
    moves on."""
    provider.script(*loop([says(GOOD_DIFF)]))
    async with open_house(postgres_url, CFX_WITH_WORKER="false") as serves, open_house(postgres_url) as runs:
        flow_id = await serves.start(approval="both")
        seen: list[dict[str, Any]] = []
        for house, end in ((serves, GATE), (runs, GATE), (serves, "flow.completed")):
            async with reading(house, flow_id, last_event_id=str(len(seen))) as reader:
                if seen:
                    await decide(serves, await serves.get(flow_id), "approve")
                await reader.until(end)
            seen += reader.events
        assert seen == await serves.events(flow_id)


async def test_a_reader_who_has_seen_what_is_not_there_any_more_goes_on_all_the_same(
    house: House, provider: Provider
) -> None:
    """As after a power cut, or where another flow's number was sent."""
    provider.script(*loop([says(GOOD_DIFF)]))
    flow = await waiting(house, approval="plan")
    async with reading(house, flow["id"], last_event_id="1000") as reader:
        await eventually(lambda: reader.status == 200)
        await decide(house, flow, "approve")
        await reader.until("flow.completed")
    assert reader.events == (await house.events(flow["id"]))[flow["last_seq"] :]


@pytest.mark.e2e
async def test_a_model_that_writes_slowly_shows_progress(house: House, provider: Provider) -> None:
    slow_plan = says(PLAN_TEXT, chunk_chars=len(PLAN_TEXT) // 8, chunk_delay_s=0.4)
    provider.script(*loop([says(GOOD_DIFF)], plan=[slow_plan]))

    flow = await house.run()

    progress = [e for e in await house.events(flow["id"]) if e["type"] == "step.progressed"]
    assert progress
    assert {event["stage"] for event in progress} == {"plan"}
    chars = [event["data"]["output_chars"] for event in progress]
    assert chars == sorted(chars)


async def test_a_reader_whose_key_is_revoked_is_sent_away_and_not_let_in_again(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)], plan=[says(PLAN_TEXT, **SLOW)]))
    flow_id = await house.start()
    other = await house.services.accounts.create_key("alice")
    bearer = {"authorization": f"Bearer {other.key}"}
    async with reading(house, flow_id) as stays, reading(house, flow_id, **bearer) as goes:
        for reader in (stays, goes):
            await reader.until("flow.started")
        await house.services.accounts.revoke_key(other.id)
        await house.services.reader_watch.check()  # as it does by itself every 30 s
        async with asyncio.timeout(30):
            while not goes.ended:
                await asyncio.sleep(0.01)
        assert goes.text.endswith('data: {"type":"stream.reconnect"}\n\n')
        assert not stays.ended
    again = await house.client.get(f"/v1/flows/{flow_id}/events", headers=bearer)
    assert again.status_code == 401


async def test_a_reader_that_leaves_frees_its_place(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)], plan=[says(PLAN_TEXT, **SLOW)]))
    flow_id = await house.start()
    feed = house.services.flows.feed

    async with reading(house, flow_id) as reader:
        await reader.until("step.started")
        assert not reader.ended
    async with reading(house, flow_id) as other:
        await other.until("step.started")
        await house.client.post(f"/v1/flows/{flow_id}/cancel")
        await other.until("flow.completed")

    assert feed.idle


async def test_the_twenty_first_reader_is_told_to_wait_whichever_processes_have_the_others(
    any_house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)], plan=[says(PLAN_TEXT, **SLOW)]))
    flow_id = await any_house.start()
    user_id = (await any_house.services.accounts.list_keys("alice"))[0].user_id
    async with AsyncExitStack() as elsewhere:
        limits = await elsewhere.enter_async_context(
            open_limits(any_house.services.settings.store_url, SystemClock(), redis_url=None)
        )
        for _ in range(READERS_PER_USER):
            await elsewhere.enter_async_context(Readers(limits.slots).place(user_id))
        refused = await any_house.client.get(
            f"/v1/flows/{flow_id}/events", headers={"accept": "text/event-stream"}
        )
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_concurrent_requests")
        assert "following 20 flows" in refused.json()["error"]["message"]

    await any_house.client.post(f"/v1/flows/{flow_id}/cancel")
    async with reading(any_house, flow_id) as reader:
        await reader.until("flow.completed")


@pytest.mark.e2e
async def test_a_shutdown_ends_the_stream_so_that_its_reader_comes_back(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)], plan=[says(PLAN_TEXT, first_byte_delay_s=0.5)]))
    flow_id = await house.start()
    async with reading(house, flow_id) as reader:
        await reader.until("step.started")
        await house.services.dispatcher.close()
        async with asyncio.timeout(30):
            while not reader.ended:
                await asyncio.sleep(0.01)
    assert (await house.get(flow_id))["status"] == "in_progress"


# The feed alone --------------------------------------------------------------------------


class Rows:
    """A list of events that somebody else appends to."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.reads = 0

    def add(self, type_: str) -> None:
        at = FakeClock().now()
        self.events.append(Event(seq=len(self.events) + 1, type=type_, at=at))

    async def read(self, after: int) -> Sequence[Event]:
        self.reads += 1
        return self.events[after:]


async def test_events_of_another_process_arrive_without_a_bell() -> None:
    rows, feed = Rows(), Feed()
    events = follow(rows.read, feed, "f", 0, poll_s=0.01)
    rows.add("flow.queued")
    assert await anext(events) == rows.events[0]
    assert await anext(events) is None  # silence
    rows.add("flow.completed")
    assert [event async for event in events if event] == [rows.events[1]]


async def test_an_event_written_between_read_and_wait_is_not_slept_over() -> None:
    rows, feed = Rows(), Feed()

    async def read(after: int) -> Sequence[Event]:
        found = await rows.read(after)
        if rows.reads == 1:
            rows.add("flow.completed")  # too late for this read
            feed.ring("f")
        return found

    async with asyncio.timeout(30):
        assert [event async for event in follow(read, feed, "f", 0, poll_s=60)] == rows.events


async def test_silence_is_filled_with_pings_now_and_then() -> None:
    async def silence() -> AsyncIterator[Event | None]:
        for _ in range(3):
            yield None

    sent = [frame async for frame in frames(silence(), ping_every_s=0)]
    assert sent[1:] == [": ping\n\n"] * 3
    sent = [frame async for frame in frames(silence())]
    assert len(sent) == 1


async def test_a_stream_ends_after_ten_minutes_and_asks_its_reader_back() -> None:
    rows = Rows()
    for _ in range(3):
        rows.add("step.progressed")

    async def endless() -> AsyncIterator[Event | None]:
        for event in rows.events:
            yield event
        while True:
            yield None

    sent = [frame async for frame in frames(endless(), lasts_s=0.02)]
    assert [text.split("\n")[0] for text in sent[1:4]] == ["id: 1", "id: 2", "id: 3"][: len(sent) - 2]
    assert sent[-1].startswith("retry: 1000\nevent: stream.reconnect\ndata: ")
    assert "\nid:" not in sent[-1]


async def test_a_stream_that_has_told_the_end_asks_nobody_back() -> None:
    rows, feed = Rows(), Feed()
    rows.add("flow.completed")
    sent = [frame async for frame in frames(follow(rows.read, feed, "f", 0), lasts_s=0)]
    assert len(sent) == 2
    assert "flow.completed" in sent[1]


async def test_a_reader_that_takes_nothing_holds_one_page() -> None:
    rows, feed = Rows(), Feed()

    async def page(after: int) -> Sequence[Event]:
        return (await rows.read(after))[:10]

    for _ in range(1000):
        rows.add("step.progressed")
    taken = frames(follow(page, feed, "f", 0))
    for _ in range(5):
        await anext(taken)
    await asyncio.sleep(0.05)
    assert rows.reads == 1
    await taken.aclose()


def test_a_frame_is_one_line_also_for_readers_that_split_at_unicode_line_ends() -> None:
    event = Event(seq=1, type="step.completed", at=FakeClock().now(), data={"text": "a\u2028b\u0085c"})
    [_, _, data] = frame(event).rstrip("\n").splitlines()
    assert json.loads(data.removeprefix("data: "))["data"] == {"text": "a\u2028b\u0085c"}
