"""Whatever a caller sends: an answer in good form, in time, and a server that goes on."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.campaigns.replies import GOOD_STREAM, REPLY
from tests.campaigns.requests import CHAT, Request, requests
from tests.campaigns.rubbish import spoilt
from tests.support.campaign import batched, generated
from tests.support.raw_client import answers_in, talk
from tests.support.raw_upstream import Step
from tests.support.watched import LANES, Watched, lane

CASES = 3_000
RAW_CASES = 1_000
ANSWER_S = 20.0
QUIET_S = 0.15
WHOLE = json.dumps(REPLY).encode()
GOOD_WHOLE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(WHOLE),
    WHOLE,
    "keep",
)
GOOD_SSE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
    GOOD_STREAM + b"data: [DONE]\n\n",
    "fin",
)


@pytest.fixture
def answered(watched: Watched) -> Watched:
    answers_well(watched)
    return watched


def answers_well(watched: Watched) -> None:
    """From here on the upstream of every model does."""
    names = [*(lane(number) for number in range(LANES)), "stages"]
    watched.upstream.scripts.update(dict.fromkeys(names, _well))


def _well(asked: bytes) -> Sequence[Step]:
    return GOOD_SSE if re.search(rb'"stream": ?true', asked) else GOOD_WHOLE


def test_any_request_gets_an_answer_in_good_form(answered: Watched, at_rest: dict[str, Any]) -> None:
    for batch in generated(requests(), CASES):
        answered.state("later")
        found = answered.bench.run(_run_batch(answered, batch))
        assert not found, f"{len(found)} of {len(batch)}:\n" + "\n".join(found[:3])
        answered.settled(at_rest)


async def _run_batch(watched: Watched, batch: Sequence[Request]) -> list[str]:
    found = await asyncio.gather(*(_run(watched, number, request) for number, request in enumerate(batch)))
    return [one for one in found if one]


async def _run(watched: Watched, number: int, request: Request) -> str:
    raw = b""
    try:
        raw = await talk(watched.port, request.bytes(watched.keys[number]), timeout_s=ANSWER_S)
        check(raw, request.start.startswith(b"HEAD"))
    except (AssertionError, ValueError, TimeoutError) as error:
        return f"{type(error).__name__} {error}\n  {str(request)[:3000]}\n  {raw[-600:]!r}"
    return ""


def check(raw: bytes, is_head: bool) -> None:
    """At least one answer; every error in OpenAI's shape, none of them ours."""
    is_unread = b"This is no HTTP/1.1 request" in raw  # nobody knows that it was a HEAD
    answers = answers_in(raw, heads=is_head and not is_unread)
    assert answers, "no answer"
    for answer in answers:
        assert answer.status < 500 or answer.status == 503, answer
        assert "x-request-id" in answer.headers
        if answer.status >= 400 and answer.body:
            body = answer.json()
            assert body.keys() >= {"error"}
            assert set(body["error"]) == {"message", "type", "param", "code"}, body
            assert body["error"]["code"] != "internal_error"
            assert len(body["error"]["message"]) > 10


NESTED = {
    "a message": b'{"model": "lane-0", "messages": [{"role": "user", "content": "x", "z": %s}]}',
    "a part": b'{"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "z": %s}]}]}',
    "a tool": b'{"messages": [{"role": "user", "content": "x"}], "tools": [{"z": %s}]}',
    "stream_options": b'{"messages": [{"role": "user", "content": "x"}], "stream": true, "stream_options": {"z": %s}}',
    "an unknown field": b'{"model": "lane-0", "messages": [{"role": "user", "content": "x"}], "z": %s}',
}


@pytest.mark.parametrize("template", NESTED.values(), ids=NESTED)
def test_nesting_up_to_any_depth_is_understood_or_refused(
    answered: Watched, at_rest: dict[str, Any], template: bytes
) -> None:
    """A parser gives up at a depth that depends on how deep it was called: every depth around it is tried."""
    depths = [*range(820, 1020), 5_000, 100_000]
    asked = [
        Request(
            b"POST " + CHAT + b" HTTP/1.1",
            (),
            template % (b"[" * depth + b"]" * depth),
            "length",
            with_key=True,
        )
        for depth in depths
    ]
    for batch in batched(asked):
        answered.state("later")
        assert answered.bench.run(_run_batch(answered, batch)) == []
    answered.settled(at_rest)


GOOD_GET = b"GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\n\r\n"
GOOD_POST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 62\r\n\r\n"
    b'{"model": "lane-0", "messages": [{"role":"user","content":""}]}'
)
PIPELINED = GOOD_POST + GOOD_GET
RAW = st.sampled_from(["spoilt", "spoilt", "bytes", "many"]).flatmap(
    {
        "spoilt": spoilt(spoilt(st.just(PIPELINED))),
        "bytes": st.binary(max_size=500),
        "many": st.lists(spoilt(st.sampled_from([GOOD_GET, GOOD_POST, b"\r\n", b"\0"])), max_size=6).map(
            b"".join
        ),
    }.__getitem__
)


