"""What an upstream may send: HTTP that is right, nearly right, and none at all, around replies of the same kind."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.campaigns.rubbish import ODD_VALUES, as_json, mutated, spoilt
from tests.support.raw_upstream import Step

USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 3,
    "total_tokens": 12,
    "cost": 0.01,
    "prompt_tokens_details": {"cached_tokens": 4},
}
REPLY = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Hello",
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            "finish_reason": "stop",
        }
    ],
    "usage": USAGE,
}
ERROR = {"error": {"message": "litellm.X: no", "type": "t", "param": "p", "code": "400"}}


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [choice],
        **more,
    }


CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": '{"ä": "'}}
CHUNKS = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "Grüße, 世界 🦊"}),
    chunk({"tool_calls": [CALL]}),
    chunk({"content": "x"}, usage=None),
    chunk({}, "stop"),
    chunk({}, usage=USAGE),
    {**chunk({}), "choices": [], "usage": USAGE},
    ERROR,
]
GOOD_STREAM = b"".join(
    b"data: " + json.dumps(one).encode() + b"\n\n" for one in (CHUNKS[0], CHUNKS[1], CHUNKS[4], CHUNKS[6])
)


@st.composite
def _event(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from(["chunk"] * 6 + ["lines", "comment", "done", "field", "odd", "rubbish"]))
    match kind:
        case "chunk":
            return b"data: " + draw(as_json(mutated(draw(st.sampled_from(CHUNKS)), at_most=2)))
        case "lines":
            text = json.dumps(draw(st.sampled_from(CHUNKS[:5])), indent=1).encode()
            return b"\n".join(b"data: " + line for line in text.split(b"\n"))
        case "comment":
            return b": PROCESSING"
        case "done":
            return b"data: [DONE]"
        case "field":
            return draw(
                st.sampled_from([b"event: error", b"id: 1\0", b"retry: 0", b"data", b"data:", b"dat"])
            )
        case "odd":
            return b"data:" + draw(as_json(ODD_VALUES))
    return draw(spoilt(st.just(b"data: " + json.dumps(CHUNKS[1]).encode())))


@st.composite
def sse(draw: st.DrawFn) -> bytes:
    """Mostly a good stream in which one thing or two are not."""
    events = draw(st.lists(_event(), max_size=5))
    if draw(st.booleans()):
        events = [GOOD_STREAM.rstrip(b"\n").split(b"\n\n")[0], *events]
    if draw(st.integers(0, 3)):
        events += [b"data: " + json.dumps(CHUNKS[4]).encode(), b"data: [DONE]"]
    end = draw(st.sampled_from([b"\n"] * 4 + [b"\r\n", b"\r"]))
    body = (end + end).join(event.replace(b"\n", end) for event in events) + end + end
    return draw(st.sampled_from([b""] * 8 + [b"\xef\xbb\xbf", b"\n\n", b"\0"])) + draw(spoilt(st.just(body)))


BODIES_WHOLE = st.one_of(
    as_json(mutated(REPLY)),
    as_json(mutated(REPLY)),
    spoilt(as_json(mutated(REPLY, at_most=1))),
    as_json(mutated(ERROR, at_most=2)),
    st.sampled_from(
        [
            b"",
            b"null",
            b"[]",
            b"<html><title>502</title>",
            b"\0" * 100,
            b"NaN",
            b"\xff" * 9,
            b'{"choices":[1]}',
        ]
    ),
)

STATUS_LINES = st.one_of(
    st.just(b"HTTP/1.1 200 OK"),
    st.just(b"HTTP/1.1 200 OK"),
    st.just(b"HTTP/1.1 200 OK"),
    st.sampled_from([400, 401, 403, 404, 408, 413, 418, 422, 429, 499, 500, 502, 503, 504, 529, 599]).map(
        lambda status: b"HTTP/1.1 %d Oh" % status
    ),
    st.integers(100, 999).map(lambda status: b"HTTP/1.1 %d Odd" % status),
    st.sampled_from(
        [b"HTTP/1.0 200 OK", b"HTTP/2 200", b"HTTP/1.1 200", b"HTTP/1.1 200 \xff\xfe", b"ICY 200 OK", b"HTTP/1.1 99999 X",
         b"HTTP/1.1 -1 X", b"HTTP/1.1 000 X", b"200 OK", b"", b"\0\0", b"SSH-2.0-OpenSSH", b"HTTP/1.1 200 " + b"x" * 20_000,
         b"POST / HTTP/1.1", b"HTTP/1.1  200 OK", b"http/1.1 200 ok", b"\x16\x03\x01\x02\x00\x01\x00"]
    ),
)  # fmt: skip
PRELUDES = st.sampled_from(
    [b""] * 12
    + [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
        b"HTTP/1.1 102 P\r\n\r\n" * 50,
    ]
    + [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        b"\r\n",
        b"\r\n" * 500,
    ]
)
ODD_HEADERS = st.sampled_from(
    [b"Retry-After: 7", b"Retry-After: -1", b"Retry-After: 1e400", b"Retry-After: Wed, 21 Oct 2099 07:28:00 GMT",
     b"Retry-After: \xff", b"Retry-After: ", b"Location: /elsewhere", b"Location: http://127.0.0.1:1/", b"Set-Cookie: a=b",
     b"Set-Cookie: \xff=\0", b"Set-Cookie: " + b"a=b; " * 500, b"X-LiteLLM-Response-Cost: NaN",
     b"X-LiteLLM-Response-Cost: 1e999999", b"X-LiteLLM-Response-Cost: -5", b"x-litellm-response-cost: 1_0", b"Connection: close",
     b"Connection: upgrade\r\nUpgrade: websocket", b"Connection: keep-alive", b"X-Huge: " + b"x" * 9_000,
     b"X-Huger: " + b"x" * 100_000, b"\r\n".join(b"X-%d: y" % n for n in range(300)), b"No colon", b"X-Nul: a\0b", b": empty",
     b"X-Folded: a\r\n  b", b"Spaced : x", b"X-Bytes: \xff\xfe\x80", b"Trailer: X-End", b"Content-Type: text/plain",
     b"Content-Type: application/json", b"Content-Length: 5", b"Content-Length: -1", b"Content-Length: many",
     b"Content-Length: 99999999999999999999", b"Content-Length: 0", b"Content-Length: +3", b"Transfer-Encoding: chunked",
     b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: xchunked", b"Transfer-Encoding: chunked, chunked",
     b"Content-Encoding: gzip", b"Content-Encoding: br", b"Content-Encoding: zstd", b"Content-Encoding: deflate",
     b"Content-Encoding: gzip, gzip", b"Content-Encoding: \xff", b"Link: <>;;;", b"Date: never"]
)  # fmt: skip
TYPES = st.sampled_from(
    [b"application/json"] * 3
    + [b"text/event-stream"] * 3
    + [
        b"text/event-stream; charset=utf-16",
        b"text/html",
        b"",
        b";;;",
        b"application/json; charset=\xff",
        b"x" * 3000,
    ]
    + [
        b"multipart/mixed; boundary=",
        b"text/event-stream, application/json",
        b"/",
        b"application/problem+json",
    ]
)


@st.composite
def _coded(draw: st.DrawFn, body: bytes) -> tuple[bytes, bytes]:
    """(the header line or nothing, the body) with a content coding that is mostly none, and mostly true."""
    match draw(st.sampled_from(["none"] * 9 + ["gzip", "deflate", "raw deflate", "lie"])):
        case "gzip":
            return b"Content-Encoding: gzip\r\n", draw(spoilt(st.just(gzip.compress(body, mtime=0))))
        case "deflate":
            return b"Content-Encoding: deflate\r\n", draw(spoilt(st.just(zlib.compress(body))))
        case "raw deflate":
            return b"Content-Encoding: deflate\r\n", zlib.compress(body)[2:-4]
        case "lie":
            return draw(
                st.sampled_from([b"Content-Encoding: %s\r\n" % c for c in (b"gzip", b"br", b"zstd", b"x")])
            ), body
    return b"", body


def in_chunks(body: bytes, sizes: list[int]) -> list[bytes]:
    pieces, start = [], 0
    for size in sizes:
        if piece := body[start : start + size]:
            pieces.append(piece)
        start += size
    return [*pieces, body[start:]] if body[start:] else pieces


@st.composite
def _framed(draw: st.DrawFn, body: bytes, *, well: bool) -> tuple[bytes, list[bytes]]:
    """(the header line, the pieces to send): by length, chunked, or until the connection closes."""
    sizes = draw(st.lists(st.integers(1, 200), max_size=4))
    ways = ["length", "chunked", "close"] if well else ["short", "long", "bad chunks", "bad chunks"]
    match draw(st.sampled_from(ways)):
        case "length":
            return b"Content-Length: %d\r\n" % len(body), in_chunks(body, sizes)
        case "short":
            return b"Content-Length: %d\r\n" % max(0, len(body) - 3), in_chunks(body, sizes)
        case "long":
            return b"Content-Length: %d\r\n" % (len(body) + 3), in_chunks(body, sizes)
        case "close":
            return b"", in_chunks(body, sizes)
        case how:
            pieces = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in in_chunks(body, sizes)]
            end = b"0\r\n\r\n" if how == "chunked" else draw(BAD_ENDS)
            return b"Transfer-Encoding: chunked\r\n", [*pieces, end]


BAD_ENDS = st.sampled_from(
    [
        b"",
        b"0\r\n",
        b"-1\r\nx\r\n",
        b"ffffffffffffffffff\r\n",
        b"zz\r\n",
        b"5\r\nab\r\n0\r\n\r\n",
        b"0;ext=\x00\r\n\r\n",
        b"0\r\nX-End: 1\r\n\r\n",
        b"0\r\n" + b"X: " + b"y" * 9000 + b"\r\n\r\n",
        b"1" * 5000,
        b"0\n\n",
        b"7fffffff\r\nx",
        b"0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"0\r\n\r\n0\r\n\r\n",
        b"\r\n\r\n",
        b"0x1\r\na\r\n0\r\n\r\n",
    ]
)
ENDS = st.sampled_from(["fin", "fin", "keep", "keep", "rst", "hold"])


@dataclass(frozen=True)
class Case:
    streamed: bool
    script: tuple[Step, ...]

    def __repr__(self) -> str:
        told = [step[:800] if isinstance(step, bytes) else step for step in self.script]
        return f"Case(streamed={self.streamed}, script={told})"


@st.composite
def _body_and_type(draw: st.DrawFn, streamed: bool) -> tuple[bytes, bytes]:
    """Mostly of the kind that was asked for."""
    kind = draw(st.sampled_from(["fitting"] * 8 + ["other", "any"]))
    if kind == "any":
        return draw(TYPES), draw(BODIES_WHOLE | sse())
    if streamed == (kind == "fitting"):
        return b"text/event-stream", draw(sse())
    return b"application/json", draw(BODIES_WHOLE)


@st.composite
def _spread(draw: st.DrawFn, pieces: list[bytes]) -> list[Step]:
    """With a pause now and then, so that pieces arrive one by one."""
    steps: list[Step] = []
    for piece in pieces:
        steps.append(piece)
        if draw(st.integers(0, 3)) == 0:
            steps.append(draw(st.sampled_from([0.0, 0.001, 0.01])))
    return steps


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """One answer of an upstream, from its first byte to how the connection ends. The fault is mostly in one
    layer: a reply inside good HTTP, a head, or the framing; what is broken early hides what comes later."""
    streamed = draw(st.booleans())
    layer = draw(st.sampled_from(["reply"] * 5 + ["head", "framing", "bytes"]))
    end = draw(ENDS)
    if layer == "bytes":
        return Case(streamed, (draw(st.binary(max_size=300)), end))
    kind, body = draw(_body_and_type(streamed))
    coding, body = draw(_coded(body)) if layer == "framing" else (b"", body)
    framing, pieces = draw(_framed(body, well=layer != "framing"))
    status, lines, prelude = b"HTTP/1.1 200 OK", b"", b""
    if layer == "head":
        status, prelude = draw(STATUS_LINES), draw(PRELUDES)
        lines = b"".join(line + b"\r\n" for line in draw(st.lists(ODD_HEADERS, max_size=2)))
    head = status + b"\r\nContent-Type: " + kind + b"\r\n" + coding + framing + lines + b"\r\n"
    if layer == "head":
        head = prelude + draw(spoilt(st.just(head)))
    steps = [head, *draw(_spread(pieces))]
    if draw(st.integers(0, 9)) == 0:
        steps = steps[: draw(st.integers(0, len(steps)))]
    return Case(streamed, (*steps, end))
