"""What goes wrong around a flow ends it with a name that people can act on, or leaves it resumable."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, update

from cfx_flow.accounts.audit import OPERATOR
from cfx_flow.store.tables import accounts
from tests.flows.conftest import House
from tests.support.flows import GOOD_DIFF, PLAN_TEXT, loop, says
from tests.support.provider import CODE, PLAN, Provider
from tests.support.shapes import error_of

pytestmark = pytest.mark.e2e

ALL_DOWN = {"status": 503}


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # langchain-openai dumps any shape
@pytest.mark.parametrize(
    "reply",
    [
        pytest.param({"status": 503}, id="unavailable"),
        pytest.param({"status": 500, "body": "<html><h1>Oops</h1></html>"}, id="html error"),
        pytest.param({"status": 401}, id="our credentials refused"),
        pytest.param({"status": 429}, id="limited"),
        pytest.param({"content": "never ends", "drop_after_chunks": 1}, id="dropped mid-stream"),
        pytest.param({"drop_after_chunks": 0, "content": "x"}, id="dropped before the status"),
        pytest.param({"content": "half a plan", "finish_reason": None}, id="no finish reason"),
        pytest.param({"raw": "<html>hello</html>"}, id="a page instead of a stream"),
        pytest.param({"raw": "data: {not json\n\n", "content_type": "text/event-stream"}, id="broken json"),
        pytest.param(
            {"raw": 'data: {"choices": 7}\n\ndata: [DONE]\n\n', "content_type": "text/event-stream"},
            id="json of another shape",
        ),
        pytest.param(
            {
                "raw": 'data: {"error": {"message": "boom", "code": 500}}\n\n',
                "content_type": "text/event-stream",
            },
            id="error frame",
        ),
        pytest.param({"raw": "", "content_type": "text/event-stream"}, id="empty stream"),
        pytest.param(
            {"raw": "data: \xff\xfe\n\n", "encoding": "latin-1", "content_type": "text/event-stream"},
            id="no utf-8",
        ),
    ],
)
async def test_a_failing_upstream_ends_the_flow_with_a_readable_reason(
    house: House, provider: Provider, reply: dict[str, Any]
) -> None:
    provider.script({"replies": [reply]})

    flow = await house.run()

    assert (flow["status"], flow["reason"]) == ("failed", "upstream")
    assert flow["message"]
    assert not any(word in flow["message"] for word in ("Traceback", "<h", "litellm", "httpx", "127.0.0.1"))
    last = (await house.events(flow["id"]))[-1]
    assert last["type"] == "flow.completed"
    assert last["data"]["reason"] == "upstream"
    assert (await house.step(flow["id"], 1))["status"] == "failed"


async def test_the_next_target_answers_when_the_first_is_down(house: House, provider: Provider) -> None:
    provider.script(
        {"model": "deepseek", "replies": [{"status": 500}]},
        {"model": "gpt-4.1-mini", "replies": [says(GOOD_DIFF)]},
        *loop([says(GOOD_DIFF)]),
    )

    flow = await house.run()

    assert flow["status"] == "approved"
    assert flow["stages"]["code"]["model"] == "gpt-4.1-mini"


async def test_nothing_listens_at_the_upstream(house: House, provider: Provider) -> None:
    with provider.down():
        flow = await house.run()
    assert (flow["status"], flow["reason"]) == ("failed", "upstream")
    assert "cannot be reached" in flow["message"]


async def test_a_refusal_of_the_request_is_passed_on_in_its_own_words(
    house: House, provider: Provider
) -> None:
    error = {"error": {"message": "This model's maximum context length is 10 tokens.", "code": "x"}}
    provider.script({"replies": [{"status": 400, "body": error}]})

    flow = await house.run()

    assert (flow["status"], flow["reason"]) == ("failed", "upstream")
    assert "maximum context length" in flow["message"]
    assert len(provider.calls()) == 1


@pytest.mark.parametrize(
    ("budget", "usage", "word"),
    [
        ({"usd": 0.5}, {"cost": 0.5}, "USD"),
        ({"tokens": 5000}, {"prompt_tokens": 4000, "completion_tokens": 1000}, "tokens"),
    ],
)
async def test_a_spent_budget_ends_the_flow_before_the_next_call(
    house: House, provider: Provider, budget: dict[str, Any], usage: dict[str, Any], word: str
) -> None:
    provider.script(*loop([says(GOOD_DIFF)], plan=[says(PLAN_TEXT, usage=usage)]))

    flow = await house.run(budget=budget)

    assert (flow["status"], flow["reason"]) == ("failed", "budget")
    assert word in flow["message"]
    assert len(provider.calls()) == 1


async def test_a_call_is_stopped_when_the_time_budget_runs_out(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)], plan=[says(PLAN_TEXT, first_byte_delay_s=30)]))

    flow = await house.run(budget={"seconds": 1})

    assert (flow["status"], flow["reason"]) == ("failed", "budget")
    assert "seconds" in flow["message"]
    await asyncio.to_thread(provider.wait_for_disconnect)


async def test_each_model_call_counts_once_against_the_daily_limit(
    any_house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    async with await any_house.client_for("bob", daily_limit=4) as client:
        bob = House(any_house.services, client)

        first = await bob.run()
        assert first["status"] == "approved"
        left = (await client.get(f"/v1/flows/{first['id']}")).headers["x-ratelimit-remaining"]
        assert left == "1"

        second = await bob.run()
        assert (second["status"], second["reason"]) == ("failed", "limit_reached")
        told = [event["type"] for event in await bob.events(second["id"])]
        assert told[-3:] == ["step.completed", "step.started", "flow.completed"]
        assert len(provider.calls()) == 4

        third = await client.post("/v1/flows", json={"task": "x", "workspace": {"files": {}}})
        assert third.status_code == 429
        assert third.json()["error"]["code"] == "rate_limit_exceeded"


async def test_flow_is_held_to_the_daily_limit_of_now_not_of_when_it_began(
    any_house: House, provider: Provider
) -> None:
    """Lowered while it waits for a person, it stops there; raised again, the flow is resumed and goes on."""
    provider.script(*loop([says(GOOD_DIFF)]))
    async with await any_house.client_for("bob") as client:
        bob, users = House(any_house.services, client), any_house.services.users
        flow_id = await bob.start(approval="plan")
        flow = await bob.until(flow_id, lambda flow: flow["status"] == "requires_action")
        await users.change("bob", {"daily_limit": 1}, OPERATOR)
        said = {"gate": "plan", "decision": "approve", "version": flow["version"]}
        await client.post(f"/v1/flows/{flow_id}/decision", json=said)
        flow = await bob.until(flow_id, lambda flow: flow["completed_at"] is not None)
        assert (flow["status"], flow["reason"]) == ("failed", "limit_reached")
        assert "daily limit of 1 " in flow["message"]
        await users.change("bob", {"daily_limit": 5}, OPERATOR)
        assert (await client.post(f"/v1/flows/{flow_id}/resume")).status_code == 202
        flow = await bob.until(flow_id, lambda flow: flow["status"] == "approved")


async def test_used_up_month_stops_a_flow_between_two_calls_and_a_larger_one_lets_it_go_on(
    any_house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    async with await any_house.client_for("bob") as client:
        bob = House(any_house.services, client)
        await _set_budget(bob, "bob", "0.000001")
        flow = await bob.run()
        assert (flow["status"], flow["reason"]) == ("failed", "limit_reached")
        assert "monthly budget" in flow["message"]
        assert len(provider.calls()) == 1
        refused = await client.post("/v1/flows", json={"task": "x", "workspace": {"files": {}}})
        error_of(refused, 429, "budget_exceeded")
        await _set_budget(bob, "bob", "100")
        assert (await client.post(f"/v1/flows/{flow['id']}/resume")).status_code == 202
        assert (await bob.ended(flow["id"]))["status"] == "approved"


async def _set_budget(house: House, user: str, usd: str) -> None:
    change = update(accounts).where(accounts.c.name == user).values(monthly_usd=Decimal(usd))
    async with house.services.store.transaction() as connection:
        await connection.execute(change)
        user_id = (
            await connection.execute(select(accounts.c.user_id).where(accounts.c.name == user))
        ).scalar()
    house.services.accounts.forget()
    house.services.budgets.forget(str(user_id))


async def test_our_own_bug_fails_the_flow_without_leaking_its_text(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    house.services.graph.arrive(_BrokenGraph())

    flow = await house.run()

    assert (flow["status"], flow["reason"]) == ("failed", "internal")
    assert "secret" not in flow["message"]


class _BrokenGraph:
    async def run(self, run: Any, drain: Any) -> Any:
        raise ZeroDivisionError("secret")


async def test_an_answer_that_was_cut_off_is_not_taken_for_whole(house: House, provider: Provider) -> None:
    half = GOOD_DIFF[: GOOD_DIFF.index("+    return")]
    provider.script(*loop([says(half, finish_reason="length"), says(GOOD_DIFF)]))

    flow = await house.run()

    assert flow["status"] == "approved"
    assert (await house.step(flow["id"], 2))["detail"]["finish_reason"] == "length"
    assert len(provider.calls(CODE)) == 2
    assert len(provider.calls(PLAN)) == 1
