"""aider and llm: what people who type them see, and what they get."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.conftest import LEFT_WITHIN_S, Visit, Visits
from tests.clients.script import ADVICE, COMMIT, EDITED, HELLO, OVERFLOW, PATHS


@pytest.fixture
def aider(visits: Visits) -> Visit:
    return visits("aider")


@pytest.fixture
def llm(visits: Visits) -> Visit:
    return visits("llm")


@pytest.mark.parametrize("scene", ["edit", "architect", "auto"])
def test_aider_edits_the_file_and_commits_it(aider: Visit, scene: str) -> None:
    """Streamed in the diff format; architect and editor; whole files with cfx-auto, not streamed."""
    seen = aider.scene(scene)
    assert seen["file"] == EDITED, seen["text"]
    assert seen["log"] == [COMMIT, "First"]


def test_aider_s_architect_plans_and_its_editor_codes(aider: Visit) -> None:
    (planned,) = [call["body"] for call in aider.calls_of("architect")]
    assert planned["model"] == "claude-sonnet-4-5"
    edited = [call["body"] for call in aider.calls if last_text(call).startswith(ADVICE)]
    assert [body["model"] for body in edited] == ["deepseek-v3"]


def last_text(call: dict[str, Any]) -> str:
    return str(call["body"]["messages"][-1]["content"])


def test_aider_with_cfx_auto_is_led_to_the_stage_for_code(aider: Visit) -> None:
    assert aider.calls_of("auto")[0]["body"]["model"] == "deepseek-v3"


def test_aider_says_that_the_context_is_full_and_does_not_ask_again(aider: Visit) -> None:
    said = aider.scene("too_long")["text"]
    assert "has hit a token limit" in said
    assert "Retrying" not in said
    assert len(aider.calls_of("too long")) == 1


def test_aider_shows_what_is_wrong_with_the_key_and_does_not_ask_again(aider: Visit) -> None:
    said = " ".join(aider.scene("wrong_key")["text"].split())
    assert "is not a complete CF-X key" in said
    assert "Retrying" not in said
    assert aider.requests()[401, "invalid_api_key"] == 1


@pytest.mark.parametrize("name", ["aider", "llm"])
def test_ctrl_c_ends_the_call_at_the_provider(visits: Visits, name: str) -> None:
    visit = visits(name)
    (call,) = visit.calls_of("slow")
    seen = visit.scene("left_mid_stream")
    assert call["disconnected_at"] is not None
    assert call["disconnected_at"] - seen["at"] < LEFT_WITHIN_S
    assert visit.requests()[200, "client_gone"] == 1


@pytest.mark.parametrize("scene", ["hello_whole", "hello_streamed"])
def test_llm_prints_the_reply_and_counts_its_tokens(llm: Visit, scene: str) -> None:
    seen = llm.scene(scene)
    assert (seen["text"], seen["code"]) == (HELLO, 0)
    assert "100 input, 9 output" in seen["said"]
    assert bool(llm.calls_of("hello")[scene == "hello_streamed"]["body"].get("stream")) is (
        scene == "hello_streamed"
    )


@pytest.mark.parametrize(
    ("scene", "text"),
    [
        ("staged", "Reviewed."),
        ("tools_answered", "Both are read."),
        ("picture", "One red pixel."),
        ("flaky", "At last."),
    ],
)
def test_llm_gets_its_answer(llm: Visit, scene: str, text: str) -> None:
    """By the stage of a header, after running both tools itself, about a picture, after a failure."""
    seen = llm.scene(scene)
    assert (seen["text"], seen["code"]) == (text, 0), seen["said"]


def test_llm_s_requests_reach_the_right_models(llm: Visit) -> None:
    assert [call["body"]["model"] for call in llm.calls_of("staged")] == ["gpt-4o-mini"]
    roles = [message["role"] for message in llm.calls_of("answered")[0]["body"]["messages"]]
    assert roles == ["user", "assistant", *["tool"] * len(PATHS)]
    assert "data:image/png;base64," in last_text(llm.calls_of("picture")[0])


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        ("too_long", OVERFLOW.rstrip(".")),
        ("unknown_model", "Use one of: cfx-plan, cfx-code"),
        ("wrong_key", "is not a complete CF-X key"),
        ("spent", "Your daily limit of 1 requests is used up"),
        ("torn", "failed"),
    ],
)
def test_llm_shows_our_words(llm: Visit, scene: str, words: str) -> None:
    seen = llm.scene(scene)
    assert seen["code"] == 1
    assert words in seen["said"]


def test_llm_asks_once_for_what_cannot_succeed(llm: Visit) -> None:
    requests = llm.requests()
    refusals = ((401, "invalid_api_key"), (404, "model_not_found"), (429, "rate_limit_exceeded"))
    assert [requests[refusal] for refusal in refusals] == [1, 1, 1]


def test_llm_lists_the_models(llm: Visit) -> None:
    ids = llm.scene("models")["text"].split()
    assert {"cfx-plan", "cfx-code", "cfx-review", "cfx-auto"} <= set(ids)
