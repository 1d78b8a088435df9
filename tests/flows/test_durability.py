"""No accepted flow is lost, no finished step is done twice, and an ended flow stays ended."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import func, select, text, update

from cfx_flow.flows.model import Fenced, FlowStatus, Outcome
from cfx_flow.flows.store import Entry, Fence
from cfx_flow.store.tables import effects, flow_checkpoint_writes, flow_checkpoints, flows
from tests.flows.conftest import House, OpenHouse
from tests.graphs.test_checkpoints import hostile
from tests.support.flows import GOOD_DIFF, PLAN_TEXT, loop, says, verdict
from tests.support.provider import CODE, PLAN, REVIEW, Provider

pytestmark = pytest.mark.e2e

SLOW = {"first_byte_delay_s": 30}


async def kill(flow_id: str) -> None:
    """What is left of a flow's task when its process dies: nothing, and the row as it was."""
    (task,) = [task for task in asyncio.all_tasks() if task.get_name() == f"flow {flow_id}"]
    task.cancel()
    await asyncio.wait([task])


def at_stage(provider: Provider, model: str) -> Any:
    return asyncio.to_thread(provider.wait_for_calls, 1, model)


@pytest.mark.parametrize("dies_in", [PLAN, CODE, REVIEW])
async def test_a_flow_goes_on_from_the_step_in_which_its_process_died(
    any_house: House, provider: Provider, dies_in: str
) -> None:
    good = {PLAN: says(PLAN_TEXT), CODE: says(GOOD_DIFF), REVIEW: verdict("approve")}
    provider.script(
        *(
            {"model": model, "replies": [reply | SLOW, reply] if model == dies_in else [reply]}
            for model, reply in good.items()
        )
    )
    flow_id = await any_house.start()
    await at_stage(provider, dies_in)

    await kill(flow_id)
    assert (await any_house.get(flow_id))["status"] == "in_progress"
    await any_house.services.dispatcher.recover()

    assert (await any_house.ended(flow_id))["status"] == "approved"
    counts = {model: len(provider.calls(model)) for model in good}
    assert counts == {model: 2 if model == dies_in else 1 for model in good}
    events = await any_house.events(flow_id)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    again = [event["stage"] for event in events if event["data"].get("again")]
    assert len(again) == 1


async def test_a_step_that_finished_just_before_the_crash_is_not_paid_again(
    house: House, provider: Provider
) -> None:
    """The step's row is written, the checkpoint after it is not."""
    provider.script(*loop([says(GOOD_DIFF, **SLOW), says(GOOD_DIFF)]))
    flow_id = await house.start()
    await at_stage(provider, CODE)
    await kill(flow_id)
    async with house.services.store.transaction() as connection:  # back to before the plan's checkpoint
        await connection.execute(text("DELETE FROM flow_checkpoints"))
        await connection.execute(text("DELETE FROM flow_checkpoint_writes"))

    await house.services.dispatcher.recover()

    flow = await house.ended(flow_id)
    assert flow["status"] == "approved"
    assert len(provider.calls(PLAN)) == 1
    assert flow["stages"]["plan"]["calls"] == 1


async def test_an_answer_that_came_before_the_crash_is_not_paid_again(
    any_house: House, provider: Provider
) -> None:
    """REVIEW asks twice within one step: the first answer is unreadable, the process dies in the second."""
    unreadable = says("Looks \0 fine to me.")
    provider.script(*loop([says(GOOD_DIFF)], [unreadable, verdict("approve") | SLOW, verdict("approve")]))
    flow_id = await any_house.start()
    await asyncio.to_thread(provider.wait_for_calls, 2, REVIEW)

    await kill(flow_id)
    await any_house.services.dispatcher.recover()

    flow = await any_house.ended(flow_id)
    assert flow["status"] == "approved"
    assert len(provider.calls(REVIEW)) == 3  # the one in flight was repeated, the answered one was not
    review = flow["stages"]["review"]
    assert (review["calls"], review["maybe_paid_twice"]) == (2, 1)
    assert (await any_house.step(flow_id, flow["step"]))["attempts"] == 2


async def test_an_effect_is_journalled_before_the_call_and_its_answer_with_the_cost(
    any_house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF) | SLOW, says(GOOD_DIFF)]))
    flow_id = await any_house.start()
    await at_stage(provider, CODE)
    async with any_house.services.store.read() as connection:
        rows = (await connection.execute(select(effects).order_by(effects.c.step))).mappings().all()
    assert [(row["step"], row["call"], row["tries"], row["done_at"] is None) for row in rows] == [
        (1, 0, 1, False),
        (2, 0, 1, True),
    ]
    assert b"# Plan" in rows[0]["answer"]
    assert (await any_house.get(flow_id))["stages"]["plan"]["calls"] == 1
    await any_house.client.post(f"/v1/flows/{flow_id}/cancel")  # the house need not wait for it


