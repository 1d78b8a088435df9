"""Chat completions over a real socket, with the scripted provider as the upstream."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from tests.gateway.conftest import Gateway, OpenGateway
from tests.support.provider import Provider

pytestmark = pytest.mark.quick  # the way of a call, once through

DIFF = "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n"
TOOL = {"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100}


async def test_a_whole_reply_says_what_happened(gateway: Gateway, provider: Provider) -> None:
    provider.reply({"content": "# Plan", "usage": USAGE})
    answer = await gateway.chat({"X-CFX-Session-Id": "s1"}, model="cfx-plan")
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["content"] == "# Plan"
    headers = answer.headers
    assert (headers["x-cfx-stage"], headers["x-cfx-stage-source"]) == ("plan", "model")
    assert headers["x-cfx-model-used"] == "claude-sonnet-4-5"
    assert headers["x-cfx-request-id"] == headers["x-request-id"]
    assert (headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]) == ("1000", "999")
    (row,) = await gateway.rows(1)
    assert (row["status"], row["stage"], row["model"]) == ("success", "plan", "claude-sonnet-4-5")
    assert (row["input_tokens"], row["output_tokens"], row["total_tokens"]) == (1000, 100, 1100)
    assert (row["cost_usd"], row["estimated"]) == (Decimal("0.0045"), False)
    assert (row["session_id"], row["request_id"]) == ("s1", headers["x-request-id"])
    assert row["latency_ms"] >= row["ttft_ms"] >= 0


@pytest.mark.parametrize(
    ("headers", "body", "stage", "source"),
    [
        ({"X-CFX-Stage": "review"}, {"model": "gpt-whatever"}, "review", "header"),
        ({}, {"model": "cfx-code"}, "code", "model"),
        ({}, {"model": "gpt-4o-mini"}, "direct", "model"),
        ({}, {"messages": [{"role": "user", "content": "Fix the bug in x.py"}]}, "code", "content"),
        ({}, {"messages": [{"role": "user", "content": "hm"}]}, "plan", "default"),
    ],
)
async def test_the_stage_is_chosen_and_named(
    gateway: Gateway, headers: dict[str, str], body: dict[str, Any], stage: str, source: str
) -> None:
    answer = await gateway.chat(headers, **body)
    assert answer.status_code == 200
    assert (answer.headers["x-cfx-stage"], answer.headers["x-cfx-stage-source"]) == (stage, source)


async def test_a_stream_is_relayed_to_its_done(gateway: Gateway, provider: Provider) -> None:
    provider.reply({"content": "Hello there", "usage": USAGE, "chunk_chars": 3})
    streamed = await gateway.stream(model="cfx-plan")
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert streamed.headers["x-cfx-model-used"] == "claude-sonnet-4-5"
    assert streamed.text == "Hello there"
    assert streamed.is_done
    assert not any(frame.get("usage") for frame in streamed.frames)
    (row,) = await gateway.rows(1)
    assert (row["status"], row["input_tokens"], row["output_tokens"]) == ("success", 1000, 100)
    assert row["ttft_ms"] is not None


async def test_usage_is_the_last_chunk_for_a_caller_who_asked(gateway: Gateway, provider: Provider) -> None:
    provider.reply({"content": "Hi", "usage": USAGE | {"prompt_tokens_details": {"cached_tokens": 300}}})
    streamed = await gateway.stream(model="cfx-plan", stream_options={"include_usage": True})
    last = streamed.frames[-1]
    assert last["choices"] == []
    assert last["usage"]["prompt_tokens_details"]["cached_tokens"] == 300
    assert last["usage"]["cache_read_input_tokens"] == 300


async def test_a_code_reply_is_checked_as_a_diff(gateway: Gateway, provider: Provider) -> None:
    provider.reply({"content": f"```diff\n{DIFF}```\n"})
    cfx = (await gateway.chat(model="cfx-code")).json()["cfx"]
    assert (cfx["stage"], cfx["diff"]["status"], cfx["diff"]["checked"]) == ("code", "repaired", "form")


async def test_streamed_the_check_comes_in_one_chunk_before_usage(
    gateway: Gateway, provider: Provider
) -> None:
    provider.reply({"content": DIFF})
    streamed = await gateway.stream(model="cfx-code", stream_options={"include_usage": True})
    *_, cfx, usage = streamed.frames
    assert cfx["choices"] == []
    assert cfx["cfx"]["diff"]["status"] == "valid"
    assert usage["usage"]
    assert streamed.is_done


async def test_a_plan_that_holds_code_is_marked(gateway: Gateway, provider: Provider) -> None:
    provider.reply({"content": DIFF}, {"content": "1. think"})
    assert (await gateway.chat(model="cfx-plan")).json()["cfx"]["plan"]["code_found"] is True
    assert "cfx" not in (await gateway.chat(model="cfx-plan")).json()


async def test_a_caller_with_tools_is_relayed_untouched(gateway: Gateway, provider: Provider) -> None:
    calls = [{"name": "read", "arguments": {"p": "a"}}, {"name": "read", "arguments": {"p": "b"}}]
    provider.reply({"tool_calls": calls})
    streamed = await gateway.stream(model="cfx-code", tools=[TOOL])
    (call,) = provider.calls()
    assert call["body"]["messages"] == [{"role": "user", "content": "Say hello"}]
    assert call["body"]["tools"] == [TOOL]
    deltas = [choice["delta"] for frame in streamed.frames for choice in frame["choices"]]
    first = [c for delta in deltas for c in delta.get("tool_calls", ()) if "name" in c["function"]]
    assert [c["index"] for c in first] == [0, 1]
    assert all(c["id"] for c in first)
    assert streamed.frames[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert not any("cfx" in frame for frame in streamed.frames)


async def test_the_callers_key_is_never_sent_up(gateway: Gateway, provider: Provider) -> None:
    await gateway.chat({"X-Secret": "of the caller", "Cookie": "a=b"})
    (call,) = provider.calls()
    assert call["headers"]["authorization"] == "Bearer sk-of-the-upstream"
    assert gateway.key not in str(call)
    assert not {"x-secret", "cookie"} & call["headers"].keys()


async def test_a_body_of_several_megabytes_goes_through(gateway: Gateway, provider: Provider) -> None:
    text = "ü" * 2_000_000
    answer = await gateway.chat(model="cfx-review", messages=[{"role": "user", "content": text}])
    assert answer.status_code == 200
    assert provider.calls()[0]["body"]["messages"][-1]["content"] == text


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"messages": []}, 400, "invalid_request", "messages"),
        ({"model": 5}, 400, "invalid_request", "model"),
        ({"model": "gpt-nonexistent"}, 404, "model_not_found", "model"),
        ({"fallbacks": ["gpt-4.1"]}, 400, "invalid_request", "fallbacks"),
    ],
)
async def test_a_refusal_is_openais_error_and_costs_nothing(  # noqa: PLR0917
    gateway: Gateway, provider: Provider, body: dict[str, Any], status: int, code: str, param: str
) -> None:
    answer = await gateway.chat(**body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert set(error) == {"message", "type", "param", "code"}
    assert answer.headers["x-ratelimit-remaining"] == "1000"
    assert provider.calls() == []
    (row,) = await gateway.rows(1)
    assert (row["status"], row["error_message"]) == ("error", error["message"])


async def test_an_unknown_stage_in_the_header_is_refused(gateway: Gateway) -> None:
    answer = await gateway.chat({"X-CFX-Stage": "ship"})
    assert answer.status_code == 400
    assert "plan, code, review, direct" in answer.json()["error"]["message"]


async def test_a_direct_model_off_the_whitelist_is_forbidden(gateway: Gateway) -> None:
    answer = await gateway.chat({"X-CFX-Stage": "direct"}, model="gpt-secret")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "permission_denied")
    assert answer.headers["x-should-retry"] == "false"


async def test_only_post_is_taken(gateway: Gateway) -> None:
    answer = await gateway.client.get("/v1/chat/completions")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["error"]["code"] == "method_not_allowed"


async def test_a_used_up_day_refuses_without_asking_the_upstream(
    open_gateway: OpenGateway, provider: Provider
) -> None:
    async with open_gateway(CFX_DAILY_LIMIT="2") as gateway:
        answers = await asyncio.gather(*[gateway.chat() for _ in range(6)])
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(refused) == 4
        assert refused[0].json()["error"]["code"] == "rate_limit_exceeded"
        assert int(refused[0].headers["retry-after"]) > 0
        assert refused[0].headers["x-should-retry"] == "false"
        assert refused[0].headers["x-ratelimit-remaining"] == "0"
        assert len(provider.calls()) == 2
        rows = await gateway.rows(6)
        assert sorted(row["status"] for row in rows) == ["rate_limited"] * 4 + ["success"] * 2


@pytest.mark.e2e
async def test_many_at_once_each_get_their_own_answer(gateway: Gateway, provider: Provider) -> None:
    provider.script(
        *[{"last_contains": f"<{n}>", "replies": [{"content": f"answer {n}"}]} for n in range(40)]
    )
    streams = [gateway.stream(messages=[{"role": "user", "content": f"<{n}>"}]) for n in range(40)]
    assert [s.text for s in await asyncio.gather(*streams)] == [f"answer {n}" for n in range(40)]


@pytest.mark.e2e
async def test_connections_to_the_upstream_are_used_again(gateway: Gateway) -> None:
    for _ in range(10):
        assert (await gateway.chat()).status_code == 200
        assert (await gateway.stream()).is_done
    connector = gateway.services.upstream._connector
    assert connector is not None
    assert sum(len(idle) for idle in connector._conns.values()) <= 2
