"""Providers that are down, slow, torn or talk rubbish, straight and behind the real LiteLLM.

``straight`` and ``behind_litellm`` heal after each test: trouble trips breakers.
"""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

import httpx
import openai
import pytest

from cli.demo.wire import sse
from tests.support.flows import says
from tests.support.provider import PLAN, Provider
from tests.support.server import Server
from tests.support.shapes import HTML, assert_clean, error_of

HELLO = [{"role": "user", "content": "Hello"}]
MISPLACED = {
    "an HTML page": {"raw": HTML},
    "an HTML page with 502": {"raw": HTML, "status": 502},
    "a JSON list": {"raw": "[]", "content_type": "application/json"},
    "JSON of another service": {"raw": '{"ok": true}', "content_type": "application/json"},
    "an empty body": {"raw": "", "content_type": "application/json"},
    "half a JSON document": {"raw": '{"id": "chatcmpl-1", "choices": [', "content_type": "application/json"},
    "bytes": {
        "raw": "\x00\xff\xfe\x80" * 50,
        "encoding": "latin-1",
        "content_type": "application/octet-stream",
    },
    "no choices": {"raw": '{"id": "x", "choices": []}', "content_type": "application/json"},
}
SSE = "text/event-stream"
FIRST = sse(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Half"}, "finish_reason": None}],
    }
).decode()
SLOWLY = {"chunk_delay_s": 0.2}
"""so that the good beginning is on its way before the break: until then another target may answer"""
TORN = {
    "a torn connection": {"content": "Half a sentence", "chunk_chars": 4, "drop_after_chunks": 3},
    "no finish reason": {"content": "Half", "finish_reason": None},
    "no finish reason and no end": {"content": "Half", "finish_reason": None, "done": False},
    "an error frame": {
        "raw": [FIRST, 'data: {"error": {"message": "GPU on fire"}}\n\n'],
        "content_type": SSE,
    },
    "rubbish after the start": {"raw": [FIRST, "data: {not json\n\n"], "content_type": SSE},
    "half a frame": {"raw": [FIRST, 'data: {"id":"c","choi'], "content_type": SSE},
}


def ask(server: Server, **body: Any) -> httpx.Response:
    return server.client.post("/v1/chat/completions", json={"model": "cfx-plan", "messages": HELLO} | body)


def test_provider_that_is_down_is_503_and_the_next_request_succeeds(
    troubled: Server, provider: Provider
) -> None:
    with provider.down():
        for stream in (False, True):
            answer = ask(troubled, stream=stream)
            assert_clean(error_of(answer, 503)["message"])
    provider.reply(says("Back again."))
    assert ask(troubled).json()["choices"][0]["message"]["content"] == "Back again."


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_failing_target_is_followed_by_the_next_one(
    straight: Server, provider: Provider, status: int
) -> None:
    provider.script({"model": PLAN, "replies": [{"status": status}]}, {"replies": [says("Second target.")]})
    answer = ask(straight)
    assert answer.json()["choices"][0]["message"]["content"] == "Second target."
    assert answer.headers["x-cfx-model-used"] == "gpt-4.1"
    tries = 1 if status == 500 else 2
    assert [call["body"]["model"] for call in provider.calls()] == ["claude-sonnet-4-5"] * tries + ["gpt-4.1"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [502, 503, 504])
def test_litellm_adds_no_attempts_of_its_own(
    behind_litellm: Server, provider: Provider, status: int, stream: bool
) -> None:
    provider.reply({"status": status})
    error_of(ask(behind_litellm, stream=stream), 503)
    models = [call["body"]["model"] for call in provider.calls()]
    assert models == ["claude-sonnet-4-5"] * 2 + ["gpt-4.1"] * 2, "two targets, each tried once more"


@pytest.mark.parametrize("status", [400, 413])
def test_refusal_of_the_request_itself_is_passed_on_and_not_repeated(
    troubled: Server, provider: Provider, status: int
) -> None:
    body = {"error": {"message": "Bad parameter: top_p", "type": "invalid_request_error", "code": None}}
    provider.reply({"status": status, "body": body})
    assert "top_p" in error_of(ask(troubled), status)["message"]
    assert len(provider.calls()) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_unprocessable_request_is_passed_on_too(troubled: Server, provider: Provider, stream: bool) -> None:
    """LiteLLM 1.106 itself asks the same model once more after a 422, and then loses the answer."""
    provider.reply({"status": 422})
    error_of(ask(troubled, stream=stream), 422)
    assert {call["body"]["model"] for call in provider.calls()} == {"claude-sonnet-4-5"}


def test_context_overflow_keeps_the_words_that_editors_look_for(troubled: Server, provider: Provider) -> None:
    text = "This model's maximum context length is 131072 tokens. However, your messages resulted in 150000."
    error = {
        "message": text,
        "type": "invalid_request_error",
        "code": "context_length_exceeded",
        "param": None,
    }
    provider.reply({"status": 400, "body": {"error": error}})
    refused = error_of(ask(troubled), 400)
    assert "maximum context length" in refused["message"]
    assert refused["code"] == "context_length_exceeded"
    assert_clean(refused["message"])


