"""A fork takes over what another flow has done, and pays only for what comes later."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.flows.conftest import House
from tests.support.flows import BAD_DIFF, GOOD_DIFF, PLAN_TEXT, finding, loop, plan_text, says, verdict
from tests.support.provider import CODE, PLAN, REVIEW, Provider

OTHER_DIFF = GOOD_DIFF.replace('f"Hello {name}!"', 'f"Goodbye {name}!"')


async def fork(house: House, flow_id: str, status: int = 202, **body: Any) -> dict[str, Any]:
    answer = await house.client.post(f"/v1/flows/{flow_id}/fork", json=body)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


async def forked(house: House, flow_id: str, **body: Any) -> dict[str, Any]:
    """As it ends."""
    return await house.ended((await fork(house, flow_id, **body))["id"])


def asked(provider: Provider, model: str, n: int = -1) -> str:
    return str(provider.calls(model)[n]["body"]["messages"])


async def test_another_plan_is_carried_out_and_the_old_one_is_not_paid_again(
    any_house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF), says(OTHER_DIFF)]))
    parent = await any_house.run()
    everything = await any_house.events(parent["id"])

    flow = await forked(any_house, parent["id"], step=1, plan="# Mine\n\nSay goodbye.")

    assert (flow["status"], flow["forked_from"]["id"]) == ("approved", parent["id"])
    counts = [len(provider.calls(model)) for model in (PLAN, CODE, REVIEW)]
    assert counts == [1, 2, 2]
    assert "Say goodbye." in asked(provider, CODE)
    assert "Say goodbye." in asked(provider, REVIEW)
    client = any_house.client
    assert "Goodbye" in (await client.get(f"/v1/flows/{flow['id']}/diff")).text
    assert (await client.get(f"/v1/flows/{flow['id']}/plan")).text.startswith("# Mine")
    assert await any_house.get(parent["id"]) == parent
    assert await any_house.events(parent["id"]) == everything


async def test_a_fork_counts_what_it_pays_itself(house: House, provider: Provider) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 10}
    provider.script(*loop([says(GOOD_DIFF, usage=usage)], plan=[says(PLAN_TEXT, usage=usage)]))
    parent = await house.run()

    flow = await forked(house, parent["id"], step=1)

    assert sorted(flow["stages"]) == ["code", "review"]
    assert 0 < flow["cost_usd"] < parent["cost_usd"]
    copied = await house.step(flow["id"], 1)
    assert (copied["output"], copied["model"]) == (PLAN_TEXT, (await house.step(parent["id"], 1))["model"])
    assert (copied["cost_usd"], copied["attempts"]) == (0, 0)
    events = await house.events(flow["id"])
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    told = [event for event in events if event["data"].get("copied")]
    assert [(event["type"], event["step"], event["cost_usd"]) for event in told] == [
        ("step.started", 1, None),
        ("step.completed", 1, None),
    ]
    assert events[0]["data"]["forked_from"] == {"flow": parent["id"], "step": 1}
    assert sum(event["cost_usd"] or 0 for event in events) == pytest.approx(flow["cost_usd"], abs=1e-6)


@pytest.mark.parametrize("step", range(8))
@pytest.mark.e2e
async def test_a_flow_forks_from_each_of_its_steps(house: House, provider: Provider, step: int) -> None:
    """plan, code (refused), check, code, check, review (revise), code | check, review (approve)."""
    provider.script(*loop([says(BAD_DIFF), says(GOOD_DIFF)], [verdict("revise"), verdict("approve")]))
    parent = await house.run()
    assert parent["step"] == 9
    nodes = [(await house.step(parent["id"], n))["node"] for n in range(1, 10)]
    provider.script(*loop([says(OTHER_DIFF)], plan=[says(plan_text("greet.py", head="# Other"))]))
    before = len(provider.calls())

    flow = await forked(house, parent["id"], step=step)

    assert flow["status"] == "approved"
    paid = [(await house.step(flow["id"], n))["node"] for n in range(step + 1, flow["step"] + 1)]
    assert len(provider.calls()) - before == sum(node in ("plan", "code", "review") for node in paid)
    assert [(await house.step(flow["id"], n))["node"] for n in range(1, step + 1)] == nodes[:step]
    if step == 6:  # CODE answers the reviewer, as it did in the parent
        assert "Scripted: revise." in asked(provider, CODE)
    assert len(await any_events(house, flow["id"], "flow.completed")) == 1


async def any_events(house: House, flow_id: str, type_: str) -> list[dict[str, Any]]:
    return [event for event in await house.events(flow_id) if event["type"] == type_]


async def test_another_model_takes_over_a_stage(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]), {"model": "gpt-4.1-mini", "replies": [says(OTHER_DIFF)]})
    parent = await house.run()
    flow = await forked(house, parent["id"], step=1, stages={"code": {"model": "gpt-4.1-mini"}})
    assert flow["stages"]["code"]["model"] == "gpt-4.1-mini"
    again = await forked(house, flow["id"], step=1)
    assert again["stages"]["code"]["model"] == "gpt-4.1-mini"
    assert again["forked_from"]["id"] == flow["id"]


async def test_a_list_shows_what_is_asked_for(any_house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [verdict("approve"), verdict("reject"), verdict("approve")]))
    good, bad = await any_house.run(), await any_house.run()
    branch = await forked(any_house, good["id"], step=1)
    everything = [branch["id"], bad["id"], good["id"]]

    async def ids(**query: Any) -> list[str]:
        answer = await any_house.client.get("/v1/flows", params=query)
        assert answer.status_code == 200, answer.text
        return [flow["id"] for flow in answer.json()["data"]]

    assert await ids() == everything
    assert await ids(status="approved") == [branch["id"], good["id"]]
    assert await ids(status=["approved", "rejected"]) == everything
    assert await ids(reason="review") == [bad["id"]]
    assert await ids(forked_from=good["id"]) == [branch["id"]]
    assert await ids(since=bad["created_at"], until=branch["created_at"]) == [bad["id"]]
    assert await ids(q=bad["id"][:8]) == [bad["id"]]
    assert await ids(q=f" {good['task'].upper()}", status="rejected") == [bad["id"]]
    assert await ids(q="no task of theirs") == []
    for slip in (
        {"state": "approved"},
        {"status": "done"},
        {"forked_from": "x"},
        {"since": "never"},
        {"q": "\0"},
    ):
        refused = await any_house.client.get("/v1/flows", params=slip)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_request")


async def test_a_flow_that_waits_for_a_person_can_be_forked_and_both_go_on(
    any_house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow_id = await any_house.start(approval="plan")
    parent = await any_house.until(flow_id, lambda flow: flow["status"] == "requires_action")

    branch = await fork(any_house, flow_id, step=1, plan="# Another plan")
    branch = await any_house.until(branch["id"], lambda flow: flow["status"] == "requires_action")

    for flow in (branch, parent):
        said = {"gate": "plan", "decision": "approve", "version": flow["version"]}
        answer = await any_house.client.post(f"/v1/flows/{flow['id']}/decision", json=said)
        assert answer.status_code == 200
        assert (await any_house.ended(flow["id"]))["status"] == "approved"
    assert "# Another plan" in asked(provider, CODE, 0)
    assert "# Another plan" not in asked(provider, CODE, 1)
    past_the_gate = await forked(any_house, branch["id"], step=2, plan="# A third")
    assert past_the_gate["status"] == "approved"
    assert "# A third" in asked(provider, CODE)


async def test_a_flow_without_rounds_is_forked_with_more(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [verdict("revise"), verdict("approve")]))
    parent = await house.run(max_rounds=1)
    assert parent["reason"] == "max_rounds"
    same = await forked(house, parent["id"], step=parent["step"])
    assert (same["status"], same["reason"]) == ("rejected", "max_rounds")
    flow = await forked(house, parent["id"], step=parent["step"], max_rounds=2)
    assert (flow["status"], flow["round"]) == ("approved", 2)
    assert len(provider.calls(PLAN)) == 1


async def test_a_flow_that_got_nowhere_is_forked_with_another_model(house: House, provider: Provider) -> None:
    """The same finding again and again ends a flow; from that review on another model has a try."""
    stuck = verdict("revise", finding("Say it louder."))
    provider.script(
        *loop([says(GOOD_DIFF)], [stuck]), {"model": "gpt-4.1-mini", "replies": [says(OTHER_DIFF)]}
    )
    parent = await house.run(max_rounds=9)
    assert (parent["status"], parent["reason"]) == ("rejected", "no_progress")
    other = {"code": {"model": "gpt-4.1-mini"}}
    flow = await forked(house, parent["id"], step=parent["step"], stages=other)
    assert flow["step"] > parent["step"]
    assert "Say it louder." in asked(provider, "gpt-4.1-mini")


async def test_a_fork_that_is_killed_goes_on_where_it_was(any_house: House, provider: Provider) -> None:
    slow = says(OTHER_DIFF, first_byte_delay_s=30)
    provider.script(*loop([says(GOOD_DIFF), slow, says(OTHER_DIFF)]))
    parent = await any_house.run()
    flow = await fork(any_house, parent["id"], step=1)
    await asyncio.to_thread(provider.wait_for_calls, 2, CODE)
    (task,) = [task for task in asyncio.all_tasks() if task.get_name() == f"flow {flow['id']}"]
    task.cancel()
    await asyncio.wait([task])

    await any_house.services.dispatcher.recover()

    assert (await any_house.ended(flow["id"]))["status"] == "approved"
    assert [len(provider.calls(model)) for model in (PLAN, CODE)] == [1, 3]


async def test_what_cannot_be_forked_is_refused_by_name(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow_id = (await house.run())["id"]
    for param, body in {
        "step": {"step": 9},
        "plan": {"step": 0, "plan": "# Mine"},
        "stages.code.model": {"step": 1, "stages": {"code": {"model": "o1"}}},
        "stages.test.[key]": {"step": 1, "stages": {"test": {"model": "gpt-4.1"}}},
        "budget.usd": {"step": 1, "budget": {"usd": 99.0}},
        "max_rounds": {"step": 1, "max_rounds": 99},
        "approval": {"step": 1, "approval": "plan"},
    }.items():
        refusal = await fork(house, flow_id, 403 if param == "stages.code.model" else 400, **body)
        assert refusal["error"]["param"] == param
    assert "from 0 to 4" in (await fork(house, flow_id, 400, step=5))["error"]["message"]
    assert (await fork(house, flow_id, 400, step=1, plan=" "))["error"]["param"] == "plan"
    cut_off = '# Mine\n\n```json cfx-plan\n{"files": [\n```\n'
    refusal = await fork(house, flow_id, 400, step=1, plan=cut_off)
    assert refusal["error"]["param"] == "plan"
    assert refusal["error"]["message"].startswith("plan: the block marked cfx-plan holds no complete JSON")
    assert (await fork(house, "7" * 32, 404, step=0))["error"]["code"] == "not_found"
    async with await house.client_for("bob") as bob:
        assert (await bob.post(f"/v1/flows/{flow_id}/fork", json={"step": 1})).status_code == 404
    assert len((await house.client.get("/v1/flows")).json()["data"]) == 1


async def test_the_same_fork_asked_for_twice_is_one(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    parents = [(await house.run())["id"] for _ in range(2)]
    headers = {"idempotency-key": "once"}
    first, second = [
        await house.client.post(f"/v1/flows/{parents[0]}/fork", json={"step": 1}, headers=headers)
        for _ in range(2)
    ]
    assert first.json()["id"] == second.json()["id"]
    other = await house.client.post(f"/v1/flows/{parents[1]}/fork", json={"step": 1}, headers=headers)
    assert other.status_code == 422
    waited = await house.client.post(
        f"/v1/flows/{parents[0]}/fork", json={"step": 1}, headers={"prefer": "wait=20"}
    )
    assert (waited.status_code, waited.json()["status"]) == (200, "approved")
