"""The scripted provider is a double that others rely on: it must be OpenAI to the letter."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import openai
import pytest

from cli.demo.script import NO_RULE, Script
from tests.support.loopback import loopback_client
from tests.support.provider import Provider

ASK = {"model": "deepseek-v3", "messages": [{"role": "user", "content": "Fix the bug"}]}


@pytest.fixture
def client(provider: Provider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=provider.url, api_key="none", max_retries=0) as client:
        yield client


def post(provider: Provider, **fields: object) -> httpx.Response:
    with loopback_client(timeout=10) as client:
        return client.post(f"{provider.url}/chat/completions", json={**ASK, **fields})


def test_plain_reply_is_read_by_the_openai_sdk(provider: Provider, client: openai.OpenAI) -> None:
    provider.reply({"content": "hello"})
    answer = client.chat.completions.create(**ASK)
    assert answer.choices[0].message.content == "hello"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 3
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_stream_starts_with_the_role_and_ends_with_usage_when_asked(
    provider: Provider, client: openai.OpenAI
) -> None:
    provider.reply({"content": "one two three four five"})
    chunks = list(client.chat.completions.create(**ASK, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks[:-1]) == "one two three four five"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert len({chunk.id for chunk in chunks}) == 1


def test_stream_without_the_option_shows_no_usage(provider: Provider) -> None:
    provider.reply({"content": "one"})
    lines = post(provider, stream=True).text.split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    assert all("usage" not in json.loads(line.removeprefix("data: ")) for line in lines[:-2])


def test_tool_call_is_streamed_in_pieces_and_only_the_first_carries_its_id(provider: Provider) -> None:
    arguments = {"path": "a.py", "text": "x" * 400}
    provider.reply({"tool_calls": [{"name": "write_file", "arguments": arguments}]})
    frames = post(provider, stream=True).text.strip().split("\n\n")[:-1]
    choices = [json.loads(frame.removeprefix("data: "))["choices"][0] for frame in frames]
    pieces = [call for choice in choices for call in choice["delta"].get("tool_calls", [])]
    assert "id" in pieces[0]
    assert len(pieces) > 3
    assert all("id" not in piece for piece in pieces[1:])
    assert json.loads("".join(piece["function"]["arguments"] for piece in pieces)) == arguments
    assert choices[-1]["finish_reason"] == "tool_calls"


def test_replies_are_used_in_order_and_the_last_one_repeats(provider: Provider) -> None:
    provider.reply({"content": "first"}, {"content": "second"})
    said = [post(provider).json()["choices"][0]["message"]["content"] for _ in range(3)]
    assert said == ["first", "second", "second"]


def test_stateless_rule_always_gives_its_first_reply(provider: Provider) -> None:
    provider.reply({"content": "first"}, {"content": "second"}, stateless=True)
    assert [post(provider).json()["choices"][0]["message"]["content"] for _ in range(2)] == ["first"] * 2


def test_first_rule_whose_conditions_all_hold_answers() -> None:
    rules = [
        {"model": "claude", "replies": [{"content": "plan"}]},
        {"model": "deepseek", "contains": "refused", "replies": [{"content": "again"}]},
        {"model": "deepseek", "last_contains": "Fix", "replies": [{"content": "code"}]},
    ]
    script = Script.from_json(json.dumps(rules))
    assert script.answer(ASK).reply.content == "code"
    refused = {**ASK, "messages": [{"role": "user", "content": [{"type": "text", "text": "refused: …"}]}]}
    assert script.answer(refused).rule == 1
    assert script.answer({**ASK, "model": "gpt"}).reply.content == NO_RULE


def test_request_without_a_rule_is_told_that_no_model_is_behind(provider: Provider) -> None:
    assert "no model is behind it" in post(provider).json()["choices"][0]["message"]["content"]


def test_error_reply_has_the_shape_of_openai(provider: Provider, client: openai.OpenAI) -> None:
    provider.reply({"status": 429, "headers": {"Retry-After": "7"}}, {"status": 400, "body": {"error": {}}})
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(**ASK)
    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.response.headers["retry-after"] == "7"
    assert post(provider).json() == {"error": {}}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("after", [0, 1])
def test_dropped_connection_breaks_the_answer(provider: Provider, after: int, stream: bool) -> None:
    provider.reply({"content": "some words", "drop_after_chunks": after})
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        post(provider, stream=stream)


def test_raw_reply_is_sent_byte_for_byte(provider: Provider) -> None:
    provider.reply({"raw": ["<html>", "\xff\xfe"], "encoding": "latin-1", "status": 502})
    answer = post(provider, stream=True)
    assert answer.status_code == 502
    assert answer.content == b"<html>\xff\xfe"


def test_stream_may_end_without_a_finish_reason_and_without_done(provider: Provider) -> None:
    provider.reply({"content": "half a", "finish_reason": None, "done": False})
    text = post(provider, stream=True).text
    assert "half" in text
    assert "[DONE]" not in text
    assert '"finish_reason":"stop"' not in text


def test_client_that_leaves_is_noted_before_and_after_the_first_byte(provider: Provider) -> None:
    for slow in ({"delay_s": 30}, {"chunk_delay_s": 30}):
        provider.reset()
        provider.reply({"content": "a b c", **slow})
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{provider.url}/chat/completions", json=ASK, timeout=0.3, trust_env=False)
        call = provider.wait_for_disconnect()
        assert call["completed_at"] is None


def test_calls_are_recorded_as_they_came(provider: Provider) -> None:
    httpx.post(f"{provider.url}/chat/completions", content=b"not json", trust_env=False)
    post(provider, temperature=0.5)
    bad, good = provider.calls()
    assert bad["body"] == "not json"
    assert good["path"] == "/v1/chat/completions"
    assert good["body"]["temperature"] == 0.5
    assert good["headers"]["content-type"] == "application/json"


def test_provider_that_was_down_listens_on_the_same_port_again(provider: Provider) -> None:
    url = provider.url
    with provider.down(), pytest.raises(httpx.ConnectError):
        post(provider)
    assert provider.url == url
    assert post(provider).status_code == 200


def test_script_with_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValueError, match="contents"):
        Script.from_json('[{"replies": [{"contents": "typo"}]}]')
