"""In the OpenAI SDK's place below ChatOpenAI: the house's own HTTP client, and its chunks as dicts.

ChatOpenAI makes a request of messages, and messages of a stream's chunks; what lies between is the same
here as in chat: connections, patience, limits, and what an upstream's errors mean.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from cfx_flow.chat.reply import require_stream
from cfx_flow.errors import UpstreamError
from cfx_flow.stages.model import Target
from cfx_flow.upstream.classify import error_of_frame, talked_rubbish, timed_out
from cfx_flow.upstream.client import Answer, UpstreamClient
from cfx_flow.upstream.sse import EventCutter, EventTooLongError, data_of_events
from cfx_flow.upstream.wire import decode_json

DONE = b"[DONE]"
HEAR_OUT_S = 0.2
_CHUNK = msgspec.json.Decoder(dict[str, Any])


class Completions:
    """As ``AsyncOpenAI.chat.completions``, of which a ChatOpenAI that streams calls ``create`` alone."""

    def __init__(self, client: UpstreamClient, target: Target) -> None:
        self._client, self._target = client, target

    async def create(self, *, extra_body: Mapping[str, Any] | None = None, **body: Any) -> Chunks:
        """Raises UpstreamError."""
        payload = _encoded({**body, **(extra_body or {})})
        answer = await self._client.post(self._target, payload, streamed=True)
        try:
            await require_stream(answer, self._target.model)
        except BaseException:
            answer.close()
            raise
        return Chunks(answer, self._target)


class Chunks:
    """A stream: to be entered, read once, and left, which frees the connection. Raises UpstreamError."""

    def __init__(self, answer: Answer, target: Target) -> None:
        answer.slim()
        self._answer, self._target = answer, target

    async def __aenter__(self) -> Chunks:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._answer.close()

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        cutter, limit_s = EventCutter(), self._target.upstream.read_timeout_s
        told_at = time.monotonic()
        while data := await self._answer.read_some():
            whole = self._cut(cutter, data)
            for said in _data(whole):
                if said == DONE:
                    await self._hear_out()
                    return
                yield self._chunk(said)
                told_at = time.monotonic()
            if time.monotonic() - told_at > limit_s:  # "still working", and nothing else
                raise timed_out(self._target.model, limit_s)
        for said in _data(cutter.flush()):
            if said != DONE:
                yield self._chunk(said)

    def _cut(self, cutter: EventCutter, data: bytes) -> bytes:
        try:
            return cutter.feed(data)
        except EventTooLongError:
            raise talked_rubbish(self._target.model, "sent an event that does not end") from None

    def _chunk(self, said: bytes) -> dict[str, Any]:
        try:
            chunk: dict[str, Any] = decode_json(said, _CHUNK)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise talked_rubbish(self._target.model, "sent something that is no chat completion") from error
        if chunk.get("error"):
            raise error_of_frame(chunk["error"], model=self._target.model)
        return chunk

    async def _hear_out(self) -> None:
        """The end of the body often comes by itself; read that far, the connection can be used again."""
        if not self._answer.is_read:
            with suppress(TimeoutError, UpstreamError):
                async with asyncio.timeout(HEAR_OUT_S):
                    await self._answer.read_some()


def _data(whole: bytes) -> Iterator[bytes]:
    return (said for _, said in data_of_events(whole) if said is not None)


def _encoded(body: Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(body)
    except (TypeError, ValueError, OverflowError):  # half a character in a task, a number of over 64 bits
        return json.dumps(body).encode()
