"""Flows whose checkpoints an earlier release has written go on from their steps, on both databases."""

from __future__ import annotations

import asyncio
import json

import pytest
from sqlalchemy import select, update

from cfx_flow.store.tables import flow_checkpoints
from tests.flows.conftest import House, OpenHouse
from tests.flows.test_approval import after, waiting
from tests.support.flows import GOOD_DIFF, loop, says, verdict
from tests.support.provider import CODE, PLAN, REVIEW, Provider


async def make_older(house: House) -> None:
    """Until 2026-11-29 each key of the state was a channel of its own."""
    async with house.services.store.transaction() as connection:
        rows = (await connection.execute(select(flow_checkpoints))).mappings().all()
        assert rows
        for row in rows:
            this = update(flow_checkpoints).where(flow_checkpoints.c.id == row["id"])
            await connection.execute(this.values(body=with_a_channel_for_each_key(row["body"])))


def with_a_channel_for_each_key(body: str) -> str:
    checkpoint = json.loads(body)
    state = checkpoint["channel_values"].pop("__root__", {})
    version = checkpoint["channel_versions"].pop("__root__", None)
    checkpoint["channel_values"] |= state
    checkpoint["channel_versions"] |= dict.fromkeys(state, version)
    return json.dumps(checkpoint)


async def test_a_flow_that_waits_with_an_older_checkpoint_goes_on_from_its_steps(
    any_house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow = await waiting(any_house, approval="patch")
    await make_older(any_house)

    flow = await after(any_house, flow, "approve")

    assert (flow["status"], flow["message"]) == ("approved", "The reviewer and a person approved the patch.")
    assert [len(provider.calls(model)) for model in (PLAN, CODE, REVIEW)] == [1, 1, 1]


async def test_a_flow_that_ran_out_of_rounds_with_an_older_checkpoint_is_resumed(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [verdict("revise"), verdict("approve")]))
    flow = await house.run(max_rounds=1)
    assert flow["reason"] == "max_rounds"
    await make_older(house)

    resumed = await house.client.post(f"/v1/flows/{flow['id']}/resume", json={"max_rounds": 2})
    assert resumed.status_code == 202, resumed.text

    assert (await house.ended(flow["id"]))["status"] == "approved"
    assert [len(provider.calls(model)) for model in (PLAN, CODE, REVIEW)] == [1, 2, 2]


async def test_a_flow_whose_check_was_a_step_of_the_graph_s_goes_on_after_it(
    open_house: OpenHouse, database_url: str, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until 2026-11-30: one waits for a person, one has used its rounds up, one is amid a round."""
    held = verdict("approve") | {"first_byte_delay_s": 30}
    reviews = [verdict("approve"), verdict("revise"), held, *[verdict("approve")] * 2]
    provider.script(*loop([says(GOOD_DIFF)], reviews))
    with monkeypatch.context() as earlier:
        earlier.setattr("graphs.runtime.ALONG", ())
        async with open_house(database_url) as house:
            waits = await waiting(house, approval="patch")
            rejected = await house.run(max_rounds=1)
            under_way = await house.start()
            await asyncio.to_thread(provider.wait_for_calls, 3, REVIEW)

    async with open_house(database_url) as later:
        assert (await later.ended(under_way))["status"] == "approved"
        assert (await after(later, waits, "approve"))["status"] == "approved"
        again = await later.client.post(f"/v1/flows/{rejected['id']}/resume", json={"max_rounds": 2})
        assert again.status_code == 202, again.text
        assert (await later.ended(rejected["id"]))["status"] == "approved"
    assert [len(provider.calls(model)) for model in (PLAN, CODE, REVIEW)] == [3, 4, 5]