def test_whatever_the_bytes_on_the_port_the_server_goes_on(
    answered: Watched, at_rest: dict[str, Any]
) -> None:
    """Nobody waits for the end here: what is half said is left standing, then the caller goes."""
    for batch in generated(RAW, RAW_CASES):
        answered.bench.run(_throw(answered, batch))
        answered.settled(at_rest)
        (answer,) = answers_in(
            answered.bench.run(talk(answered.port, GOOD_GET % answered.keys[0].encode(), timeout_s=ANSWER_S))
        )
        assert answer.status == 200


async def _throw(watched: Watched, batch: Sequence[bytes]) -> None:
    await asyncio.gather(*(_throw_one(watched, number, raw) for number, raw in enumerate(batch)))


async def _throw_one(watched: Watched, number: int, raw: bytes) -> None:
    raw = raw.replace(b"%s", watched.keys[number].encode())
    got = await talk(watched.port, raw, timeout_s=ANSWER_S, quiet_s=QUIET_S)
    assert b"HTTP/1.1 500" not in got, (raw, got)
    assert b"Traceback" not in got, (raw, got)


HIDDEN = b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n"
"""A second request that a proxy would take for a part of the first one's body."""
BODY = b'{"model": "lane-0", "messages": [{"role": "user", "content": "x"}]}'
SMUGGLED: dict[str, tuple[bytes, bytes]] = {
    "two lengths": (b"Content-Length: %d\r\nContent-Length: 3" % (len(BODY) + len(HIDDEN)), BODY + HIDDEN),
    "the same length twice": (b"Content-Length: 67\r\nContent-Length: 67", BODY),
    "a list of lengths": (b"Content-Length: 67, 67", BODY + HIDDEN),
    "a length with a sign": (b"Content-Length: +67", BODY + HIDDEN),
    "a length with a blank inside": (b"Content-Length: 6 7", BODY + HIDDEN),
    "a length in hex": (b"Content-Length: 0x43", BODY + HIDDEN),
    "a length and chunks": (b"Content-Length: 4\r\nTransfer-Encoding: chunked", b"0\r\n\r\n" + HIDDEN),
    "chunks and a length": (b"Transfer-Encoding: chunked\r\nContent-Length: 4", b"0\r\n\r\n" + HIDDEN),
    "an unknown coding": (b"Transfer-Encoding: xchunked", b"0\r\n\r\n" + HIDDEN),
    "chunked, then another": (b"Transfer-Encoding: chunked, identity", b"0\r\n\r\n" + HIDDEN),
    "chunked twice": (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", b"0\r\n\r\n" + HIDDEN),
    "a coding after a tab": (b"Transfer-Encoding:\tchunked\r\nContent-Length: 4", b"0\r\n\r\n" + HIDDEN),
    "a coding after a form feed": (
        b"Transfer-Encoding: \x0bchunked\r\nContent-Length: 4",
        b"0\r\n\r\n" + HIDDEN,
    ),
    "a name with a blank": (b"Transfer-Encoding : chunked\r\nContent-Length: 4", b"0\r\n\r\n" + HIDDEN),
    "a folded coding": (b"X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: 4", b"0\r\n\r\n" + HIDDEN),
    "a bare line feed": (b"X: y\nTransfer-Encoding: chunked\r\nContent-Length: 4", b"0\r\n\r\n" + HIDDEN),
    "a bare carriage return": (
        b"X: y\rTransfer-Encoding: chunked\r\nContent-Length: 4",
        b"0\r\n\r\n" + HIDDEN,
    ),
    "a NUL in a header": (b"X: y\0\r\nContent-Length: 4", b"0\r\n\r\n" + HIDDEN),
    "a chunk of negative size": (b"Transfer-Encoding: chunked", b"-1\r\n" + HIDDEN),
    "a chunk size that overflows": (b"Transfer-Encoding: chunked", b"10000000000000000\r\n" + HIDDEN),
    "a chunk extension with a line feed": (
        b"Transfer-Encoding: chunked",
        b"1;a\nb\r\nx\r\n0\r\n\r\n" + HIDDEN,
    ),
    "a chunk without its end": (b"Transfer-Encoding: chunked", b"1\r\nxx\r\n0\r\n\r\n" + HIDDEN),
    "a chunk ended by a line feed": (b"Transfer-Encoding: chunked", b"1\nx\n0\n\n" + HIDDEN),
}


@pytest.mark.parametrize(("headers", "rest"), SMUGGLED.values(), ids=SMUGGLED)
def test_request_with_two_readings_opens_no_second_request(
    answered: Watched, headers: bytes, rest: bytes
) -> None:
    """A proxy in front may have read another length: then the rest of the connection is nobody's."""
    key = answered.keys[0].encode()
    start = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + key + b"\r\n"
    raw = start + headers + b"\r\n\r\n" + rest.replace(b"%s", key)
    got = answered.bench.run(talk(answered.port, raw, timeout_s=ANSWER_S, quiet_s=1.0))
    statuses = [answer.status for answer in answers_in(got)]
    assert len(statuses) <= 1, statuses
    assert b'"object":"list"' not in got.replace(b" ", b"")
