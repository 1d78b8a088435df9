from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfx_flow.chat.relay import StreamRelay
from cfx_flow.errors import UpstreamLimited, UpstreamUnavailable

HEAD = {"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m"}
USAGE = {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105, "cache_read_input_tokens": 40}


def relay(*, shows_usage: bool = False, keeps_text: bool = False) -> StreamRelay:
    return StreamRelay(model="m", input_bytes=4000, shows_usage=shows_usage, keeps_text=keeps_text)


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **extra: Any) -> dict[str, Any]:
    return {**HEAD, "choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}], **extra}


def sse(*frames: dict[str, Any] | str) -> bytes:
    texts = [
        frame if isinstance(frame, str) else json.dumps(frame, separators=(",", ":")) for frame in frames
    ]
    return b"".join(f"data: {text}\n\n".encode() for text in texts)


def frames(out: bytes) -> list[Any]:
    data = [
        event.removeprefix("data: ") for event in out.decode().split("\n\n") if event.startswith("data: ")
    ]
    return [text if text == "[DONE]" else json.loads(text) for text in data]


def run(relay: StreamRelay, *frames: dict[str, Any] | str) -> bytes:
    """Fed one by one, to the end."""
    out = b"".join(relay.feed(sse(frame)) for frame in frames) + relay.end()
    return out if relay.error else out + relay.closing(None)


HELLO = [chunk({"role": "assistant", "content": ""}), chunk({"content": "Hello"}), chunk({"content": " you"})]
STOP = chunk(finish="stop")
LITELLM_USAGE = {**HEAD, "choices": [{"index": 0, "delta": {}}], "usage": USAGE | {"cost": 0.25}}
OPENAI_USAGE = {**HEAD, "choices": [], "usage": USAGE}


def test_chunks_are_relayed_as_the_bytes_they_came_as() -> None:
    odd = 'data: {"id":"c1",  "choices":[{"index":0,"delta":{"content":"\\u00fc"},"finish_reason":null}]}\n\n'
    stream = relay()
    stream.feed(sse(HELLO[0]))
    assert stream.feed(odd.encode()) == odd.encode()


@pytest.mark.parametrize("usage", [LITELLM_USAGE, OPENAI_USAGE])
def test_usage_is_shown_once_and_last_to_a_caller_who_asked(usage: dict[str, Any]) -> None:
    out = frames(run(relay(shows_usage=True), *HELLO, STOP, usage, "[DONE]"))
    assert out[-1] == "[DONE]"
    assert out[-2]["choices"] == []
    assert out[-2]["usage"]["prompt_tokens"] == 100
    assert out[-2]["usage"]["cache_read_input_tokens"] == 40
    assert out[-2]["usage"]["prompt_tokens_details"] == {"cached_tokens": 40}
    assert sum("usage" in frame for frame in out[:-1]) == 1


@pytest.mark.parametrize("usage", [LITELLM_USAGE, OPENAI_USAGE])
def test_usage_is_counted_and_hidden_from_a_caller_who_did_not_ask(usage: dict[str, Any]) -> None:
    stream = relay()
    out = frames(run(stream, *HELLO, STOP, usage, "[DONE]"))
    assert not any("usage" in frame for frame in out)
    assert (stream.usage().input_tokens, stream.usage().cached_tokens) == (100, 40)
    assert not stream.usage().estimated


def test_usage_that_rides_on_the_last_chunk_is_taken_off_it() -> None:
    out = frames(run(relay(shows_usage=True), *HELLO, chunk({}, "stop", usage=USAGE), "[DONE]"))
    assert "usage" not in out[-3]
    assert out[-3]["choices"][0]["finish_reason"] == "stop"
    assert out[-2]["choices"] == []


def test_the_cost_that_litellm_reports_is_read() -> None:
    stream = relay()
    run(stream, *HELLO, STOP, LITELLM_USAGE, "[DONE]")
    assert str(stream.usage().cost_usd) == "0.25"


def test_the_first_chunk_of_each_tool_call_carries_its_id() -> None:
    def calls(*entries: dict[str, Any]) -> dict[str, Any]:
        return chunk({"tool_calls": list(entries)})

    first = calls(
        {"index": 0, "function": {"name": "read"}}, {"index": 1, "id": "x", "function": {"name": "ls"}}
    )
    later = calls({"index": 0, "function": {"arguments": "{}"}})
    out = frames(run(relay(), HELLO[0], first, later, chunk(finish="tool_calls"), "[DONE]"))
    made, given_ = out[1]["choices"][0]["delta"]["tool_calls"]
    assert made["id"].startswith("call_")
    assert given_["id"] == "x"
    assert "id" not in out[2]["choices"][0]["delta"]["tool_calls"][0]


def test_a_stream_without_a_finish_reason_is_a_failure() -> None:
    stream = relay()
    run(stream, *HELLO, "[DONE]")
    assert stream.error is not None
    assert "before it was finished" in stream.error.message


def test_a_finished_stream_needs_no_done_of_the_upstream() -> None:
    stream = relay()
    out = frames(run(stream, *HELLO, STOP))
    assert stream.error is None
    assert out[-1] == "[DONE]"


def test_done_is_said_once_and_nothing_follows_it() -> None:
    stream = relay()
    out = frames(run(stream, *HELLO, STOP, "[DONE]", chunk({"content": "afterwards"})))
    assert out.count("[DONE]") == 1
    assert out[-1] == "[DONE]"
    assert "afterwards" not in json.dumps(out)


def test_an_error_in_the_stream_ends_it_after_what_came_before() -> None:
    stream = relay()
    stream.feed(sse(HELLO[0]))
    out = stream.feed(sse(HELLO[1], {"error": {"message": "litellm.X: boom", "code": "429"}}, HELLO[2]))
    assert frames(out) == [HELLO[1]]
    assert isinstance(stream.error, UpstreamLimited)


@pytest.mark.parametrize(
    "rubbish",
    [b"data: <html>\n\n", b"data: [1]\n\n", b'data: {"a":\n\n', b"data: " + b"[" * 100_000 + b"\n\n"],
)
def test_rubbish_at_the_start_is_a_failure_not_a_reply(rubbish: bytes) -> None:
    stream = relay()
    assert stream.feed(rubbish) == b""
    assert stream.error is not None


def test_bytes_that_are_no_utf8_are_never_relayed() -> None:
    stream = relay()
    stream.feed(sse(HELLO[0]))
    assert stream.feed(b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n') == b""
    assert stream.error is not None


def test_comments_of_the_upstream_do_not_count_as_its_first_word() -> None:
    stream = relay()
    assert stream.feed(b": OPENROUTER PROCESSING\n\n") == b""
    assert not stream.has_begun
    stream.feed(sse(HELLO[0]))
    assert stream.has_begun


def test_half_an_emoji_in_a_chunk_is_no_failure() -> None:
    stream = relay(keeps_text=True)
    run(stream, HELLO[0], '{"id":"c1","choices":[{"index":0,"delta":{"content":"\\ud83d"}}]}', STOP, "[DONE]")
    assert stream.error is None
    assert stream.text == "\ufffd"


def test_the_text_is_kept_only_where_it_will_be_checked() -> None:
    kept, other = relay(keeps_text=True), relay()
    run(kept, *HELLO, STOP, "[DONE]")
    run(other, *HELLO, STOP, "[DONE]")
    assert (kept.text, other.text) == ("Hello you", None)


def test_the_cfx_chunk_comes_before_usage_and_looks_like_a_chunk() -> None:
    stream = relay(shows_usage=True)
    for frame in (*HELLO, STOP, OPENAI_USAGE, "[DONE]"):
        stream.feed(sse(frame))
    out = frames(stream.closing({"stage": "code"}))
    assert [sorted(frame.keys() - HEAD.keys()) for frame in out[:2]] == [
        ["cfx", "choices"],
        ["choices", "usage"],
    ]
    assert out[0] == HEAD | {"choices": [], "cfx": {"stage": "code"}}


def test_a_cut_stream_is_estimated_by_what_came() -> None:
    stream = relay()
    for _ in range(50):
        stream.feed(sse(chunk({"content": "word"})))
    assert stream.usage().estimated
    assert stream.usage().input_tokens == 1000
    assert stream.usage().output_tokens == 50


def test_the_word_usage_in_the_reply_itself_confuses_nobody() -> None:
    text = 'a "usage": {"prompt_tokens": 9} and an "error" and data: [DONE]'
    stream = relay(shows_usage=True)
    out = frames(run(stream, HELLO[0], chunk({"content": text}), STOP, OPENAI_USAGE, "[DONE]"))
    assert stream.error is None
    assert out[1]["choices"][0]["delta"]["content"] == text
    assert out[-2]["usage"]["prompt_tokens"] == 100


STREAM = sse(*HELLO, chunk({"content": "ü😀\n\n"}), STOP, LITELLM_USAGE, "[DONE]")


@given(st.lists(st.integers(0, len(STREAM)), max_size=40), st.booleans(), st.sampled_from([b"\n", b"\r\n"]))
def test_however_the_network_cuts_the_caller_gets_the_same(
    cuts: list[int], keeps_text: bool, end: bytes
) -> None:
    sent = STREAM.replace(b"\n", end)
    at = [0, *sorted(cuts), len(sent)]
    stream = relay(shows_usage=True, keeps_text=keeps_text)
    out = b"".join(stream.feed(sent[a:b]) for a, b in pairwise(at))
    out += stream.end() + stream.closing(None)
    whole = relay(shows_usage=True, keeps_text=keeps_text)
    assert frames(out) == frames(whole.feed(STREAM) + whole.end() + whole.closing(None))


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_any_bytes_at_all_end_in_an_error_and_never_in_an_exception(chunks: list[bytes]) -> None:
    stream = relay()
    for data in chunks:
        stream.feed(data)
    stream.end()
    assert stream.error is not None


def test_a_line_of_ten_megabytes_is_given_up() -> None:
    stream = relay()
    for _ in range(160):
        stream.feed(b"x" * 65_536)
    assert stream.error is not None
    assert not isinstance(stream.error, UpstreamUnavailable)
