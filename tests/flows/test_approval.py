"""A person at the gates: what they say is bound to what they have seen, and counts once."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.flows.conftest import House, OpenHouse
from tests.support.flows import GOOD_DIFF, finding, loop, says, verdict
from tests.support.provider import CODE, PLAN, REVIEW, Provider


async def waiting(house: House, **body: Any) -> dict[str, Any]:
    flow_id = await house.start(**body)
    return await house.until(flow_id, lambda flow: flow["status"] not in ("queued", "in_progress"))


async def decide(
    house: House, flow: dict[str, Any], decision: str, status: int = 200, **more: Any
) -> dict[str, Any]:
    said = {"gate": flow["gate"], "decision": decision, "version": flow["version"], **more}
    answer = await house.client.post(f"/v1/flows/{flow['id']}/decision", json=said)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


async def after(house: House, flow: dict[str, Any], decision: str, **more: Any) -> dict[str, Any]:
    """Where it stops next."""
    await decide(house, flow, decision, **more)
    return await house.until(flow["id"], lambda flow: flow["status"] not in ("queued", "in_progress"))


def asked(provider: Provider, model: str) -> str:
    return str(provider.calls(model)[-1]["body"]["messages"])


@pytest.mark.quick
async def test_a_flow_waits_at_both_gates_and_ends_approved(any_house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow = await waiting(any_house, approval="both")
    assert (flow["status"], flow["gate"]) == ("requires_action", "plan")
    assert not provider.calls(CODE)

    flow = await after(any_house, flow, "approve")
    assert (flow["status"], flow["gate"]) == ("requires_action", "patch")
    flow = await after(any_house, flow, "approve", comment="Ship it.")

    assert (flow["status"], flow["gate"], flow["reason"]) == ("approved", None, None)
    assert flow["message"] == "The reviewer and a person approved the patch."
    types = [event["type"] for event in await any_house.events(flow["id"])]
    assert types.count("approval.requested") == types.count("approval.decided") == 2
    assert len(provider.calls()) == 3


async def test_an_edited_plan_is_what_is_carried_out(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow = await waiting(house, approval="plan")
    flow = await after(house, flow, "approve", plan="# Mine\n\nOnly touch greet.py.")
    assert flow["status"] == "approved"
    assert "Only touch greet.py." in asked(provider, CODE)
    assert (await house.client.get(f"/v1/flows/{flow['id']}/plan")).text.startswith("# Mine")


async def test_a_plan_can_be_sent_back(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)], plan=[says("# First plan"), says("# Second plan")]))
    flow = await waiting(house, approval="plan")
    flow = await after(house, flow, "revise", comment="Leave the README alone.")
    assert (flow["status"], flow["gate"]) == ("requires_action", "plan")
    again = asked(provider, PLAN)
    assert "Leave the README alone." in again
    assert "# First plan" in again
    assert (await house.client.get(f"/v1/flows/{flow['id']}/plan")).text == "# Second plan"
    assert (await after(house, flow, "approve"))["status"] == "approved"


async def test_a_patch_can_be_sent_back_beyond_the_rounds_that_were_set(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow = await waiting(house, approval="patch", max_rounds=1)
    flow = await after(house, flow, "revise", comment="Say goodbye as well.")
    assert (flow["status"], flow["gate"], flow["round"]) == ("requires_action", "patch", 2)
    told = asked(provider, CODE)
    assert "A person who has read it asks for changes" in told
    assert "Say goodbye as well." in told
    assert (await after(house, flow, "approve"))["status"] == "approved"


async def test_what_a_person_asked_for_still_stands_when_the_next_diff_is_refused(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF), says(""), says(GOOD_DIFF)]))
    flow = await after(
        house, await waiting(house, approval="patch"), "revise", comment="Say goodbye as well."
    )
    assert (flow["status"], flow["gate"], flow["round"]) == ("requires_action", "patch", 2)
    told = asked(provider, CODE)
    assert told.index("no_diff") < told.index("heed this") < told.index("Say goodbye as well.")


async def test_what_a_person_asked_for_is_known_to_the_reviewer_and_outlives_its_next_wish(
    house: House, provider: Provider
) -> None:
    """Else the one takes out again, as beyond the plan, what the other has put in."""
    reviews = [verdict("approve"), verdict("revise", finding("mind the empty name")), verdict("approve")]
    provider.script(*loop([says(GOOD_DIFF)], reviews))
    flow = await after(
        house, await waiting(house, approval="patch"), "revise", comment="Say goodbye as well."
    )
    assert (flow["status"], flow["gate"], flow["round"]) == ("requires_action", "patch", 3)
    first, revised, _ = (str(call["body"]["messages"][-1]["content"]) for call in provider.calls(REVIEW))
    assert "Say goodbye as well." not in first
    assert "Say goodbye as well." in revised
    told = asked(provider, CODE)
    assert "mind the empty name" in told
    assert "Say goodbye as well." in told


@pytest.mark.parametrize("gate", ["plan", "patch"])
async def test_a_person_can_reject(house: House, provider: Provider, gate: str) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow = await after(house, await waiting(house, approval=gate), "reject", comment="Not like this.")
    assert (flow["status"], flow["reason"]) == ("rejected", "person")
    assert flow["message"] == "Rejected by a person: Not like this."


async def test_only_the_reviewer_opens_the_gate_to_the_patch(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [verdict("reject")]))
    flow = await waiting(house, approval="patch")
    assert (flow["status"], flow["reason"]) == ("rejected", "review")


async def test_what_does_not_fit_is_refused_and_changes_nothing(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow = await waiting(house, approval="plan")
    stale = await decide(house, flow | {"version": flow["version"] - 1}, "approve", 409)
    assert stale["error"]["code"] == "version_conflict"
    assert f"at version {flow['version']}" in stale["error"]["message"]
    assert (await decide(house, flow | {"gate": "patch"}, "approve", 409))["error"]["param"] == "gate"
    for wrong in (
        {"decision": "revise"},
        {"decision": "revise", "comment": " "},
        {"decision": "reject", "plan": "# Mine"},
        {"decision": "approve", "plan": ""},
        {"decision": "maybe"},
        {"decision": "approve", "comment": "\0"},
        {"decision": "approve", "notes": "x"},
    ):
        await decide(house, flow, status=400, **wrong)
    async with await house.client_for("bob") as bob:
        said = {"gate": "plan", "decision": "approve", "version": flow["version"]}
        assert (await bob.post(f"/v1/flows/{flow['id']}/decision", json=said)).status_code == 404
    assert await house.get(flow["id"]) == flow
    ended = await after(house, flow, "approve")
    late = await decide(house, ended | {"gate": "plan"}, "approve", 409)
    assert "waits for no decision: it is approved" in late["error"]["message"]


async def test_a_waiting_flow_can_be_cancelled_and_is_waited_for_no_longer(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    body = {"task": "x", "workspace": {"files": {"a": "b\n"}}, "approval": "plan"}
    answer = await house.client.post("/v1/flows", json=body, headers={"prefer": "wait=20"})
    assert (answer.status_code, answer.json()["status"]) == (200, "requires_action")
    cancelled = await house.client.post(f"/v1/flows/{answer.json()['id']}/cancel")
    assert (cancelled.json()["status"], cancelled.json()["gate"]) == ("cancelled", None)


@pytest.mark.e2e
async def test_of_a_hundred_answers_one_counts(any_house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow = await waiting(any_house, approval="plan")
    said = {"gate": "plan", "decision": "approve", "version": flow["version"]}
    path = f"/v1/flows/{flow['id']}/decision"
    answers = await asyncio.gather(*(any_house.client.post(path, json=said) for _ in range(100)))
    assert sorted({answer.status_code for answer in answers}) == [200, 409]
    assert [answer.status_code for answer in answers].count(200) == 1
    await any_house.until(flow["id"], lambda flow: flow["status"] == "approved")
    assert len(provider.calls(CODE)) == 1


@pytest.mark.e2e
async def test_a_decision_survives_the_process_that_took_it(any_house: House, provider: Provider) -> None:
    """The row says what was decided; the process dies before the graph has taken it."""
    provider.script(*loop([says(GOOD_DIFF, first_byte_delay_s=30), says(GOOD_DIFF)]))
    flow = await waiting(any_house, approval="plan")
    await decide(any_house, flow, "approve", plan="# Mine")
    await asyncio.to_thread(provider.wait_for_calls, 1, CODE)
    (task,) = [task for task in asyncio.all_tasks() if task.get_name() == f"flow {flow['id']}"]
    task.cancel()
    await asyncio.wait([task])
    await any_house.services.dispatcher.recover()
    ended = await any_house.ended(flow["id"])
    assert ended["status"] == "approved"
    assert "# Mine" in asked(provider, CODE)
    types = [event["type"] for event in await any_house.events(flow["id"])]
    assert types.count("approval.decided") == 1


async def test_a_flow_whose_files_are_gone_says_so(
    open_house: OpenHouse, sqlite_url: str, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    async with open_house(sqlite_url) as house:
        flow = await waiting(house, approval="plan")
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as other, other:
        assert other.execute("DELETE FROM snapshots").rowcount == 1
    async with open_house(sqlite_url) as house:
        flow = await after(house, flow, "approve")
    assert (flow["status"], flow["reason"]) == ("failed", "state")
    assert "There is no snapshot sha256:" in flow["message"]
