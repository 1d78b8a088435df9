"""Flows that an earlier release has stored go on. Each dump was written by that release itself."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cfx_flow.store.migrate import migrate
from tests.flows.conftest import House, OpenHouse
from tests.support.flows import GOOD_DIFF, loop, says, verdict
from tests.support.provider import PLAN, Provider

pytestmark = pytest.mark.e2e

DUMPS = sorted((Path(__file__).parent / "earlier").glob("*.sql.gz"))


@pytest.fixture(params=DUMPS, ids=lambda path: path.name.removesuffix(".sql.gz"))
async def old_house(
    request: pytest.FixtureRequest, open_house: OpenHouse, tmp_path: Path, provider: Provider
) -> AsyncIterator[House]:
    file = tmp_path / "old.db"
    with gzip.open(request.param, "rt", encoding="utf-8") as dump, sqlite3.connect(file) as connection:
        connection.executescript(dump.read())
    url = f"sqlite:///{file}"
    assert migrate(url).changed
    provider.script(*loop([says(GOOD_DIFF)]))
    async with open_house(url) as house:
        yield house


async def flow_named(house: House, task: str) -> str:
    listed = (await house.client.get("/v1/flows")).json()["data"]
    return str(next(flow["id"] for flow in listed if flow["task"] == task))


async def test_a_flow_that_ran_goes_on_without_doing_its_finished_steps_again(
    old_house: House, provider: Provider
) -> None:
    flow = await old_house.ended(await flow_named(old_house, "died while coding"))
    assert flow["status"] == "approved"
    assert provider.calls(PLAN) == []


async def test_a_flow_that_waited_for_a_person_takes_the_decision(
    old_house: House, provider: Provider
) -> None:
    flow_id = await flow_named(old_house, "waits for a person")
    waiting = await old_house.get(flow_id)
    assert (waiting["status"], waiting["gate"]) == ("requires_action", "plan")
    body = {"gate": "plan", "decision": "approve", "plan": "# As I want it", "version": waiting["version"]}

    answer = await old_house.client.post(f"/v1/flows/{flow_id}/decision", json=body)

    assert answer.status_code == 200, answer.text
    assert (await old_house.ended(flow_id))["status"] == "approved"
    assert provider.calls(PLAN) == []
    assert (await old_house.client.get(f"/v1/flows/{flow_id}/plan")).text == "# As I want it"


async def test_a_flow_that_failed_can_be_resumed(old_house: House, provider: Provider) -> None:
    flow_id = await flow_named(old_house, "its upstream failed")
    answer = await old_house.client.post(f"/v1/flows/{flow_id}/resume", json={})
    assert answer.status_code == 202, answer.text
    assert (await old_house.until(flow_id, lambda flow: flow["status"] == "approved"))["step"] == 4
    assert provider.calls(PLAN) == []


async def test_a_flow_that_used_up_its_rounds_gets_more(old_house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [verdict("approve")]))
    flow_id = await flow_named(old_house, "used up its rounds")
    assert (await old_house.client.get(f"/v1/flows/{flow_id}/diff")).text == GOOD_DIFF
    answer = await old_house.client.post(f"/v1/flows/{flow_id}/resume", json={"max_rounds": 2})
    assert answer.status_code == 202, answer.text
    flow = await old_house.until(flow_id, lambda flow: flow["status"] == "approved")
    assert flow["round"] == 2
    assert provider.calls(PLAN) == []
