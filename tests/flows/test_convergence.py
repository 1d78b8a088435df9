"""The loop ends when another round would not help, says why and asks the smallest question; the plan is
reworked where it is at fault."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.conftest import House
from tests.flows.test_approval import after, waiting
from tests.flows.test_resume import resumed
from tests.support.flows import GOOD_DIFF, loop, plan_text, says, verdict
from tests.support.provider import CODE, PLAN, REVIEW, Provider


def found(message: str, severity: str = "high", rule: str = "edge-case", line: int = 2) -> dict[str, Any]:
    return {"severity": severity, "file": "greet.py", "line": line, "rule": rule, "message": message}


def at_fault(fault: str) -> dict[str, Any]:
    body = '{"verdict": "revise", "summary": "The plan is wrong.", "findings": [], "plan_fault": "%s"}'
    return says(body % fault)


def asked(provider: Provider, model: str, n: int = -1) -> str:
    return str(provider.calls(model)[n]["body"]["messages"][-1]["content"])


@pytest.mark.quick
async def test_a_review_that_repeats_itself_ends_the_flow_and_asks_what_to_do(
    any_house: House, provider: Provider
) -> None:
    review = [verdict("revise", found("fails for None")), verdict("revise", found("None is not handled"))]
    provider.script(*loop([says(GOOD_DIFF)], review))

    flow = await any_house.run(max_rounds=5)

    assert (flow["status"], flow["reason"], flow["round"]) == ("rejected", "no_progress", 2)
    assert "asks for what an earlier one has asked for already" in flow["message"]
    assert "high at greet.py:2: None is not handled" in flow["message"]
    assert "Resume it with a comment" in flow["message"]
    reviews = [e["data"] for e in await any_house.events(flow["id"]) if e["type"] == "review.completed"]
    prints = [finding["fingerprint"] for review in reviews for finding in review["findings"]]
    assert prints[0] == prints[1]
    assert (await any_house.client.get(f"/v1/flows/{flow['id']}/diff")).status_code == 200


async def test_a_flow_that_got_stuck_goes_on_with_a_person_s_word(
    any_house: House, provider: Provider
) -> None:
    stuck = verdict("revise", found("fails for None"))
    provider.script(*loop([says(GOOD_DIFF)], [stuck, stuck, verdict("approve")]))
    flow = await any_house.run(max_rounds=5)
    assert flow["reason"] == "no_progress"

    flow = await resumed(any_house, flow["id"], comment="Names are never None: say so in a comment.")

    assert (flow["status"], flow["round"]) == ("approved", 3)
    assert "Names are never None" in asked(provider, CODE)
    assert len(provider.calls(PLAN)) == 1
    resumed_event = [e for e in await any_house.events(flow["id"]) if e["type"] == "flow.resumed"]
    assert resumed_event[0]["data"]["comment"].startswith("Names are never None")


async def test_a_resumed_flow_may_get_stuck_again_and_be_resumed_again(
    house: House, provider: Provider
) -> None:
    stuck = verdict("revise", found("fails for None"))
    provider.script(*loop([says(GOOD_DIFF)], [stuck] * 4 + [verdict("approve")]))
    flow = await house.run(max_rounds=10)
    assert (flow["reason"], flow["round"]) == ("no_progress", 2)
    flow = await resumed(house, flow["id"])
    assert (flow["reason"], flow["round"]) == ("no_progress", 3)
    flow = await resumed(house, flow["id"])
    assert (flow["reason"], flow["round"]) == ("no_progress", 4)
    assert (await resumed(house, flow["id"]))["status"] == "approved"


async def test_a_fork_of_a_flow_that_was_stuck_and_resumed_takes_over_all_of_it(
    house: House, provider: Provider
) -> None:
    stuck = verdict("revise", found("fails for None"))
    provider.script(*loop([says(GOOD_DIFF)], [stuck, stuck, verdict("reject"), verdict("approve")]))
    parent = await resumed(house, (await house.run(max_rounds=5))["id"])
    assert (parent["reason"], parent["step"]) == ("review", 10)
    answer = await house.client.post(f"/v1/flows/{parent['id']}/fork", json={"step": 9})
    flow = await house.ended(answer.json()["id"])
    assert (flow["status"], flow["round"]) == ("approved", 3)
    assert len(provider.calls(CODE)) == 3


async def test_a_plateau_ends_the_flow(house: House, provider: Provider) -> None:
    review = [verdict("revise", found(f"fault {word}", rule=word)) for word in ("one", "two", "three")]
    provider.script(*loop([says(GOOD_DIFF)], review))
    flow = await house.run(max_rounds=9)
    assert (flow["reason"], flow["round"]) == ("no_progress", 3)
    assert "neither fewer nor milder findings" in flow["message"]


async def test_the_round_limit_is_named_before_a_stall(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [verdict("revise", found("x"))]))
    flow = await house.run(max_rounds=2)
    assert flow["reason"] == "max_rounds"
    assert "resume it with more rounds" in flow["message"]


async def test_what_is_below_the_floor_is_no_approval_and_ends_an_automatic_flow(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [verdict("revise", found("a comma", "info"))]))
    flow = await house.run()
    assert (flow["status"], flow["reason"], flow["round"]) == ("rejected", "no_progress", 1)
    assert "Is the patch good enough?" in flow["message"]
    assert "severity `low` or above" in asked(provider, REVIEW)


async def test_what_is_below_the_floor_goes_to_the_person_who_takes_the_patch_anyway(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [verdict("revise", found("a comma", "info"))]))
    flow = await waiting(house, approval="patch")
    assert (flow["status"], flow["gate"]) == ("requires_action", "patch")
    flow = await after(house, flow, "approve")
    assert (flow["status"], flow["message"]) == ("approved", "A person approved the patch.")


async def test_a_plan_at_fault_is_made_anew_with_the_reviewers_reason(
    any_house: House, provider: Provider
) -> None:
    plans = [says(plan_text("greet.py", head="# First")), says(plan_text("greet.py", head="# Second"))]
    provider.script(*loop([says(GOOD_DIFF)], [at_fault("It forgets names."), verdict("approve")], plans))

    flow = await any_house.run()

    assert (flow["status"], flow["round"]) == ("approved", 2)
    told = asked(provider, PLAN)
    assert "It forgets names." in told
    assert "# First" in told
    code = asked(provider, CODE)
    assert "# Second" in code
    assert "your last answer" not in code  # it followed another plan
    assert (await any_house.client.get(f"/v1/flows/{flow['id']}/plan")).text.startswith("# Second")
    rows = {
        (step["node"], step["round"]) for step in [await any_house.step(flow["id"], n) for n in range(1, 9)]
    }
    assert ("plan", 2) in rows


async def test_the_plan_is_reworked_once_then_the_fault_is_a_finding_like_others(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [at_fault("It forgets names.")]))
    flow = await house.run(max_rounds=3)
    assert (flow["status"], flow["reason"]) == ("rejected", "max_rounds")
    assert "It says that the plan is wrong: It forgets names." in flow["message"]
    assert len(provider.calls(PLAN)) == 2
    assert len(provider.calls(CODE)) == 3
    assert "It forgets names." in asked(provider, CODE), "nobody else can still do something about it"


async def test_a_reworked_plan_goes_past_the_person_again(house: House, provider: Provider) -> None:
    plans = [says(plan_text("greet.py", head="# First")), says(plan_text("greet.py", head="# Second"))]
    provider.script(*loop([says(GOOD_DIFF)], [at_fault("It forgets names."), verdict("approve")], plans))
    flow = await after(house, await waiting(house, approval="plan"), "approve")
    assert (flow["status"], flow["gate"], flow["round"]) == ("requires_action", "plan", 2)
    assert (await after(house, flow, "approve"))["status"] == "approved"


async def test_cost_and_tokens_are_told_per_round_and_stage(house: House, provider: Provider) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 10}
    code = [says(GOOD_DIFF, usage=usage | {"cost": 0.01}), says(GOOD_DIFF, usage=usage | {"cost": 0.02})]
    review = [verdict("revise", found("x"), usage=usage), verdict("approve", usage=usage)]
    provider.script(*loop(code, review))

    flow = await house.run()

    planning, first, second = flow["rounds"]
    assert [planning["round"], first["round"], second["round"]] == [0, 1, 2]
    assert sorted(planning["stages"]) == ["plan"]
    assert (first["stages"]["code"]["cost_usd"], second["stages"]["code"]["cost_usd"]) == (0.01, 0.02)
    assert first["total_tokens"] == 220
    assert first["stages"]["review"]["maybe_paid_twice"] == 0
    assert sum(part["total_tokens"] for part in flow["rounds"]) == flow["usage"]["total_tokens"]
    assert round(sum(part["cost_usd"] for part in flow["rounds"]), 9) == flow["cost_usd"]
    assert "rounds" not in flow["stages"]["code"]
