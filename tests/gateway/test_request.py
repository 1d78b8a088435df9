from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfx_flow.chat.request import read_request
from cfx_flow.chat.steering import STEERS_THE_PROXY
from cfx_flow.errors import InvalidRequest

HI = [{"role": "user", "content": "hi"}]


def body(**fields: Any) -> bytes:
    return json.dumps({"messages": HI} | fields).encode()


@pytest.mark.parametrize(
    ("sent", "param", "says"),
    [
        (b"", None, "empty"),
        (b"   ", None, "empty"),
        (b"{", None, "not valid JSON"),
        (b'{"messages": [1,]}', None, "not valid JSON"),
        (b'{"temperature": NaN}', None, "not valid JSON"),
        (b"[]", None, "JSON object"),
        (b"null", None, "JSON object"),
        (b'"hi"', None, "JSON object"),
        (b'{"messages": "\xff"}', None, "not UTF-8"),
        (b"\xff\xfe{}", None, "not UTF-8"),
        (b'{"messages":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001, None, "nested too deeply"),
        (b"{}", "messages", "missing"),
        (body(messages=None), "messages", "expected `array`"),
        (body(messages={}), "messages", "expected `array`"),
        (body(messages="hi"), "messages", "expected `array`"),
        (body(messages=[]), "messages", "empty"),
        (body(messages=["hi"]), "messages[0]", "expected `object`"),
        (body(messages=[{}]), "messages[0]", "`role`"),
        (body(messages=[{"role": 1}]), "messages[0].role", "expected `str`"),
        (body(messages=[{"role": "user", "content": 5}]), "messages[0].content", "got `int`"),
        (
            body(messages=[*HI, {"role": "user", "content": [1]}]),
            "messages[1].content[0]",
            "expected `object`",
        ),
        (
            body(messages=[{"role": "user", "content": [{"type": "text"}]}]),
            "messages[0].content[0]",
            "`text`",
        ),
        (body(messages=HI * 20_001), "messages", "more than"),
        (body(model=5), "model", "expected `str | null`"),
        (body(model=["a"]), "model", "expected"),
        (body(model="x" * 201), "model", "longer than"),
        (body(stream="yes"), "stream", "expected `bool | null`"),
        (body(stream=1), "stream", "expected"),
        (body(stream_options=True), "stream_options", "expected `object | null`"),
        (body(max_tokens="many"), "max_tokens", "expected `int | null`"),
        (body(max_tokens=1.5), "max_tokens", "expected"),
        (body(max_tokens=0), "max_tokens", "at least 1"),
        (body(max_completion_tokens=-2), "max_completion_tokens", "at least 1"),
        (body(n=0), "n", "at least 1"),
        (body(temperature="hot"), "temperature", "expected `float | null`"),
        (body(top_p=[]), "top_p", "expected"),
        (body(tools={}), "tools", "expected"),
        (body(tools=["x"]), "tools[0]", "expected `object`"),
        (body(response_format="json"), "response_format", "expected"),
    ],
)
def test_what_is_wrong_is_a_400_that_names_the_field(sent: bytes, param: str | None, says: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        read_request(sent)
    assert refusal.value.status == 400
    assert refusal.value.param == param
    assert says in refusal.value.message


@pytest.mark.parametrize("name", sorted(STEERS_THE_PROXY))
def test_no_caller_steers_the_proxy_behind_us(name: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        read_request(body(**{name: "x"}))
    assert refusal.value.param == name


def test_what_the_endpoint_must_know_is_read() -> None:
    request = read_request(
        body(
            model="cfx-code",
            stream=True,
            stream_options={"include_usage": True},
            tools=[{"type": "function"}],
        )
    )
    assert (request.model, request.streamed, request.wants_usage, request.has_tools) == (
        "cfx-code",
        *[True] * 3,
    )


def test_nulls_and_empty_tools_are_silence() -> None:
    request = read_request(
        body(model=None, stream=None, stream_options=None, tools=[], max_tokens=None, n=None)
    )
    assert (request.model, request.streamed, request.wants_usage, request.has_tools) == (None, *[False] * 3)


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_minus_one_means_unlimited_and_is_left_out(name: str) -> None:
    assert name not in read_request(body(**{name: -1})).fields


@pytest.mark.parametrize(("role", "own"), [("system", True), ("developer", True), ("assistant", False)])
def test_a_system_or_developer_message_anywhere_is_a_protocol_of_its_own(role: str, own: bool) -> None:
    request = read_request(body(messages=[*HI, {"role": role, "content": "x"}, *HI]))
    assert request.speaks_own_protocol is own


def test_unknown_fields_are_kept_as_they_came() -> None:
    request = read_request(b'{"messages": [{"role": "user", "content": "hi"}], "new_thing": {"a" :  [1.50]}}')
    assert bytes(request.fields["new_thing"]) == b'{"a" :  [1.50]}'


def test_half_an_emoji_that_an_editor_cut_is_mended() -> None:
    sent = rb'{"messages":[{"role":"user","content":"cut \ud83d off, kept \ud83d\ude00, text \\ud83d"}]}'
    content = json.loads(bytes(read_request(sent).messages))[0]["content"]
    assert content == "cut \ufffd off, kept \U0001f600, text \\ud83d"


def test_what_roo_and_cline_send_in_messages_is_accepted() -> None:
    cached = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "high"}}
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "system", "content": [cached]},
        {"role": "user", "content": [cached, image], "name": "u"},
        {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "hm"},
        {"role": "tool", "tool_call_id": "1", "content": [cached]},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]},
    ]
    assert read_request(body(messages=messages)).speaks_own_protocol


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["messages", "model", "stream", "max_tokens", "n", "tools", "stream_options", "role"])


@given(st.dictionaries(names, json_values, max_size=6))
def test_any_json_object_is_read_or_refused(fields: dict[str, Any]) -> None:
    try:
        read_request(json.dumps(fields).encode())
    except InvalidRequest as refusal:
        assert refusal.message  # noqa: PT017 - either outcome is fine, a third is not


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(sent: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read_request(sent)
