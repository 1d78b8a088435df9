"""Whose turn it is, and that one user's crowd starves nobody."""

from __future__ import annotations

import asyncio

from cfx_flow.flows.turns import Waiting, next_flows
from tests.flows.conftest import House, OpenHouse
from tests.support.flows import GOOD_DIFF, PLAN_TEXT, loop, says
from tests.support.provider import PLAN, Provider


def queue(users: str) -> list[Waiting]:
    """One flow for each letter, in order of arrival."""
    return [Waiting(f"{user}{n}", user, n) for n, user in enumerate(users)]


def started(users: str, running: dict[str, int], *, per_user: int = 5, free: int = 100) -> str:
    return "".join(flow.user_id for flow in next_flows(queue(users), running, per_user=per_user, free=free))


def test_nobody_runs_more_than_their_share() -> None:
    assert started("aaaaaaaa", {}) == "aaaaa"
    assert started("aaaaaaaa", {"a": 3}) == "aa"
    assert started("aaab", {"a": 5}) == "b"
    assert started("aaab", {"a": 9}) == "b"


def test_a_crowd_of_one_user_holds_up_nobody_who_comes_later() -> None:
    assert started("a" * 100 + "bc", {}, free=4) == "abca"
    assert started("a" * 100 + "bc", {"a": 2, "b": 1}, free=2) == "cb"


def test_among_equals_who_came_first_goes_first() -> None:
    assert started("cab", {}, free=2) == "ca"
    shuffled = reversed(queue("cab"))
    assert [flow.user_id for flow in next_flows(shuffled, {}, per_user=1, free=9)] == ["c", "a", "b"]


def test_without_room_nothing_starts() -> None:
    assert started("ab", {"c": 5}, free=0) == ""
    assert started("ab", {"c": 5}, free=-3) == ""


async def test_a_process_that_is_full_gives_its_next_place_to_who_has_fewest(
    open_house: OpenHouse, sqlite_url: str, provider: Provider
) -> None:
    slow = says(PLAN_TEXT, first_byte_delay_s=30)
    provider.script({"model": PLAN, "replies": [slow], "stateless": True}, *loop([says(GOOD_DIFF)]))
    async with open_house(sqlite_url, CFX_RUNNING_FLOWS="2", CFX_RUNNING_FLOWS_PER_USER="5") as house:
        crowd = [await house.start() for _ in range(12)]
        await asyncio.to_thread(provider.wait_for_calls, 2)
        async with await house.client_for("bob") as client:
            bob = House(house.services, client)
            his = await bob.start()
            assert (await bob.get(his))["status"] == "queued"

            await house.client.post(f"/v1/flows/{crowd[0]}/cancel")
            await bob.until(his, lambda flow: flow["status"] == "in_progress")

            assert (await house.get(crowd[2]))["status"] == "queued"
            assert house.services.dispatcher.running() == 2
            await client.post(f"/v1/flows/{his}/cancel")
        for flow_id in reversed(crowd[1:]):
            await house.client.post(f"/v1/flows/{flow_id}/cancel")
        assert (house.services.dispatcher.running(), await house.services.dispatcher.waiting()) == (0, 0)