async def test_a_shutdown_leaves_flows_resumable_and_the_next_start_ends_them(
    open_house: OpenHouse, database_url: str, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF, first_byte_delay_s=0.3)]))
    async with open_house(database_url) as house:
        ids = [await house.start() for _ in range(7)]  # five run, two wait
        await at_stage(provider, CODE)
    calls_before = len(provider.calls())

    async with open_house(database_url) as later:
        async with later.services.store.read() as connection:
            statuses = set((await connection.execute(select(flows.c.status))).scalars())
        assert statuses <= {"in_progress", "queued", "approved"}
        assert "in_progress" in statuses
        async with asyncio.timeout(20):
            while await later.services.flows.unfinished():
                await asyncio.sleep(0.02)
        for flow_id in ids:
            assert (await later.get(flow_id))["status"] == "approved"
    assert calls_before < len(provider.calls()) == 7 * 3  # nothing was asked twice


async def test_a_process_that_dies_between_the_last_step_and_the_status_loses_no_outcome(
    any_house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [verdict("revise")]))
    flow = await any_house.run(max_rounds=1)
    calls = len(provider.calls())
    async with any_house.services.store.transaction() as connection:
        await connection.execute(update(flows).values(status="in_progress", reason=None, message=None))

    await any_house.services.dispatcher.recover()

    again = await any_house.until(flow["id"], lambda flow: flow["status"] != "in_progress")
    assert (again["status"], again["reason"], again["message"]) == ("rejected", "max_rounds", flow["message"])
    assert len(provider.calls()) == calls


async def test_a_flow_whose_task_has_ended_is_taken_up_again_without_a_restart(
    house: House, provider: Provider
) -> None:
    """By an error of ours; every ten seconds it is looked for, here more often."""
    provider.script(*loop([says(GOOD_DIFF, **SLOW), says(GOOD_DIFF)]))
    flow_id = await house.start()
    await at_stage(provider, CODE)
    await kill(flow_id)
    house.services.chores.begin("lost flows", house.services.dispatcher.recover, every_s=0.05)
    assert (await house.ended(flow_id))["status"] == "approved"
    assert len(provider.calls(PLAN)) == 1


@pytest.mark.parametrize("stage", [PLAN, CODE, REVIEW])
async def test_cancelling_ends_a_flow_and_its_upstream_request(
    house: House, provider: Provider, stage: str
) -> None:
    provider.script({"model": stage, "replies": [says("x", **SLOW)]}, *loop([says(GOOD_DIFF)]))
    flow_id = await house.start()
    await at_stage(provider, stage)

    async with asyncio.timeout(2):
        answer = await house.client.post(f"/v1/flows/{flow_id}/cancel")

    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["reason"]) == ("cancelled", "user")
    await asyncio.to_thread(provider.wait_for_disconnect)
    events = await house.events(flow_id)
    assert events[-1]["type"] == "flow.completed"
    flow = await house.get(flow_id)
    assert (await house.step(flow_id, flow["step"]))["status"] == "cancelled"
    again = await house.client.post(f"/v1/flows/{flow_id}/cancel")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")
    assert len(await house.events(flow_id)) == len(events)


async def test_a_waiting_flow_can_be_cancelled_and_never_starts(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)], plan=[says(PLAN_TEXT, **SLOW)]))
    running = [await house.start() for _ in range(5)]
    waiting = await house.start()

    assert (await house.get(waiting))["status"] == "queued"
    assert (await house.client.post(f"/v1/flows/{waiting}/cancel")).status_code == 200
    for flow_id in running:
        await house.client.post(f"/v1/flows/{flow_id}/cancel")

    assert [event["type"] for event in await house.events(waiting)] == ["flow.queued", "flow.completed"]


async def test_five_flows_of_a_user_run_and_the_others_wait_without_holding_up_another_user(
    house: House, provider: Provider
) -> None:
    provider.script(
        {"contains": "quick", "replies": [says(PLAN_TEXT)], "model": PLAN},
        {"model": PLAN, "replies": [says(PLAN_TEXT, **SLOW)], "stateless": True},
        *loop([says(GOOD_DIFF)]),
    )
    mine = [await house.start() for _ in range(7)]
    await asyncio.to_thread(provider.wait_for_calls, 5)
    async with await house.client_for("bob") as client:
        assert (await House(house.services, client).run("quick"))["status"] == "approved"

    statuses = [(await house.get(flow_id))["status"] for flow_id in mine]
    assert statuses == ["in_progress"] * 5 + ["queued"] * 2
    await house.client.post(f"/v1/flows/{mine[0]}/cancel")
    await house.until(mine[5], lambda flow: flow["status"] == "in_progress")
    for flow_id in mine[1:]:
        await house.client.post(f"/v1/flows/{flow_id}/cancel")


