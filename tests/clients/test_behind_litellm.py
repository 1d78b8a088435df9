"""One contract, every client. Each plays its scenes once (conftest.py); here they are looked at."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.clients import CLIENTS
from tests.clients.conftest import LEFT_WITHIN_S, Visit, Visits
from tests.clients.script import CACHED, HELLO, PATHS, REFUSED, SAID, THOUGHT, WAIT_S
from tests.support.shapes import assert_clean

SLOW_CALLS = 3
SCENES = {
    "hello_whole",
    "hello_streamed",
    "staged",
    "tools_whole",
    "tools_streamed",
    "tools_answered",
    "helper_streamed",
    "thinking_streamed",
    "picture",
    "models",
    "too_long",
    "bad_request",
    "unknown_model",
    "wrong_key",
    "spent",
    "limited",
    "flaky",
    "torn",
    "left_mid_stream",
    "left_before_the_first_byte",
    "down",
}


def players(scene: str) -> Callable[[Any], Any]:
    """Every client that can play it."""
    return pytest.mark.parametrize("name", [name for name, one in CLIENTS.items() if scene not in one.lacks])


def assert_used(usage: dict[str, Any]) -> None:
    assert (usage["input"], usage["output"]) == (100, 9)
    assert usage["cached"] == CACHED
    assert usage.get("cached_at_top", CACHED) == CACHED, "editors look for it at top level"


@players("hello_whole")
def test_reply_arrives_whole_with_its_usage(visits: Visits, name: str) -> None:
    seen = visits(name).scene("hello_whole")
    assert (seen["text"], seen["finish"]) == (HELLO, "stop")
    assert_used(seen["usage"])


@players("hello_streamed")
def test_reply_arrives_in_pieces_with_its_usage_at_the_end(visits: Visits, name: str) -> None:
    seen = visits(name).scene("hello_streamed")
    assert (seen["text"], seen["finish"]) == (HELLO, "stop")
    assert seen["pieces"] > 3, "it was not held back"
    assert_used(seen["usage"])


@players("staged")
def test_header_chooses_the_stage(visits: Visits, name: str) -> None:
    visit = visits(name)
    seen = visit.scene("staged")
    if "stage" in seen:  # not every client shows headers of a reply
        assert seen["stage"] == "review"
        assert seen["stage-source"] == "header"
        assert seen["model-used"] == "gpt-4o-mini"
    assert [call["body"]["model"] for call in visit.calls_of("staged")] == ["gpt-4o-mini"]


def assert_both_called(seen: dict[str, Any]) -> None:
    assert seen["finish"] in {"tool_calls", "tool-calls"}  # the AI SDK has a word of its own
    assert [call["name"] for call in seen["calls"]] == ["read_file"] * 2
    assert [json.loads(call["arguments"]) for call in seen["calls"]] == [{"path": path} for path in PATHS]
    ids = [call["id"] for call in seen["calls"]]
    assert all(ids)
    assert len(set(ids)) == 2


@players("tools_whole")
def test_parallel_tool_calls_arrive_whole(visits: Visits, name: str) -> None:
    assert_both_called(visits(name).scene("tools_whole"))


@players("tools_streamed")
def test_parallel_tool_calls_arrive_streamed_each_with_its_id(visits: Visits, name: str) -> None:
    visit = visits(name)
    assert_both_called(visit.scene("tools_streamed"))
    assert visit.calls_of("tools")[0]["body"]["tools"][0]["function"]["name"] == "read_file"
    assert {call["body"]["model"] for call in visit.calls_of("tools")} == {"deepseek-v3"}


@players("helper_streamed")
def test_sdk_s_own_gathering_of_a_stream_accepts_it(visits: Visits, name: str) -> None:
    seen = visits(name).scene("helper_streamed")
    assert_both_called(seen)
    assert seen["done"] == 2
    assert seen["usage"]["output"] > 0


@players("tools_answered")
def test_results_of_tools_reach_the_model_under_their_ids(visits: Visits, name: str) -> None:
    visit = visits(name)
    assert visit.scene("tools_answered")["text"] == "Both are read."
    messages = visit.calls_of("answered")[0]["body"]["messages"]
    asked = next(message["tool_calls"] for message in messages if message.get("tool_calls"))
    results = [message for message in messages if message["role"] == "tool"]
    assert [result["tool_call_id"] for result in results] == [call["id"] for call in asked]
    assert [json.loads(call["function"]["arguments"])["path"] for call in asked] == list(PATHS)


@players("thinking_streamed")
def test_reasoning_arrives_apart_from_the_reply(visits: Visits, name: str) -> None:
    seen = visits(name).scene("thinking_streamed")
    assert seen["thought"].strip() == THOUGHT
    assert seen["text"] == SAID


@players("picture")
def test_picture_reaches_the_model(visits: Visits, name: str) -> None:
    visit = visits(name)
    assert visit.scene("picture")["text"] == "One red pixel."
    parts = visit.calls_of("picture")[0]["body"]["messages"][-1]["content"]
    (picture,) = [part for part in parts if part["type"] == "image_url"]
    assert picture["image_url"]["url"].startswith("data:image/png;base64,iVBORw0KGgo")


@players("models")
def test_models_are_listed(visits: Visits, name: str) -> None:
    seen = visits(name).scene("models")
    assert {"cfx-plan", "cfx-code", "cfx-review", "cfx-auto", "deepseek-v3"} <= set(seen["ids"])
    assert seen.get("one", "cfx-code") == "cfx-code"


def assert_refused(visit: Visit, scene: str, status: int, code: str | None, *, requests: int = 1) -> str:
    """The client shows our words, and sent the request as often as it should."""
    seen = visit.scene(scene)
    assert seen["status"] == status, seen
    if code is not None:
        assert seen.get("code", code) == code, seen
        assert visit.requests()[status, code] == requests
    if "request_id" in seen:
        assert seen["request_id"], "the number that people quote to the operator"
    message: str = seen["message"]
    assert_clean(message)
    return message


@players("wrong_key")
def test_wrong_key_is_told_and_not_sent_again(visits: Visits, name: str) -> None:
    assert "key" in assert_refused(visits(name), "wrong_key", 401, "invalid_api_key")


@players("spent")
def test_day_that_is_used_up_is_told_and_reaches_no_model(visits: Visits, name: str) -> None:
    visit = visits(name)
    requests = CLIENTS[name].requests_when_spent
    assert "limit" in assert_refused(visit, "spent", 429, "rate_limit_exceeded", requests=requests).lower()
    assert visit.calls_of("spent") == []


@players("unknown_model")
def test_unknown_model_is_told_with_the_usable_ones(visits: Visits, name: str) -> None:
    assert "cfx-code" in assert_refused(visits(name), "unknown_model", 404, "model_not_found")


@players("too_long")
def test_context_that_is_too_long_is_told_in_the_words_that_editors_look_for(
    visits: Visits, name: str
) -> None:
    visit = visits(name)
    message = assert_refused(visit, "too_long", 400, "context_length_exceeded")
    assert "maximum context length is 131072" in message
    assert len(visit.calls_of("too long")) == 1
    if name == "litellm-sdk":
        assert visit.scene("too_long")["kind"] == "ContextWindowExceededError"


@players("bad_request")
def test_refusal_of_the_provider_is_shown_and_not_sent_again(visits: Visits, name: str) -> None:
    visit = visits(name)
    assert REFUSED in assert_refused(visit, "bad_request", 400, None)
    assert len(visit.calls_of("bad request")) == 1


@players("limited")
def test_limited_provider_is_asked_again_after_the_time_it_named(visits: Visits, name: str) -> None:
    visit = visits(name)
    seen = visit.scene("limited")
    assert seen["text"] == "Patience."
    assert seen["waited"] >= WAIT_S
    assert len(visit.calls_of("limited")) == 2


@players("flaky")
def test_failure_that_passes_is_overcome_by_one_more_request(visits: Visits, name: str) -> None:
    """Our retry is used up by the first request; the client's own second one succeeds."""
    visit = visits(name)
    seen = visit.scene("flaky")
    assert seen["text"] == "At last."
    assert seen.get("counted", 1) == 1, "what an SDK sends again is free"
    assert len(visit.calls_of("flaky")) == 3


