"""A POST that is sent again, and one that would rather wait."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from api.waiting import LONGEST_WAIT_S, preferred_wait_s
from cfx_flow.store.tables import idempotency_keys
from tests.flows.conftest import FILES, House
from tests.support.flows import GOOD_DIFF, loop, says
from tests.support.provider import PLAN, Provider

BODY = {"task": "Greet with an exclamation mark", "workspace": {"files": FILES}}


async def post(house: House, key: str, body: dict[str, Any] = BODY, **headers: str) -> httpx.Response:
    return await house.client.post("/v1/flows", json=body, headers={"idempotency-key": key, **headers})


@pytest.fixture(autouse=True)
def _models(provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))


async def test_the_same_request_finds_the_flow_that_it_made(house: House, provider: Provider) -> None:
    first, second = await post(house, "build 17"), await post(house, "build 17")
    assert first.status_code == second.status_code == 202
    assert first.json()["id"] == second.json()["id"]
    assert first.headers["location"] == second.headers["location"]
    await house.ended(first.json()["id"])
    assert (await post(house, "build 17")).json()["status"] == "approved"
    assert len(provider.calls(PLAN)) == 1


async def test_another_body_under_the_same_key_is_refused(house: House) -> None:
    await post(house, "build 17")
    answer = await post(house, "build 17", BODY | {"task": "Something else"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_mismatch")
    assert answer.json()["error"]["param"] == "Idempotency-Key"


async def test_a_key_is_its_users_own_and_lasts_a_day(house: House) -> None:
    mine = (await post(house, "build 17")).json()["id"]
    async with await house.client_for("bob") as bob:
        answer = await bob.post("/v1/flows", json=BODY, headers={"idempotency-key": "build 17"})
    assert answer.json()["id"] != mine

    past = house.services.clock.now() - timedelta(hours=24, seconds=1)
    async with house.services.store.transaction() as connection:
        await connection.execute(update(idempotency_keys).values(created_at=past))
    assert (await post(house, "build 17", BODY | {"task": "Tomorrow's"})).json()["id"] != mine


@pytest.mark.parametrize("key", ["", "  ", "x" * 256, "tab\there"])
async def test_a_key_that_cannot_be_one_is_refused(house: House, key: str) -> None:
    answer = await post(house, key)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "Idempotency-Key")


@pytest.mark.e2e
async def test_a_hundred_at_once_make_one_flow(any_house: House, provider: Provider) -> None:
    answers = await asyncio.gather(*(post(any_house, "build 17") for _ in range(100)))
    assert {answer.status_code for answer in answers} == {202}
    (flow_id,) = {answer.json()["id"] for answer in answers}
    assert (await any_house.ended(flow_id))["status"] == "approved"
    assert len(provider.calls(PLAN)) == 1
    assert len((await any_house.client.get("/v1/flows")).json()["data"]) == 1


async def test_who_prefers_to_wait_gets_the_ended_flow(house: House) -> None:
    answer = await post(house, "a", prefer="respond-async, wait=20")
    assert (answer.status_code, answer.headers["preference-applied"]) == (200, "wait=20")
    assert answer.json()["status"] == "approved"
    assert answer.headers["location"] == f"/v1/flows/{answer.json()['id']}"


async def test_what_takes_longer_is_answered_with_its_address(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF, first_byte_delay_s=30)]))
    began = time.monotonic()
    answer = await post(house, "a", prefer="wait=1")
    assert (answer.status_code, answer.json()["status"]) == (202, "in_progress")
    assert time.monotonic() - began < 10
    await house.client.post(f"/v1/flows/{answer.json()['id']}/cancel")


async def test_a_post_may_be_answered_by_the_events(house: House) -> None:
    answer = await post(house, "a", accept="text/event-stream")
    assert answer.headers["content-type"].startswith("text/event-stream")
    names = [line.removeprefix("event: ") for line in answer.text.split("\n") if line.startswith("event: ")]
    assert (names[0], names[-1]) == ("flow.queued", "flow.completed")
    assert (await house.get(answer.headers["location"].rpartition("/")[2]))["status"] == "approved"


@pytest.mark.parametrize(
    ("prefer", "wait_s"),
    [
        (None, None),
        ("", None),
        ("respond-async", None),
        ("wait=5", 5),
        ('Wait="5"', 5),
        ("respond-async; wait = 5", 5),
        ("wait=99999", LONGEST_WAIT_S),
        ("wait=-1", None),
        ("wait=soon", None),
        ("await=5", None),
    ],
)
def test_preferences_are_read_leniently(prefer: str | None, wait_s: int | None) -> None:
    assert preferred_wait_s(prefer) == wait_s