async def test_a_runner_whose_epoch_is_over_writes_nothing(any_house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)], plan=[says(PLAN_TEXT, **SLOW)]))
    flow_id = await any_house.start()
    await at_stage(provider, PLAN)
    store = any_house.services.flows
    new = await store.claim(flow_id)
    assert new is not None
    assert new.epoch == 2

    with pytest.raises(Fenced):
        await store.write(Fence(flow_id, 1), Entry(changes={"round": 9}))
    assert not await store.end(flow_id, 1, Outcome(FlowStatus.APPROVED, None, "no"))

    assert (await any_house.get(flow_id))["status"] == "in_progress"
    await any_house.client.post(f"/v1/flows/{flow_id}/cancel")


async def test_one_of_many_concurrent_cancels_wins(any_house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)], plan=[says(PLAN_TEXT, **SLOW)]))
    flow_id = await any_house.start()

    answers = await asyncio.gather(*(any_house.client.post(f"/v1/flows/{flow_id}/cancel") for _ in range(10)))

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9
    events = await any_house.events(flow_id)
    assert [event["type"] for event in events].count("flow.completed") == 1


async def test_checkpoints_are_dropped_when_a_flow_ends(any_house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow = await any_house.run()
    assert flow["status"] == "approved"
    async with any_house.services.store.read() as connection:
        for table in (flow_checkpoints, flow_checkpoint_writes):
            assert (await connection.execute(select(func.count()).select_from(table))).scalar_one() == 0


async def test_a_damaged_checkpoint_ends_the_flow_by_name_and_runs_nothing(
    open_house: OpenHouse, database_url: str, provider: Provider, tmp_path: Path
) -> None:
    """Fifty flows, each with damage of its own in all of its checkpoints, or in what was written after."""
    provider.script(
        {"model": CODE, "replies": [says(GOOD_DIFF, **SLOW)], "stateless": True}, *loop([says(GOOD_DIFF)])
    )
    mark = tmp_path / "was-here"
    damages = hostile(mark)[:50]
    async with open_house(database_url, CFX_RUNNING_FLOWS_PER_USER="100") as house:
        ids = [await house.start() for _ in damages]
        await asyncio.to_thread(provider.wait_for_calls, len(ids), CODE)
        await asyncio.gather(*(kill(flow_id) for flow_id in ids))
        async with house.services.store.transaction() as connection:
            for n, (flow_id, text_) in enumerate(zip(ids, damages, strict=True)):
                column = "meta" if n % 7 == 3 else "body"
                of_flow = flow_checkpoints.c.flow_id == flow_id
                await connection.execute(update(flow_checkpoints).where(of_flow).values({column: text_}))

        await house.services.dispatcher.recover()

        ended = [await house.ended(flow_id) for flow_id in ids]
    assert {(flow["status"], flow["reason"]) for flow in ended} == {("failed", "state")}
    assert not mark.exists()


@pytest.mark.parametrize("field", ["channel_versions", "versions_seen", "channel_values", "updated_channels"])
async def test_a_checkpoint_that_lost_a_part_ends_the_flow_by_name(
    house: House, provider: Provider, field: str
) -> None:
    provider.script(*loop([says(GOOD_DIFF, **SLOW)]))
    flow_id = await house.start()
    await at_stage(provider, CODE)
    await kill(flow_id)
    async with house.services.store.transaction() as connection:
        for row in (await connection.execute(select(flow_checkpoints))).mappings().all():
            body = json.loads(row["body"]) | {field: {"step": ["x"]}}
            this = update(flow_checkpoints).where(flow_checkpoints.c.id == row["id"])
            await connection.execute(this.values(body=json.dumps(body)))

    await house.services.dispatcher.recover()

    flow = await house.ended(flow_id)
    assert (flow["status"], flow["reason"]) == ("failed", "state")


@pytest.mark.e2e  # it really waits
async def test_a_flow_waits_while_the_database_does_not_answer(house: House, provider: Provider) -> None:
    """Another process holds SQLite's write lock for longer than we wait for it."""
    provider.script(*loop([says(GOOD_DIFF)], plan=[says(PLAN_TEXT, first_byte_delay_s=0.3)]))
    flow_id = await house.start()
    await at_stage(provider, PLAN)
    async with aiosqlite.connect(house.services.settings.store_url.removeprefix("sqlite:///")) as other:
        await other.execute("BEGIN IMMEDIATE")
        await asyncio.sleep(8)
        await other.rollback()

    assert (await house.ended(flow_id))["status"] == "approved"