@players("down")
def test_provider_that_stays_down_is_told_and_nothing_multiplies(visits: Visits, name: str) -> None:
    visit = visits(name)
    message = assert_refused(visit, "down", 503, None)
    assert "again" in message
    requests = visit.requests()[503, "upstream_unavailable"] - 1  # one was `flaky`'s
    assert requests == CLIENTS[name].requests_when_down
    assert len(visit.calls_of("down")) == 2 * requests, "two attempts for each, LiteLLM adds none"


@players("torn")
def test_stream_that_breaks_off_is_an_error_and_not_a_short_reply(visits: Visits, name: str) -> None:
    visit = visits(name)
    seen = visit.scene("torn")
    assert "Half a sent".startswith(seen["text"])
    assert seen["message"], "it ended as if it were whole"
    assert_clean(seen["message"])
    assert len(visit.calls_of("torn")) == 1, "never tried again once bytes went down"


@players("left_mid_stream")
def test_stream_that_is_left_ends_at_the_provider_and_frees_its_slot(visits: Visits, name: str) -> None:
    visit = visits(name)
    seen = visit.scene("left_mid_stream")
    assert seen["texts"] == ["word "] * SLOW_CALLS
    calls = visit.calls_of("slow")
    assert len(calls) == SLOW_CALLS
    assert all(call["disconnected_at"] for call in calls)
    assert calls[-1]["disconnected_at"] - seen["at"] < LEFT_WITHIN_S


