"""JSON that is nearly right, against the functions that read it: no network, so many cases are cheap."""

from __future__ import annotations

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cfx_flow.chat import Wishes, read_ask
from cfx_flow.chat.relay import StreamRelay
from cfx_flow.chat.reply import read_reply
from cfx_flow.errors import CfxError, UpstreamError
from cfx_flow.settings import Settings
from cfx_flow.stages.check import load_config
from cfx_flow.upstream.classify import error_of_response
from cfx_flow.upstream.wire import decode_json
from tests.campaigns.replies import ERROR, REPLY, sse
from tests.campaigns.requests import CHATS
from tests.campaigns.rubbish import as_json, mutated, spoilt
from tests.support.campaign import scaled

CASES = 2_000
ANY = msgspec.json.Decoder()
MANY = settings(max_examples=scaled(CASES), suppress_health_check=list(HealthCheck))
REPLIES = spoilt(as_json(mutated(REPLY)))


@MANY
@given(stream=sse(), keeps_text=st.booleans(), cut=st.integers(0, 500))
def test_any_stream_is_read_to_its_end_or_refused(stream: bytes, keeps_text: bool, cut: int) -> None:
    relay = StreamRelay(model="m", input_bytes=9, shows_usage=True, keeps_text=keeps_text)
    out = relay.feed(stream[:cut]) + relay.feed(stream[cut:]) + relay.end()
    usage = relay.usage()
    assert usage.input_tokens >= 0
    if relay.error is None:
        out += relay.closing({"stage": "code"})
    if not keeps_text:  # then events without anything to act on are relayed as they come
        return
    for event in out.decode().removesuffix("\n\n").split("\n\n"):
        data = [line[6:] for line in event.split("\n") if line.startswith("data: ")]
        assert data in ([], ["[DONE]"]) or isinstance(decode_json(data[0].encode(), ANY), dict)


@MANY
@given(body=REPLIES, cost=st.sampled_from([None, "", "1", "-1", "NaN", "1e999999", "x", "१"]))
def test_any_whole_reply_is_read_or_refused(body: bytes, cost: str | None) -> None:
    headers = {} if cost is None else {"x-litellm-response-cost": cost}
    try:
        reply = read_reply(body, headers, model="m", input_bytes=9)
    except UpstreamError as error:
        assert len(error.message) > 10
        return
    reply.text()
    assert reply.usage.input_tokens >= 0
    assert msgspec.json.decode(reply.body({"stage": "code"}), type=dict[str, msgspec.Raw])["choices"]


@MANY
@given(
    body=spoilt(as_json(mutated(ERROR))) | REPLIES,
    status=st.integers(100, 999),
    wait=st.sampled_from(
        [None, "", "7", "-1", "nan", "1e400", "١", "Wed, 21 Oct 2099 07:28:00 GMT", "x" * 9000]
    ),
)
def test_any_error_body_becomes_an_error_with_a_text(body: bytes, status: int, wait: str | None) -> None:
    error = error_of_response(status, body, {} if wait is None else {"retry-after": wait}, model="m")
    assert 400 <= error.status <= 503
    assert error.message.strip()
    assert all(isinstance(value, str) for value in error.headers.values())


MODELS, PROMPTS = load_config(Settings.load({}), {})


@MANY
@given(
    body=spoilt(as_json(mutated(CHATS))),
    stage=st.sampled_from([None, None, None, "plan", "DIRECT ", "x"]),
    prompt=st.sampled_from([None, None, "none", "stage", "\xff"]),
)
def test_any_request_is_understood_or_refused(body: bytes, stage: str | None, prompt: str | None) -> None:
    try:
        ask = read_ask(body, Wishes(stage, prompt, "RooCode/3"), MODELS, PROMPTS)
    except CfxError as error:
        assert 400 <= error.status < 500
        assert len(error.message) > 10
        return
    payload = msgspec.json.decode(ask.payload(ask.resolved.stage.targets[0]), type=dict[str, msgspec.Raw])
    assert payload["messages"]
