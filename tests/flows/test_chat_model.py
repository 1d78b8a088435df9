"""``cfx-flow`` as a model on chat completions: a whole flow, told as it goes, answered with the patch."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx
import openai
import pytest
import uvicorn

from api.app import create_app
from api.protocol import Protocol
from tests.flows.conftest import House
from tests.support.flows import FILES, GOOD_DIFF, loop, says, verdict
from tests.support.processes import free_port
from tests.support.provider import PLAN, Provider

pytestmark = pytest.mark.e2e

MESSAGES = [
    {"role": "system", "content": "You are an editor."},
    {"role": "user", "content": "Earlier."},
    {"role": "assistant", "content": "Yes."},
    {"role": "user", "content": "Greet with an exclamation mark"},
]
SLOW = {"first_byte_delay_s": 30}


async def ask(house: House, **body: Any) -> httpx.Response:
    given = {"model": "cfx-flow", "messages": MESSAGES, "cfx": {"workspace": {"files": FILES}}} | body
    return await house.client.post("/v1/chat/completions", json=given, timeout=20)


async def test_the_answer_is_the_patch(any_house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [verdict("revise"), verdict("approve")]))
    answer = await ask(any_house)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["object"], body["model"]) == ("chat.completion", "cfx-flow")
    (choice,) = body["choices"]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"] == f"```diff\n{GOOD_DIFF.rstrip()}\n```\n"
    told = choice["message"]["reasoning_content"].splitlines()
    assert "round 1: verdict: revise. Scripted: revise." in told
    assert told[-1].startswith("approved: The reviewer approved")
    flow = await any_house.get(body["cfx"]["flow"]["id"])
    assert flow["task"] == "Greet with an exclamation mark"
    assert body["usage"]["total_tokens"] == flow["usage"]["total_tokens"]


async def test_an_end_without_a_patch_says_why(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [verdict("reject")]))
    body = (await ask(house)).json()
    content = body["choices"][0]["message"]["content"]
    assert content.startswith("No patch: the flow is rejected (review).")
    assert f"/v1/flows/{body['cfx']['flow']['id']}/report" in content


async def test_a_flow_that_waits_for_a_person_answers_with_what_it_waits_for(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    body = (await ask(house, cfx={"workspace": {"files": FILES}, "approval": "plan"})).json()
    content = body["choices"][0]["message"]["content"]
    assert "waits for your decision about the plan" in content
    said = body["cfx"]["flow"]
    decision = {"gate": said["gate"], "decision": "approve", "version": said["version"]}
    answer = await house.client.post(f"{said['link']}/decision", json=decision)
    assert answer.status_code == 200
    assert (await house.ended(said["id"]))["status"] == "approved"


async def test_what_a_flow_cannot_take_is_refused_before_it_costs(house: House, provider: Provider) -> None:
    tool = {"type": "function", "function": {"name": "read_file", "parameters": {}}}
    for param, body in {
        "tools": {"tools": [tool]},
        "cfx": {"cfx": [1]},
        "workspace.path": {"cfx": {"workspace": {"files": {}, "path": "/etc"}}},
        "task": {"messages": [{"role": "user", "content": " "}]},
        "rounds": {"cfx": {"rounds": 3}},
    }.items():
        answer = await ask(house, **body)
        assert answer.status_code in (400, 403), answer.text
        if param != "workspace.path":
            assert answer.json()["error"]["param"] == param
    assert not provider.calls()
    assert (await house.client.get("/v1/flows")).json()["data"] == []


async def test_it_is_listed_and_a_stage_header_wins_over_it(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    listed = (await house.client.get("/v1/models")).json()["data"]
    assert "cfx-flow" in [model["id"] for model in listed]
    given = {"model": "cfx-flow", "messages": MESSAGES}
    answer = await house.client.post("/v1/chat/completions", json=given, headers={"x-cfx-stage": "plan"})
    assert answer.headers["x-cfx-stage"] == "plan"


# Streamed, over a real socket -------------------------------------------------------------


@pytest.fixture
async def served(house: House) -> AsyncIterator[tuple[House, openai.AsyncOpenAI]]:
    port = free_port()
    protocol: Any = partial(Protocol, sweeper=house.services.upstream.sweeper)  # it tells who has left
    config = uvicorn.Config(
        create_app(house.services), port=port, http=protocol, lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    key = house.client.headers["authorization"].removeprefix("Bearer ")
    http = openai.DefaultAsyncHttpxClient(trust_env=False)
    url = f"http://127.0.0.1:{port}/v1"
    async with openai.AsyncOpenAI(api_key=key, base_url=url, http_client=http, max_retries=0) as client:
        yield house, client
    server.should_exit = server.force_exit = True
    await serving


async def test_the_openai_sdk_follows_a_flow_as_it_goes(
    served: tuple[House, openai.AsyncOpenAI], provider: Provider
) -> None:
    house, client = served
    provider.script(*loop([says(GOOD_DIFF)]))
    stream = await client.chat.completions.create(
        model="cfx-flow",
        messages=MESSAGES,  # type: ignore[arg-type]
        stream=True,
        stream_options={"include_usage": True},
        extra_body={"cfx": {"workspace": {"files": FILES}}},
    )
    chunks = [chunk async for chunk in stream]
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    reasoning = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    content = "".join(delta.content or "" for delta in deltas)
    assert "plan begins" in reasoning
    assert content == f"```diff\n{GOOD_DIFF.rstrip()}\n```\n"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    (shown,) = [chunk.model_extra["cfx"] for chunk in chunks if chunk.model_extra]
    assert (await house.get(shown["flow"]["id"]))["status"] == "approved"


@pytest.mark.parametrize("streamed", [True, False])
async def test_who_leaves_cancels_the_flow(
    served: tuple[House, openai.AsyncOpenAI], provider: Provider, streamed: bool
) -> None:
    house, client = served
    provider.script(*loop([says(GOOD_DIFF)], plan=[says("# Plan", **SLOW)]))
    asking = asyncio.create_task(
        client.chat.completions.create(model="cfx-flow", messages=MESSAGES, stream=streamed)  # type: ignore[call-overload]
    )
    await asyncio.to_thread(provider.wait_for_calls, 1, PLAN)
    if streamed:
        await (await asking).close()
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    (flow,) = (await house.client.get("/v1/flows")).json()["data"]
    ended = await house.until(flow["id"], lambda flow: flow["completed_at"] is not None, timeout_s=30)
    assert (ended["status"], ended["reason"]) == ("cancelled", "user")
    await asyncio.to_thread(provider.wait_for_disconnect)


async def test_a_server_that_stops_says_where_the_flow_goes_on(
    served: tuple[House, openai.AsyncOpenAI], provider: Provider
) -> None:
    house, client = served
    provider.script(*loop([says(GOOD_DIFF)], plan=[says("# Plan", first_byte_delay_s=0.5)]))
    stream = await client.chat.completions.create(
        model="cfx-flow",
        messages=MESSAGES,  # type: ignore[arg-type]
        stream=True,
        extra_body={"cfx": {"workspace": {"files": FILES}}},
    )
    await asyncio.to_thread(provider.wait_for_calls, 1, PLAN)
    await house.services.dispatcher.close()
    with pytest.raises(openai.APIError, match="goes on: GET /v1/flows/"):
        async for _ in stream:
            pass
    (flow,) = (await house.client.get("/v1/flows")).json()["data"]
    assert flow["status"] == "in_progress"
