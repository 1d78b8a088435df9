"""Replies that are JSON and yet of a form that nobody expects; found by tests/campaigns."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cfx_flow.chat.relay import MAX_EMPTY_BYTES, MAX_NAMED_CALLS, StreamRelay
from cfx_flow.chat.reply import read_reply
from cfx_flow.errors import UpstreamFailed


def relay_of(*events: bytes) -> tuple[bytes, StreamRelay]:
    relay = StreamRelay(model="m", input_bytes=9, shows_usage=False, keeps_text=False)
    return b"".join(relay.feed(b"data: " + event + b"\n\n") for event in events), relay


@pytest.mark.parametrize(
    "chunk",
    [
        {"choices": 5},
        {"choices": True},
        {"choices": {"a": 1}},
        {"choices": [{"index": 0, "delta": {"tool_calls": 5}}]},
        {"choices": [{"index": [], "delta": {"tool_calls": [{"index": {}}]}}]},
        {"choices": [{"index": [[]], "delta": []}]},
    ],
)
def test_chunk_with_fields_of_strange_types_is_relayed(chunk: dict[str, Any]) -> None:
    out, relay = relay_of(json.dumps(chunk).encode())
    assert relay.error is None
    assert "choices" in json.loads(out.removeprefix(b"data: "))


def test_json_over_several_data_lines_is_relayed_as_one() -> None:
    """As it stood the second line was no field, and the reader saw half a document."""
    out, relay = relay_of(b'{"choices": [\ndata: {"index": 0, "delta": {"content": "x"}}]}')
    assert relay.error is None
    assert out.count(b"\n") == 2
    assert json.loads(out.removeprefix(b"data: "))["choices"][0]["delta"] == {"content": "x"}


def test_endless_tool_calls_are_not_all_remembered() -> None:
    calls = [
        json.dumps({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": n}]}}]}).encode()
        for n in range(MAX_NAMED_CALLS + 10)
    ]
    out, relay = relay_of(*calls)
    assert out.count(b'"call_') == MAX_NAMED_CALLS
    assert relay.error is None


@pytest.mark.parametrize("tail", [b"data: \xed\xa0\x80", b": \xff", b'data: {"a": "\xc3'])
def test_tail_that_is_no_utf8_is_rubbish_from_the_upstream(tail: bytes) -> None:
    _, relay = relay_of(b'{"choices": []}')
    assert relay.feed(tail) == b""
    assert relay.end() == b""
    assert isinstance(relay.error, UpstreamFailed)


def test_comments_without_end_are_no_reply() -> None:
    relay = StreamRelay(model="m", input_bytes=9, shows_usage=False, keeps_text=False)
    waits = MAX_EMPTY_BYTES // 20_000
    assert [relay.feed(b": wait\n\n" * 2_000) for _ in range(waits)] == [b""] * waits
    assert relay.error is None
    for _ in range(waits):
        relay.feed(b": wait\n\n" * 2_000)
    assert relay.error is not None


def test_number_beyond_any_float_in_a_reply_leaves_it_unchecked_and_whole() -> None:
    body = b'{"choices":[{"message":{"content":"a"},"score":1e9999}]}'
    reply = read_reply(body, {}, model="m", input_bytes=9)
    assert reply.text() is None
    assert reply.body(None) == body


def test_number_beyond_any_float_in_an_error_is_rubbish_from_the_upstream() -> None:
    with pytest.raises(UpstreamFailed):
        read_reply(b'{"error":{"code":1e9999},"choices":[1]}', {}, model="m", input_bytes=9)
