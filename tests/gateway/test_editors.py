"""What Roo Code and its family send to chat, and what they expect back.

**Source**: Roo Code, ``src/api/providers/openai.ts`` and ``base-openai-compatible-provider.ts``.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.gateway.conftest import Gateway
from tests.support.provider import Provider

STAGES = ("plan", "code", "review", "direct")
MARK = {"cache_control": {"type": "ephemeral"}}
SSE = "text/event-stream"


def tool(name: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"path": {"type": "string"}}, "additionalProperties": False}
    function = {"name": name, "description": "x" * 1500, "strict": True, "parameters": schema}
    return {"type": "function", "function": function}


MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": [{"type": "text", "text": "You are Roo.", **MARK}]},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "<task>\nLook at this\n</task>"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
            {"type": "text", "text": "<environment_details>\n</environment_details>", **MARK},
        ],
    },
    {
        "role": "assistant",
        "content": "",
        "reasoning_content": "Let me read both.",
        "tool_calls": [
            {"id": f"call_{n}", "type": "function", "function": {"name": "read_file", "arguments": "{}"}}
            for n in (1, 2)
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "x = 1"},
    {"role": "tool", "tool_call_id": "call_2", "content": "y = 2"},
]
ROO: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "temperature": 0,
    "messages": MESSAGES,
    "stream": True,
    "stream_options": {"include_usage": True},
    "tools": [tool(f"tool_{n}") for n in range(21)],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "max_completion_tokens": -1,
}
CALLS = [
    {"name": "read_file", "arguments": {"path": "a.py"}},
    {"name": "read_file", "arguments": {"path": "b.py"}},
]


@pytest.mark.parametrize("stage", STAGES)
async def test_a_native_tools_request_goes_up_as_it_came_in_every_stage(
    gateway: Gateway, provider: Provider, stage: str
) -> None:
    await gateway.chat({"X-CFX-Stage": stage}, **ROO)
    (call,) = provider.calls()
    untouched = ("messages", "tools", "tool_choice", "parallel_tool_calls", "temperature", "stream_options")
    assert {name: call["body"][name] for name in untouched} == {name: ROO[name] for name in untouched}
    assert "max_completion_tokens" not in call["body"]


@pytest.mark.parametrize("stage", STAGES)
async def test_parallel_calls_come_down_in_every_stage(
    gateway: Gateway, provider: Provider, stage: str
) -> None:
    provider.reply({"tool_calls": CALLS, "chunk_chars": 4})
    streamed = await gateway.stream({"X-CFX-Stage": stage}, **ROO)
    found: dict[int, dict[str, str]] = {}
    for delta in [choice["delta"] for frame in streamed.frames for choice in frame["choices"]]:
        for piece in delta.get("tool_calls") or ():
            call = found.setdefault(piece["index"], {"id": piece.get("id", ""), "arguments": ""})
            call["arguments"] += piece["function"].get("arguments") or ""
    assert [json.loads(call["arguments"]) for call in found.values()] == [c["arguments"] for c in CALLS]
    assert len({call["id"] for call in found.values()} - {""}) == 2
    reasons = [choice.get("finish_reason") for frame in streamed.frames for choice in frame["choices"]]
    assert reasons[-1] == "tool_calls"
    assert streamed.is_done


def chunk(delta: dict[str, Any], finish: str | None = None, **extra: Any) -> str:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    body = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}
    return f"data: {json.dumps(body | extra)}\n\n"


async def test_a_call_whose_provider_gives_no_id_gets_one_with_its_first_chunk(
    gateway: Gateway, provider: Provider
) -> None:
    first = {"tool_calls": [{"index": 0, "function": {"name": "read_file", "arguments": ""}}]}
    later = {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}
    provider.reply({"raw": [chunk(first), chunk(later), chunk({}, "tool_calls")], "content_type": SSE})
    streamed = await gateway.stream(**ROO)
    pieces = [f["choices"][0]["delta"]["tool_calls"][0] for f in streamed.frames[:2]]
    assert pieces[0]["id"].startswith("call_")
    assert pieces[0]["type"] == "function"
    assert not pieces[1].get("id")


async def test_reasoning_is_relayed(gateway: Gateway, provider: Provider) -> None:
    provider.reply(
        {
            "raw": [
                chunk({"reasoning_content": "Hm, "}),
                chunk({"reasoning_content": "so."}),
                chunk({"content": "4"}, "stop"),
            ],
            "content_type": SSE,
        }
    )
    streamed = await gateway.stream(**ROO)
    deltas = [choice["delta"] for frame in streamed.frames for choice in frame["choices"]]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "Hm, so."
    assert streamed.text == "4"


async def test_reasoning_of_a_whole_reply_is_relayed(gateway: Gateway, provider: Provider) -> None:
    message = {"role": "assistant", "content": "4", "reasoning_content": "Hm, so."}
    body = {"id": "c1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    provider.reply({"raw": json.dumps(body), "content_type": "application/json"})
    answer = await gateway.chat(**(ROO | {"stream": False, "stream_options": None}))
    assert answer.json()["choices"][0]["message"] == message


REPORTS = [
    {"prompt_tokens_details": {"cached_tokens": 300, "cache_creation_tokens": 50}},
    {"cache_read_input_tokens": 300, "cache_creation_input_tokens": 50},
    {"prompt_cache_hit_tokens": 300, "prompt_tokens_details": {"cache_creation_tokens": 50}},
]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("report", REPORTS, ids=["OpenAI's", "Anthropic's", "DeepSeek's"])
async def test_cache_tokens_are_told_nested_and_at_top_level(
    gateway: Gateway, provider: Provider, report: dict[str, Any], streamed: bool
) -> None:
    provider.reply({"content": "Hi", "usage": {"prompt_tokens": 1000, "completion_tokens": 5, **report}})
    if streamed:
        last = (await gateway.stream(**ROO)).frames[-1]
        assert last["choices"] == []
        usage = last["usage"]
    else:
        usage = (await gateway.chat(model="gpt-4o-mini")).json()["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (1000, 5)
    assert usage["prompt_tokens_details"]["cached_tokens"] == usage["cache_read_input_tokens"] == 300
    assert usage["cache_creation_input_tokens"] == 50


async def test_a_history_of_several_megabytes_with_images_goes_through(
    gateway: Gateway, provider: Provider
) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 3_000_000}}
    long = [*MESSAGES, {"role": "user", "content": [{"type": "text", "text": "ü" * 1_000_000}, image]}]
    assert (await gateway.stream(**(ROO | {"messages": long}))).is_done
    assert provider.calls()[0]["body"]["messages"] == long


@pytest.mark.parametrize("name", ["max_completion_tokens", "max_tokens"])
@pytest.mark.parametrize("streamed", [False, True])
async def test_an_unlimited_wish_is_no_mistake(
    gateway: Gateway, provider: Provider, name: str, streamed: bool
) -> None:
    answer = await gateway.chat(model="gpt-4o-mini", stream=streamed, **{name: -1})
    assert answer.status_code == 200
    assert name not in provider.calls()[0]["body"] or provider.calls()[0]["body"][name] > 0


async def test_an_error_is_one_sentence_that_an_editor_can_show(gateway: Gateway, provider: Provider) -> None:
    provider.reply({"status": 401})
    answer = await gateway.chat(**ROO)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (503, "upstream_auth")
    assert answer.headers["x-should-retry"] == "false"
    assert "ask the operator" in error["message"]


async def test_quota_errors_forbid_sdks_to_send_at_once_again(gateway: Gateway, provider: Provider) -> None:
    """OpenAI's SDKs ignore a Retry-After of 60 s and more, and send again after half a second."""
    text = "You exceeded your current quota. Maximum context length was not the problem."
    error = {"message": text, "type": "insufficient_quota", "code": "insufficient_quota"}
    provider.reply({"status": 429, "body": {"error": error}, "headers": {"Retry-After": "3600"}})
    answer = await gateway.chat(**ROO)
    assert answer.status_code == 429
    assert (answer.headers["retry-after"], answer.headers["x-should-retry"]) == ("3600", "false")
    assert "context" not in answer.json()["error"]["message"].lower()
    provider.reply({"status": 429, "headers": {"Retry-After": "2"}})
    answer = await gateway.chat(**ROO)
    assert answer.headers["retry-after"] == "2"
    assert "x-should-retry" not in answer.headers
