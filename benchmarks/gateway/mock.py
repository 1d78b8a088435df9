"""An upstream that costs next to nothing: one fixed JSON reply, or a stream in OpenAI's shape.

``python -m benchmarks.gateway.mock`` prints its port and serves until SIGTERM. A request says in the text
of a message how it wants to be answered: ``@20x5@`` is 20 chunks of content, 5 ms apart; without it a
stream has ten, at once. The first chunk never waits. ``GET /`` tells when streams were cut off: the machine's
monotonic seconds.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import time
from itertools import chain

import httptools
import uvloop

CHUNKS = 10
WISH = re.compile(rb"@(\d+)x(\d+)@")
STREAMED = re.compile(rb'"stream":\s*true')

_HEAD = b"HTTP/1.1 200 OK\r\nserver: mock\r\ncontent-type: %s\r\n%s\r\n\r\n"
REPLY = (
    b'{"id":"chatcmpl-9aBcDeFgHiJkLmNoPqRsTuVw","object":"chat.completion","created":1780000000,'
    b'"model":"mock","choices":[{"index":0,"message":{"role":"assistant","content":"A fixed reply of the '
    b'mock upstream: nobody has thought about it.","refusal":null},"logprobs":null,"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":40,"completion_tokens":12,"total_tokens":52},"system_fingerprint":"fp_0"}'
)
WHOLE = _HEAD % (b"application/json", b"content-length: %d" % len(REPLY)) + REPLY
STREAM_HEAD = _HEAD % (b"text/event-stream; charset=utf-8", b"transfer-encoding: chunked")


def _event(data: bytes) -> bytes:
    event = b"data: " + data + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(event), event)


def _chunk(choices: bytes, usage: bytes = b"null") -> bytes:
    return _event(
        b'{"id":"chatcmpl-9aBcDeFgHiJkLmNoPqRsTuVw","object":"chat.completion.chunk","created":1780000000,'
        b'"model":"mock","system_fingerprint":"fp_0","choices":[' + choices + b'],"usage":' + usage + b"}"
    )


def _choice(delta: bytes, finish_reason: bytes = b"null") -> bytes:
    return b'{"index":0,"delta":' + delta + b',"logprobs":null,"finish_reason":' + finish_reason + b"}"


ROLE = _chunk(_choice(b'{"role":"assistant","content":""}'))
CONTENT = _chunk(_choice(b'{"content":" words"}'))
GOODBYE = (
    _chunk(_choice(b"{}", b'"stop"'))
    + _chunk(b"", b'{"prompt_tokens":40,"completion_tokens":12,"total_tokens":52}')
    + _event(b"[DONE]")
    + b"0\r\n\r\n"
)


class Mock(asyncio.Protocol):
    """One connection; one request at a time, as HTTP/1.1 clients do it."""

    def __init__(self, cuts: list[float]) -> None:
        self._cuts = cuts
        self._parser = httptools.HttpRequestParser(self)
        self._body: list[bytes] = []
        self._left = 0
        self._gap_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._loop = asyncio.get_running_loop()

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._cuts.append(time.monotonic())

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        if self._parser.get_method() == b"GET":
            told = json.dumps(self._cuts).encode()
            self._transport.write(_HEAD % (b"application/json", b"content-length: %d" % len(told)) + told)
            return
        if STREAMED.search(body) is None:
            self._transport.write(WHOLE)
            return
        wish = WISH.search(body)
        self._left, gap_ms = (int(wish[1]), int(wish[2])) if wish else (CHUNKS, 0)
        self._gap_s = gap_ms / 1000
        if gap_ms:
            self._transport.write(STREAM_HEAD + ROLE)
            self._later()
        else:
            self._transport.write(b"".join(chain((STREAM_HEAD, ROLE), [CONTENT] * self._left, (GOODBYE,))))

    def _later(self) -> None:
        self._timer = self._loop.call_later(self._gap_s, self._next)

    def _next(self) -> None:
        if self._left:
            self._left -= 1
            self._transport.write(CONTENT)
            self._later()
        else:
            self._timer = None
            self._transport.write(GOODBYE)


async def serve() -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        cuts: list[float] = []
        server = await loop.create_server(lambda: Mock(cuts), sock=listener, backlog=2048)
        print(listener.getsockname()[1], flush=True)
        await stopped.wait()
        server.close()


if __name__ == "__main__":
    uvloop.run(serve())
