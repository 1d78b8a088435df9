"""A call that was sent and never answered may have been billed: the budget counts the most it can cost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.flows.conftest import House
from tests.flows.test_durability import SLOW, at_stage, kill
from tests.flows.test_loop import logged
from tests.support.flows import BAD_DIFF, GOOD_DIFF, loop, says
from tests.support.provider import CODE, PLAN, Provider

pytestmark = pytest.mark.e2e

CUT = {"content": GOOD_DIFF, "chunk_chars": 20, "drop_after_chunks": 2}
NOTHING = {"calls": 0, "tokens": 0, "cost_usd": 0}
MOST_OUTPUT = 8192
"""of one call of CODE"""


def shares(flow: dict[str, Any], stage: str) -> dict[int, dict[str, Any]]:
    return {one["round"]: one["stages"][stage] for one in flow["rounds"] if stage in one["stages"]}


async def test_calls_in_flight_at_a_crash_are_counted_in_their_round_at_the_most_they_can_cost(
    any_house: House, provider: Provider
) -> None:
    """Twice in CODE's second step of round 1; the diff that was refused before was answered."""
    slow = says(GOOD_DIFF, **SLOW)
    provider.script(*loop([says(BAD_DIFF), slow, slow, says(GOOD_DIFF)]))
    flow_id = await any_house.start()
    for calls in (2, 3):
        await asyncio.to_thread(provider.wait_for_calls, calls, CODE)
        await kill(flow_id)
        await any_house.services.dispatcher.recover()

    flow = await any_house.ended(flow_id)
    assert flow["status"] == "approved"
    code, in_round = flow["stages"]["code"], shares(flow, "code")
    assert (code["calls"], code["maybe_paid_twice"]) == (2, 1)
    assert code["broken_off"]["calls"] == 2
    assert 2 * MOST_OUTPUT < code["broken_off"]["tokens"] < 4 * MOST_OUTPUT
    assert 0 < code["broken_off"]["cost_usd"] < 0.1
    assert (in_round[1]["maybe_paid_twice"], in_round[1]["broken_off"]) == (1, code["broken_off"])
    for stage in ("plan", "review"):
        assert (flow["stages"][stage]["maybe_paid_twice"], flow["stages"][stage]["broken_off"]) == (
            0,
            NOTHING,
        )
    answered = sum(stage["cost_usd"] for stage in flow["stages"].values())
    assert flow["cost_usd"] == pytest.approx(answered, abs=1e-6), "what is in doubt is in no other number"


async def test_a_budget_that_a_crash_may_have_used_up_ends_the_flow_and_a_resume_must_bring_more(
    any_house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF, **SLOW), says(GOOD_DIFF)]))
    flow_id = await any_house.start(budget={"tokens": 12_000})
    await at_stage(provider, CODE)
    await kill(flow_id)
    await any_house.services.dispatcher.recover()

    flow = await any_house.ended(flow_id)
    assert (flow["status"], flow["reason"]) == ("failed", "budget")
    assert "broke off without an answer (1)" in flow["message"]
    assert len(provider.calls(CODE)) == 1
    resume = f"/v1/flows/{flow_id}/resume"
    spent = flow["usage"]["total_tokens"] + flow["stages"]["code"]["broken_off"]["tokens"]
    refused = await any_house.client.post(resume, json={"budget": {"tokens": spent}})
    assert refused.status_code == 400
    assert f"{spent} of {spent} are spent" in refused.json()["error"]["message"]
    assert (await any_house.client.post(resume, json={"budget": {"tokens": 60_000}})).status_code == 202
    assert (await any_house.ended(flow_id))["status"] == "approved"


OTHER = "gpt-4.1-mini"
"""the stage's second target"""


async def test_a_stream_that_is_cut_is_counted_and_the_next_attempt_gets_what_is_left(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([CUT]), {"model": OTHER, "replies": [says(GOOD_DIFF)]})
    flow = await house.run(budget={"tokens": 26_000})
    assert flow["status"] == "approved"
    code = flow["stages"]["code"]
    assert (code["model"], code["calls"], code["broken_off"]["calls"]) == (OTHER, 1, 2)
    assert code["broken_off"]["tokens"] > 2 * MOST_OUTPUT
    assert [call["body"]["max_tokens"] for call in provider.calls(CODE)] == [MOST_OUTPUT] * 2
    (last,) = provider.calls(OTHER)
    assert last["body"]["max_tokens"] < 26_000 - code["broken_off"]["tokens"] < MOST_OUTPUT


async def test_after_a_cut_stream_every_target_gets_what_is_left_also_behind_a_refusal(
    house: House, provider: Provider
) -> None:
    refused = {"status": 503}
    provider.script(*loop([CUT, refused]), {"model": OTHER, "replies": [says(GOOD_DIFF)]})
    flow = await house.run(budget={"tokens": 17_000})
    assert flow["status"] == "approved"
    lost = flow["stages"]["code"]["broken_off"]
    assert (lost["calls"], len(provider.calls(CODE))) == (1, 2)
    (last,) = provider.calls(OTHER)
    assert last["body"]["max_tokens"] < 17_000 - lost["tokens"] < MOST_OUTPUT + 1000


async def test_what_a_cut_stream_may_have_used_up_is_not_spent_on_another_attempt(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([CUT]))
    flow = await house.run(budget={"tokens": 12_000})
    assert (flow["status"], flow["reason"]) == ("failed", "budget")
    assert len(provider.calls(CODE)) == flow["stages"]["code"]["broken_off"]["calls"] == 1
    planned, cut = await logged(house, flow["id"], 2)
    assert (planned.status, cut.status, cut.stage) == ("success", "error", "code")
    assert cut.output_tokens > 0


async def test_a_call_whose_flow_another_process_has_cancelled_is_logged(
    house: House, provider: Provider
) -> None:
    endless = says("x" * 4000, chunk_chars=1, chunk_delay_s=0.02)
    provider.script(*loop([says(GOOD_DIFF)], plan=[endless]))
    flow_id = await house.start()
    await asyncio.to_thread(provider.wait_for_calls, 1, PLAN)
    user_id = (await house.services.flows.unfinished())[0][1]
    await house.services.flows.cancel(user_id, flow_id)  # the dispatcher here is not told
    (cut,) = await logged(house, flow_id, 1)
    assert (cut.status, cut.stage) == ("cancelled", "plan")
    assert cut.output_tokens > 0


async def test_a_stream_that_is_cut_at_every_target_is_counted_when_the_flow_fails(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([])[:1], {"replies": [CUT]})
    flow = await house.run()
    assert (flow["status"], flow["reason"]) == ("failed", "upstream")
    code = flow["stages"]["code"]
    assert (code["calls"], code["broken_off"]["calls"], len(provider.calls())) == (0, 4, 1 + 4)


async def test_what_was_refused_or_never_sent_costs_nothing(house: House, provider: Provider) -> None:
    provider.script(*loop([{"status": 503}]), {"model": OTHER, "replies": [says(GOOD_DIFF)]})
    flow = await house.run()
    assert (flow["status"], flow["stages"]["code"]["broken_off"]) == ("approved", NOTHING)
    with provider.down():
        flow = await house.run()
    assert (flow["reason"], flow["stages"]) == ("upstream", {})