@players("left_before_the_first_byte")
def test_call_that_is_left_before_the_first_byte_ends_at_the_provider(visits: Visits, name: str) -> None:
    visit = visits(name)
    (call,) = visit.calls_of("silent")
    assert call["disconnected_at"] - visit.scene("left_before_the_first_byte")["at"] < LEFT_WITHIN_S


@pytest.mark.parametrize("name", CLIENTS)
def test_no_scene_is_forgotten(visits: Visits, name: str) -> None:
    """A scene that a client does not play has its reason in clients.py."""
    assert set(CLIENTS[name].lacks) <= SCENES
    assert SCENES - set(visits(name).scenes) == set(CLIENTS[name].lacks)


ROO_MODES = {
    "architect": ["plan", "content"],
    "ask": ["plan", "content"],
    "orchestrator": ["plan", "content"],
    "code": ["code", "content"],
    "debug": ["code", "content"],
    "my-own-mode": ["plan", "default"],
}


def test_mode_of_roo_chooses_the_stage(visits: Visits) -> None:
    modes = visits("roo").scene("modes")
    assert {mode: modes[mode] for mode in ROO_MODES} == ROO_MODES


def test_helper_call_of_roo_goes_to_the_cheapest_model(visits: Visits) -> None:
    visit = visits("roo")
    helpers = [call["body"] for call in visit.calls_of("hello") if not call["body"].get("stream")]
    assert [body["model"] for body in helpers] == ["gpt-4.1-nano"]
    assert "max_completion_tokens" not in helpers[0] or helpers[0]["max_completion_tokens"] > 0


def test_roo_s_tools_and_marks_for_the_cache_reach_the_model_untouched(visits: Visits) -> None:
    body = visits("roo").calls_of("tools")[0]["body"]
    assert body["tools"][0]["function"]["strict"] is True
    assert body["parallel_tool_calls"] is True
    assert body["temperature"] == 0
    assert body.get("max_completion_tokens", 1) > 0
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    for message in body["messages"]:
        assert message["content"][-1]["cache_control"] == {"type": "ephemeral"}


def test_roo_finds_models_with_windows_and_prices(visits: Visits) -> None:
    seen = visits("roo").scene("models")
    assert seen["with_two_slashes"] == seen["told"] == seen["ids"]
    assert seen["window"] == 131072
    assert seen["price"] == pytest.approx(0.28)


def test_conversation_that_goes_on_takes_over_the_stream_that_roo_left_open(visits: Visits) -> None:
    visit = visits("roo")
    seen = visit.scene("left_open")
    assert seen["text"] == HELLO
    assert seen["ended"], "the left stream says why it ended"
    left, _ = visit.calls_of("left open")
    assert left["disconnected_at"] - seen["at"] < LEFT_WITHIN_S
