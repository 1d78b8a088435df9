"""Which request goes on from which running stream."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from cfx_flow.chat.conversation import Conversation, digests

Messages = list[dict[str, Any]]

DETAILS = (
    "<environment_details>\n# Current Time\n{}\n# Current Mode\n<slug>code</slug>\n</environment_details>"
)
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def user(*texts: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": text} for text in texts]}


FIRST: Messages = [
    {"role": "system", "content": "You are Roo."},
    user("<task>\nFix it\n</task>", DETAILS.format("09:00")),
]
STOPPED = {"role": "assistant", "content": "I will\n\n[Response interrupted by user]"}
NEXT: Messages = [*FIRST, STOPPED, user("Rather add a test.", DETAILS.format("09:01"))]


def of(messages: Messages, session: str | None = None, *, replaces: bool = False) -> Conversation:
    return Conversation(Raw(json.dumps(messages).encode()), session, replaces=replaces)


def goes_on(new: Messages, running: Messages) -> bool:
    return of(new).retires(of(running).talk)


def test_the_next_turn_goes_on_from_the_one_that_was_stopped() -> None:
    assert goes_on(NEXT, FIRST)
    assert goes_on([*FIRST, user("And quickly.")], FIRST)


@pytest.mark.parametrize(
    "new",
    [
        FIRST,
        FIRST[:1],
        [FIRST[0], user("<task>\nFix that\n</task>"), STOPPED, user("Go on")],
        [{"role": "system", "content": "You are someone else."}, *NEXT[1:]],
        [FIRST[1], FIRST[0], *NEXT[2:]],
        [*NEXT[:1], *NEXT],
    ],
    ids=["identical", "shorter", "another task", "another system", "another order", "an insertion"],
)
def test_siblings_and_strangers_do_not(new: Messages) -> None:
    assert not goes_on(new, FIRST)


def test_a_longer_last_message_is_not_a_longer_conversation() -> None:
    assert not goes_on([FIRST[0], user("<task>\nFix it\n</task>", "and more")], FIRST)


def test_cache_marks_move_from_turn_to_turn() -> None:
    """Roo marks the system message and the last two of the user's, and makes a list of a marked text."""
    running: Messages = [{"role": "system", "content": "S"}, {"role": "user", "content": "one"}]
    later = [*deepcopy(running), {"role": "assistant", "content": "ok"}, {"role": "user", "content": "two"}]
    for message in (*running, later[-1]):
        mark = {"cache_control": {"type": "ephemeral"}}
        message["content"] = [{"type": "text", "text": message["content"], **mark}]
    assert goes_on(later, running)
    assert goes_on([*running, *later[2:]], later[:2])


def test_environment_details_are_written_anew_or_dropped() -> None:
    renewed = deepcopy(NEXT)
    renewed[1]["content"][1]["text"] = DETAILS.format("09:59")
    dropped = deepcopy(NEXT)
    del dropped[1]["content"][1]
    assert goes_on(renewed, FIRST)
    assert goes_on(dropped, FIRST)


def test_details_at_the_end_of_a_tools_result_do_not_count_either() -> None:
    calls = [{"id": "1", "type": "function", "function": {"name": "read", "arguments": "{}"}}]
    head: Messages = [*FIRST, {"role": "assistant", "content": None, "tool_calls": calls}]

    def result(text: str) -> dict[str, Any]:
        return {"role": "tool", "tool_call_id": "1", "content": text}

    with_details = [*head, result("x = 1\n\n" + DETAILS.format("09:02"))]
    assert goes_on([*head, result("x = 1"), user("go on")], with_details)
    assert not goes_on([*head, result("x = 2"), user("go on")], with_details)


def test_reasoning_that_is_kept_or_dropped_does_not_count() -> None:
    thought = {**STOPPED, "reasoning_content": "hmm"}
    assert goes_on([*FIRST, STOPPED, user("a"), user("b")], [*FIRST, thought, user("a")])


def test_tool_calls_and_images_count() -> None:
    def said(arguments: str, image: dict[str, Any]) -> Messages:
        call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}
        assistant = {"role": "assistant", "content": None, "tool_calls": [call]}
        return [*FIRST, assistant, {"role": "user", "content": [image]}]

    running = said("{}", IMAGE)
    other = {"type": "image_url", "image_url": {"url": "data:image/png;base64,BBBB"}}
    assert goes_on([*running, user("x")], running)
    assert goes_on([*said("{}", {**IMAGE, "cache_control": {"type": "ephemeral"}}), user("x")], running)
    assert not goes_on([*said("{}", other), user("x")], running)
    assert not goes_on([*said('{"a":1}', IMAGE), user("x")], running)


def test_a_session_is_replaced_by_its_name_whatever_is_said() -> None:
    running = of(NEXT, "s1").talk
    assert of(FIRST, "s1", replaces=True).retires(running)
    assert not of(FIRST, "s1").retires(running)
    assert not of(FIRST, "s2", replaces=True).retires(running)
    assert not of(FIRST, None, replaces=True).retires(of(FIRST).talk)


@pytest.mark.parametrize("count", [-1, 0, 1, 5, 10_000])
def test_a_count_that_does_not_fit_retires_nothing(count: int) -> None:
    assert not of(NEXT).retires(replace(of(FIRST).talk, message_count=count))


PARTS = st.lists(
    st.fixed_dictionaries({"type": st.sampled_from(["text", "image_url", "file"]), "text": st.text()})
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "tool"]), "content": st.none() | st.text() | PARTS}
)


@given(st.lists(MESSAGE, min_size=1, max_size=5), st.lists(MESSAGE, min_size=1, max_size=3))
def test_whatever_is_added_goes_on_and_never_the_other_way_round(running: Messages, more: Messages) -> None:
    assert goes_on([*running, *more], running)
    assert not goes_on(running, [*running, *more])
    assert not goes_on(running, running)


def test_a_crowd_of_sections_are_read_in_one_pass() -> None:
    hostile = "<environment_details></environment_details>x" * 200_000
    assert len(digests(Raw(json.dumps([user(hostile)]).encode()))) == 1