def test_refused_credentials_of_ours_are_not_the_caller_s_401(troubled: Server, provider: Provider) -> None:
    provider.reply({"status": 401})
    error_of(ask(troubled), 503, "upstream_auth")


def test_limited_upstream_is_429_with_retry_after(troubled: Server, provider: Provider) -> None:
    provider.reply({"status": 429, "headers": {"Retry-After": "7"}})
    answer = ask(troubled)
    assert "context" not in error_of(answer, 429)["message"]
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("reply", MISPLACED.values(), ids=MISPLACED)
def test_rubbish_from_the_provider_is_an_upstream_error(
    straight: Server, provider: Provider, reply: dict[str, Any], stream: bool
) -> None:
    provider.reply(reply)
    answer = ask(straight, stream=stream)
    if answer.status_code == 200:
        assert_ends_in_an_error_frame(answer.text)
    else:
        assert_clean(error_of(answer, 503)["message"])


def assert_ends_in_an_error_frame(text: str) -> None:
    """The stream says that it failed: one error frame, in OpenAI's shape, and no [DONE]."""
    assert "[DONE]" not in text
    last = [line for line in text.split("\n\n") if line.startswith("data: ")][-1]
    error = json.loads(last.removeprefix("data: "))["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert_clean(error["message"])


@pytest.mark.parametrize("reply", TORN.values(), ids=TORN)
def test_stream_that_breaks_ends_in_an_error_frame(
    straight: Server, provider: Provider, reply: dict[str, Any]
) -> None:
    provider.reply({**reply, **SLOWLY})
    answer = ask(straight, stream=True)
    assert answer.status_code == 200
    assert "Half" in answer.text
    assert_ends_in_an_error_frame(answer.text)
    assert len(provider.calls()) == 1, "never tried again once bytes went down"


def test_openai_sdk_raises_when_the_provider_tears_the_stream_behind_litellm(
    behind_litellm: Server, provider: Provider
) -> None:
    torn = {"content": "Half a sentence", "chunk_chars": 4, "drop_after_chunks": 3}
    provider.reply({**torn, **SLOWLY})
    with openai.OpenAI(base_url=f"{behind_litellm.url}/v1", api_key=behind_litellm.key, max_retries=0) as sdk:
        stream = sdk.chat.completions.create(model="cfx-plan", messages=HELLO, stream=True)
        with pytest.raises(openai.APIError):
            list(stream)


@pytest.mark.parametrize("stream", [False, True])
def test_silent_provider_is_a_timeout(straight: Server, provider: Provider, stream: bool) -> None:
    provider.reply({"content": "too late", "delay_s": 30})
    error_of(ask(straight, stream=stream), 503, "upstream_timeout")


def test_provider_that_stalls_mid_stream_ends_in_an_error_frame(straight: Server, provider: Provider) -> None:
    provider.reply(says("Half a sentence", chunk_chars=4, chunk_delay_s=30))
    assert_ends_in_an_error_frame(ask(straight, stream=True).text)


def test_slow_but_steady_provider_is_waited_for(straight: Server, provider: Provider) -> None:
    """For longer than it may be silent, in steps that no busy machine makes a silence of."""
    provider.reply(says("slow and steady" * 2, chunk_chars=1, chunk_delay_s=0.1))
    assert ask(straight, stream=True).text.endswith("data: [DONE]\n\n")


def test_endless_line_is_cut_off(straight: Server, provider: Provider) -> None:
    provider.reply({"raw": ["data: " + "x" * 1_000_000] * 40, "content_type": SSE})
    answer = ask(straight, stream=True)
    assert answer.status_code == 503 or "error" in answer.text[-2000:]


LEFT = {
    "before the first byte": ({"content": "never read", "delay_s": 60}, True),
    "in the middle": ({"content": "word " * 1000, "chunk_chars": 5, "chunk_delay_s": 0.05}, True),
    "not streamed": ({"content": "never read", "delay_s": 60}, False),
}


@pytest.mark.parametrize(("reply", "stream"), LEFT.values(), ids=LEFT)
def test_client_that_leaves_frees_the_upstream(
    troubled: Server, provider: Provider, reply: dict[str, Any], stream: bool
) -> None:
    provider.reply(reply)
    body = json.dumps({"model": "cfx-plan", "messages": HELLO, "stream": stream})
    url = httpx.URL(troubled.url)
    connection = http.client.HTTPConnection(url.host, url.port, timeout=10)
    connection.request("POST", "/v1/chat/completions", body, {"Authorization": f"Bearer {troubled.key}"})
    if reply["content"] == "never read":
        provider.wait_for_calls(1)
        time.sleep(0.3)
    else:
        connection.getresponse().read(100)
    connection.close()
    left_at = time.time()
    call = provider.wait_for_disconnect()
    print(f"the provider's call ended {call['disconnected_at'] - left_at:.3f} s after the caller had left")
    assert call["disconnected_at"] - left_at < 2, "0.25 s on a machine that has nothing else to do"
