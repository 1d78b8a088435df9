"""One stage per call: the OpenAI SDK and plain HTTP → server → the real LiteLLM → the scripted provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import openai
import pytest

from tests.support.flows import GOOD_DIFF, says
from tests.support.provider import CODE, PLAN, REVIEW, Provider
from tests.support.server import Server
from tests.support.shapes import assert_identified

STAGES = {"plan": "claude-sonnet-4-5", "code": "deepseek-v3", "review": "gpt-4o-mini"}
TASK = [{"role": "user", "content": "Zzz."}]
MODE = "Go on.\n<environment_details>\n# Current Mode\n<slug>{}</slug>\n</environment_details>"


@pytest.fixture
def staged(provider: Provider) -> Provider:
    """Each stage's model says which one it is."""
    provider.script(*({"model": name, "replies": [says(f"I am {name}.")]} for name in (PLAN, CODE, REVIEW)))
    return provider


@pytest.fixture
def sdk(litellm_server: Server) -> Iterator[openai.OpenAI]:
    base_url = f"{litellm_server.url}/v1"
    with openai.OpenAI(base_url=base_url, api_key=litellm_server.key, max_retries=0) as client:
        yield client


def ask(server: Server, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
    return server.client.post("/v1/chat/completions", json={"messages": TASK, **body}, headers=headers)


def frames_of(text: str) -> list[dict[str, Any]]:
    """The JSON of a stream's data frames; comments and the closing [DONE] left out."""
    events = [event.removeprefix("data: ") for event in text.split("\n\n") if event.startswith("data: ")]
    return [json.loads(event) for event in events if event != "[DONE]"]


def content_of(frames: list[dict[str, Any]]) -> str:
    return "".join(c["delta"].get("content") or "" for frame in frames for c in frame["choices"])


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("stream", [False, True])
def test_header_chooses_the_stage(litellm_server: Server, staged: Provider, stage: str, stream: bool) -> None:
    answer = ask(litellm_server, {"X-CFX-Stage": stage}, stream=stream)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-cfx-stage"] == stage
    assert answer.headers["x-cfx-stage-source"] == "header"
    assert answer.headers["x-cfx-model-used"] == STAGES[stage]
    assert_identified(answer)
    assert [call["body"]["model"] for call in staged.calls()] == [STAGES[stage]]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("stream", [False, True])
def test_model_id_chooses_the_stage(sdk: openai.OpenAI, staged: Provider, stage: str, stream: bool) -> None:
    answer: Any = sdk.chat.completions.with_raw_response.create(
        model=f"cfx-{stage}", messages=TASK, stream=stream
    )
    assert answer.headers["x-cfx-stage"] == stage
    assert answer.headers["x-cfx-stage-source"] == "model"
    parsed = answer.parse()
    if stream:
        text = "".join(c.choices[0].delta.content or "" for c in parsed if c.choices)
    else:
        text = parsed.choices[0].message.content
    assert text.startswith("I am ")
    assert staged.calls()[0]["body"]["model"] == STAGES[stage]


@pytest.mark.parametrize(
    ("mode", "stage"), [("architect", "plan"), ("ask", "plan"), ("code", "code"), ("debug", "code")]
)
def test_mode_of_the_editor_chooses_the_stage(
    litellm_server: Server, staged: Provider, mode: str, stage: str
) -> None:
    messages = [
        {"role": "system", "content": "You are Roo."},
        {"role": "user", "content": MODE.format("ask" if stage == "code" else "code")},
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": MODE.format(mode)},
    ]
    answer = ask(litellm_server, model="cfx-auto", messages=messages)
    assert (answer.headers["x-cfx-stage"], answer.headers["x-cfx-stage-source"]) == (stage, "content")


def test_diff_in_the_last_turn_goes_to_review(litellm_server: Server, staged: Provider) -> None:
    messages = [{"role": "user", "content": f"Look at this:\n```diff\n{GOOD_DIFF}```"}]
    answer = ask(litellm_server, messages=messages)
    assert (answer.headers["x-cfx-stage"], answer.headers["x-cfx-stage-source"]) == ("review", "content")


def test_unclear_request_goes_to_plan(litellm_server: Server, staged: Provider) -> None:
    answer = ask(litellm_server)
    assert (answer.headers["x-cfx-stage"], answer.headers["x-cfx-stage-source"]) == ("plan", "default")


def test_whitelisted_model_is_called_directly_with_its_tokens_clamped(
    litellm_server: Server, staged: Provider
) -> None:
    answer = ask(litellm_server, model="deepseek-v3", max_tokens=10_000_000)
    assert answer.headers["x-cfx-stage"] == "direct"
    assert 0 < staged.calls()[0]["body"]["max_tokens"] <= 8192


def test_answer_names_the_user_s_limit_and_its_next_midnight(
    litellm_server: Server, staged: Provider
) -> None:
    headers = [ask(litellm_server).headers for _ in range(2)]
    remaining = [int(one["x-ratelimit-remaining"]) for one in headers]
    assert remaining[0] - remaining[1] == 1
    assert int(headers[0]["x-ratelimit-limit"]) == 1_000_000
    reset_at = datetime.fromisoformat(headers[0]["x-ratelimit-reset"])
    assert reset_at > datetime.now(UTC)
    assert (reset_at.hour, reset_at.minute) == (0, 0)


def test_both_paths_lead_to_chat(litellm_server: Server, staged: Provider) -> None:
    for path in ("/chat/completions", "/v1//chat/completions", "//v1/chat/completions"):
        answer = litellm_server.client.post(f"{litellm_server.url}{path}", json={"messages": TASK})
        assert answer.status_code == 200, (path, answer.text)


def test_stage_prompt_is_added_only_for_a_caller_without_one(
    litellm_server: Server, staged: Provider
) -> None:
    ask(litellm_server, model="cfx-plan")
    ask(litellm_server, model="cfx-plan", messages=[{"role": "system", "content": "Mine."}, *TASK])
    ask(litellm_server, {"X-CFX-Prompt": "none"}, model="cfx-plan")
    roles = [[message["role"] for message in call["body"]["messages"]] for call in staged.calls()]
    assert roles == [["system", "user"], ["system", "user"], ["user"]]
    assert staged.calls()[1]["body"]["messages"][0]["content"] == "Mine."


@pytest.mark.parametrize("stream", [False, True])
def test_code_reply_is_checked_for_form(litellm_server: Server, provider: Provider, stream: bool) -> None:
    provider.reply(says(f"Here you are:\n```diff\n{GOOD_DIFF}```\n"))
    answer = ask(litellm_server, model="cfx-code", stream=stream)
    if stream:
        frames = frames_of(answer.text)
        cfx = next(frame["cfx"] for frame in frames if "cfx" in frame)
    else:
        cfx = answer.json()["cfx"]
    assert cfx["stage"] == "code"
    assert cfx["diff"]["checked"] == "form"
    assert cfx["diff"]["status"] in {"valid", "repaired"}


def test_unsafe_diff_on_chat_is_marked_refused(litellm_server: Server, provider: Provider) -> None:
    provider.reply(says(GOOD_DIFF.replace("greet.py", "../../etc/passwd")))
    cfx = ask(litellm_server, model="cfx-code").json()["cfx"]
    assert cfx["diff"]["status"] == "refused"


@pytest.mark.parametrize("asked", [False, True])
def test_stream_ends_in_done_and_shows_usage_only_when_asked(
    litellm_server: Server, staged: Provider, asked: bool
) -> None:
    options = {"stream_options": {"include_usage": True}} if asked else {}
    answer = ask(litellm_server, model="cfx-plan", stream=True, **options)
    frames = frames_of(answer.text)
    assert answer.text.endswith("data: [DONE]\n\n")
    assert content_of(frames) == "I am claude."
    assert any(frame.get("usage") for frame in frames) is asked
    if asked:
        last = next(frame for frame in reversed(frames) if frame.get("usage"))
        assert last["choices"] == []
        assert last["usage"]["total_tokens"] > 0
    assert staged.calls()[0]["body"]["stream_options"]["include_usage"] is True


@pytest.mark.parametrize("stream", [False, True])
def test_tool_calls_reach_the_sdk_whole(sdk: openai.OpenAI, provider: Provider, stream: bool) -> None:
    arguments = {"path": "a.py", "content": "x = 1\n" * 100}
    provider.reply({"tool_calls": [{"name": "write_file", "arguments": arguments}]})
    tool = {"type": "function", "function": {"name": "write_file", "parameters": {"type": "object"}}}
    with_tools: dict[str, Any] = {"model": "cfx-code", "messages": TASK, "tools": [tool]}
    if stream:
        with sdk.chat.completions.stream(**with_tools) as events:
            for _ in events:
                pass
            choice: Any = events.get_final_completion().choices[0]
    else:
        choice = sdk.chat.completions.create(**with_tools).choices[0]
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls
    assert call.id
    assert json.loads(call.function.arguments) == arguments


def test_unknown_fields_and_the_caller_s_sampling_are_passed_on(
    litellm_server: Server, staged: Provider
) -> None:
    ask(litellm_server, model="cfx-code", temperature=0.77, seed=5)
    body = staged.calls()[0]["body"]
    assert (body["temperature"], body["seed"]) == (0.77, 5)


def test_caller_s_key_never_reaches_the_upstream(litellm_server: Server, staged: Provider) -> None:
    ask(litellm_server)
    assert litellm_server.key not in json.dumps(staged.calls())


def test_models_are_listed_for_editors(sdk: openai.OpenAI, litellm_server: Server) -> None:
    names = {model.id for model in sdk.models.list()}
    assert {"cfx-plan", "cfx-code", "cfx-review", "cfx-auto", *STAGES.values()} <= names
    assert not any(part in name for name in names for part in ("o1", "o3", "o4"))
    assert litellm_server.client.get("/models").json() == litellm_server.client.get("/v1/models").json()


def test_model_info_shows_real_windows_and_prices(litellm_server: Server) -> None:
    rows = litellm_server.client.get("/v1/model/info").json()["data"]
    by_name = {row["model_name"]: row["model_info"] for row in rows}
    assert by_name["cfx-code"]["max_input_tokens"] == by_name["deepseek-v3"]["max_input_tokens"]
    assert 0 < by_name["deepseek-v3"]["input_cost_per_token"] < 1e-5


def test_long_unicode_reply_arrives_unchanged(litellm_server: Server, provider: Provider) -> None:
    text = "größe 名前 🦊 \u2028 line\r\n" * 2000
    provider.reply(says(text, chunk_chars=97))
    answer = ask(litellm_server, model="cfx-plan", stream=True)
    assert content_of(frames_of(answer.content.decode())) == text
