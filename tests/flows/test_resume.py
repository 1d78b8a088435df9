"""A flow that failed, or ran out of rounds, goes on from where it stopped."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from cfx_flow.settings import HOUSE
from tests.flows.conftest import House, OpenHouse
from tests.flows.test_approval import after, waiting
from tests.support.flows import BAD_DIFF, GOOD_DIFF, PLAN_TEXT, loop, says, verdict
from tests.support.provider import CODE, PLAN, REVIEW, Provider
from tests.support.shapes import error_of

DOWN = {"status": 400, "body": "no"}


async def resume(house: House, flow_id: str, status: int = 202, **wishes: Any) -> dict[str, Any]:
    answer = await house.client.post(f"/v1/flows/{flow_id}/resume", json=wishes)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


async def resumed(house: House, flow_id: str, **wishes: Any) -> dict[str, Any]:
    """As it ends the second time."""
    seen = (await house.events(flow_id))[-1]["seq"]
    await resume(house, flow_id, **wishes)
    await house.until(flow_id, lambda flow: flow["completed_at"] is not None)
    events = [event for event in await house.events(flow_id) if event["seq"] > seen]
    assert [events[0]["type"], events[-1]["type"]] == ["flow.resumed", "flow.completed"]
    return await house.get(flow_id)


async def test_a_flow_that_an_upstream_failed_goes_on_with_the_step_that_failed(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([DOWN, says(GOOD_DIFF)]))
    failed = await house.run()
    assert (failed["status"], failed["reason"]) == ("failed", "upstream")

    flow = await resumed(house, failed["id"])

    assert (flow["status"], flow["reason"], flow["message"]) == (
        "approved",
        None,
        "The reviewer approved the patch.",
    )
    assert (len(provider.calls(PLAN)), len(provider.calls(CODE))) == (1, 2)
    assert flow["started_at"] == failed["started_at"]
    assert flow["version"] > failed["version"]


@pytest.mark.parametrize(
    ("code", "review"),
    [
        ([says(GOOD_DIFF)], [verdict("revise"), verdict("approve")]),
        ([says(BAD_DIFF)] * 3 + [says(GOOD_DIFF)], [verdict("approve")]),
    ],
    ids=["a review that asked for more", "diffs that were refused"],
)
async def test_a_flow_without_rounds_goes_on_with_more(
    any_house: House, provider: Provider, code: list[dict[str, Any]], review: list[dict[str, Any]]
) -> None:
    provider.script(*loop(code, review))
    spent = await any_house.run(max_rounds=1)
    assert (spent["status"], spent["reason"]) == ("rejected", "max_rounds")

    flow = await resumed(any_house, spent["id"], max_rounds=2)

    assert (flow["status"], flow["reason"]) == ("approved", None)
    assert (flow["round"], flow["max_rounds"]) == (2, 2)
    assert len(provider.calls(PLAN)) == 1
    feedback = str(provider.calls(CODE)[-1]["body"]["messages"])
    assert "Scripted: revise." in feedback or "removed_line_mismatch" in feedback


@pytest.mark.e2e
async def test_a_round_that_a_person_has_added_is_used_up_too(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [verdict("approve"), verdict("revise"), verdict("approve")]))
    flow = await waiting(house, approval="patch", max_rounds=1)
    spent = await after(house, flow, "revise", comment="Once more.")
    assert (spent["reason"], spent["round"], spent["max_rounds"]) == ("max_rounds", 2, 2)
    refusal = await resume(house, spent["id"], 400, max_rounds=2)
    assert "all 2 rounds are used up. Send a number from 3" in refusal["error"]["message"]

    await resume(house, spent["id"], max_rounds=3)
    flow = await house.until(spent["id"], lambda flow: flow["status"] == "requires_action")
    assert (await after(house, flow, "approve"))["status"] == "approved"


@pytest.mark.e2e
async def test_a_flow_can_run_out_of_rounds_again(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [verdict("revise")]))
    flow = await house.run(max_rounds=1)
    for rounds in (2, 3):
        flow = await resumed(house, flow["id"], max_rounds=rounds)
        assert (flow["status"], flow["reason"]) == ("rejected", "max_rounds")
        assert f"All {rounds} rounds" in flow["message"]
    assert len(provider.calls(REVIEW)) == 3


async def test_a_spent_budget_needs_a_larger_one(house: House, provider: Provider) -> None:
    usage = {"prompt_tokens": 4000, "completion_tokens": 1100}
    provider.script(*loop([says(GOOD_DIFF)], plan=[says(PLAN_TEXT, usage=usage)]))
    flow = await house.run(budget={"tokens": 5000})
    assert flow["reason"] == "budget"

    refusal = await resume(house, flow["id"], 400)
    assert refusal["error"]["param"] == "budget.tokens"
    assert "5100 of 5000" in refusal["error"]["message"]
    await resume(house, flow["id"], 400, budget={"tokens": 10**9})
    await resume(house, flow["id"], 400, max_rounds=7)

    flow = await resumed(house, flow["id"], budget={"tokens": 50_000})
    assert flow["status"] == "approved"
    assert flow["budget"]["tokens"] == 50_000
    assert len(provider.calls(PLAN)) == 1


async def test_a_budget_that_was_too_small_for_the_next_call_needs_a_larger_one_too(
    house: House, provider: Provider
) -> None:
    usage = {"prompt_tokens": 4000, "completion_tokens": 700}
    provider.script(*loop([says(GOOD_DIFF)], plan=[says(PLAN_TEXT, usage=usage)]))
    flow = await house.run(budget={"tokens": 5000})
    assert flow["reason"] == "budget"
    for wishes in ({}, {"budget": {"tokens": 5000}}):
        refusal = await resume(house, flow["id"], 400, **wishes)
        assert refusal["error"]["param"] == "budget"
        assert "and 300 tokens; the next call" in refusal["error"]["message"]
    flow = await resumed(house, flow["id"], budget={"tokens": 20_000})
    assert flow["status"] == "approved"


@pytest.mark.e2e
async def test_what_ended_well_or_for_good_cannot_be_resumed(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [verdict("approve"), verdict("reject")]))
    for ending in ("approved", "rejected (review)"):
        flow = await house.run()
        refusal = await resume(house, flow["id"], 409)
        assert f"This flow is {ending}." in refusal["error"]["message"]
    assert (await resume(house, "7" * 32, 404))["error"]["code"] == "not_found"


@pytest.mark.e2e
@pytest.mark.parametrize("wishes", [{"max_rounds": 1}, {"max_rounds": 99}, {"rounds": 2}, {}])
async def test_wishes_that_lead_nowhere_are_refused_by_name(
    house: House, provider: Provider, wishes: dict[str, Any]
) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [verdict("revise")]))
    flow = await house.run(max_rounds=1)
    refusal = await resume(house, flow["id"], 400, **wishes)
    assert "rounds" in refusal["error"]["param"]
    assert (await house.get(flow["id"]))["version"] == flow["version"]


@pytest.mark.e2e
async def test_of_many_who_resume_at_once_one_does(any_house: House, provider: Provider) -> None:
    provider.script(*loop([DOWN, says(GOOD_DIFF)]))
    flow = await any_house.run()
    path = f"/v1/flows/{flow['id']}/resume"
    answers = await asyncio.gather(*(any_house.client.post(path, json={}) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 19
    await any_house.until(flow["id"], lambda flow: flow["status"] == "approved")
    assert len(provider.calls(CODE)) == 2


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ({"stages": frozenset({"plan"})}, "may not run flows"),
        ({"models": frozenset({"gpt-4.1"})}, "the model 'deepseek-v3'"),
    ],
    ids=["stages", "models"],
)
async def test_a_key_that_may_not_start_such_a_flow_may_only_look_at_it(
    house: House, provider: Provider, bounds: dict[str, Any], said: str
) -> None:
    provider.script(*loop([DOWN]))
    failed = await house.run(stages={"code": {"model": "deepseek-v3"}})
    decision = {"gate": "plan", "decision": "approve", "version": failed["version"]}
    ways: dict[str, dict[str, Any]] = {"resume": {}, "fork": {"step": 1}, "decision": decision}
    ways |= {"cancel": {}, "apply": {}, "rollback": {}}
    async with await house.client_for("alice", permissions=["workspace"], **bounds) as bound:
        for way, body in ways.items():
            answer = await bound.post(f"/v1/flows/{failed['id']}/{way}", json=body)
            assert said in error_of(answer, 403, "permission_denied")["message"], way
        assert (await bound.get(f"/v1/flows/{failed['id']}/report")).status_code == 200
        secret = await bound.get("/v1/webhook-secret")
        assert (secret.status_code == 403) == ("stages" in bounds)
    assert await house.get(failed["id"]) == failed


async def test_a_flow_whose_model_was_renamed_is_not_lost(
    open_house: OpenHouse, sqlite_url: str, provider: Provider, tmp_path: Path
) -> None:
    """By a slip in models.yaml, say: it says how it goes on, and does, either way."""
    nano = {"model": "gpt-4.1-", "replies": [says(GOOD_DIFF)] * 2}
    provider.script(nano, *loop([DOWN]))
    shipped = (HOUSE / "config" / "models.yaml").read_text()
    models = tmp_path / "models.yaml"
    models.write_text(shipped)
    async with open_house(sqlite_url, CFX_MODELS_FILE=str(models)) as house:
        flow_id = await house.start(stages={"code": {"model": "gpt-4.1-nano"}}, approval="plan")
        await house.until(flow_id, lambda flow: flow["status"] == "requires_action")
    models.write_text(shipped.replace("gpt-4.1-nano", "gpt-4.1-atom"))
    async with open_house(sqlite_url, CFX_MODELS_FILE=str(models)) as house:
        version = (await house.get(flow_id))["version"]
        word = {"gate": "plan", "decision": "approve", "version": version}
        assert (await house.client.post(f"/v1/flows/{flow_id}/decision", json=word)).status_code == 200
        flow = await house.ended(flow_id)
        assert (flow["status"], flow["reason"]) == ("failed", "internal")
        assert "'gpt-4.1-nano' is not on the whitelist" in flow["message"]
        assert "Fork the flow with another model for code" in flow["message"]
        refused = await house.client.post(f"/v1/flows/{flow_id}/resume")
        assert refused.status_code == 409
        assert "Fork the flow with another model for code" in refused.json()["error"]["message"]
        refused = await house.client.post(f"/v1/flows/{flow_id}/fork", json={"step": 2})
        assert (refused.status_code, refused.json()["error"]["param"]) == (403, "stages.code.model")
        other = {"step": 2, "stages": {"code": {"model": "gpt-4.1-atom"}}}
        forked = await house.client.post(f"/v1/flows/{flow_id}/fork", json=other)
        assert (await house.ended(forked.json()["id"]))["status"] == "approved"
    models.write_text(shipped)
    async with open_house(sqlite_url, CFX_MODELS_FILE=str(models)) as house:
        assert (await resumed(house, flow_id))["status"] == "approved"
    assert len(provider.calls(PLAN)) == 1
