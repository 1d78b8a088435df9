"""Server-sent events: framing, and a response that notices at once when its reader has gone.

**Source**: the WHATWG's server-sent events; Starlette's own streaming response learns of a
disconnect only when it sends the next time.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from typing import Any, TypeAlias

import structlog
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from cfx_flow.errors import StoreUnavailable
from cfx_flow.flows.model import Event, iso

Watch: TypeAlias = Callable[[Callable[[object], None]], AbstractContextManager[None]]

log = structlog.stdlib.get_logger(__name__)

PING_EVERY_S = 15.0
LASTS_S = 600.0
"""one stream: proxies cut longer ones, and whoever comes back shows a key that is still good"""
_PING = ": ping\n\n"
_RECONNECT = 'retry: 1000\nevent: stream.reconnect\ndata: {"type":"stream.reconnect"}\n\n'
"""without an id: the reader's place stays where it was"""


def event_json(event: Event) -> dict[str, Any]:
    return {"seq": event.seq, "type": event.type, "at": iso(event.at), **event.body()}


def frame(event: Event) -> str:
    """One ``data:`` line, in ASCII: some readers (httpx's ``iter_lines``) also split at U+2028 and U+0085."""
    body = json.dumps(event_json(event), separators=(",", ":"))
    return f"id: {event.seq}\nevent: {event.type}\ndata: {body}\n\n"


async def frames(
    events: AsyncIterator[Event | None], *, ping_every_s: float = PING_EVERY_S, lasts_s: float = LASTS_S
) -> AsyncGenerator[str, None]:
    """Each event as a frame; a comment now and then while nothing happens. None is a tick of silence.

    After ``lasts_s`` the last frame asks the reader to come back.
    """
    yield ": cfx flow events\n\n"  # the headers go out with it, and the reader knows that it is heard
    began = sent_at = time.monotonic()
    try:
        async for event in events:
            if event is not None:
                yield frame(event)
                sent_at = time.monotonic()
            is_end = event is not None and event.ends_the_stream  # unless it was resumed
            if time.monotonic() - began >= lasts_s and not is_end:
                yield _RECONNECT
                return
            if time.monotonic() - sent_at >= ping_every_s:
                yield _PING
                sent_at = time.monotonic()
    except StoreUnavailable:
        # The stream ends without flow.completed: the reader comes back with Last-Event-ID.
        log.warning("event_stream_broken", exc_info=True)


class EventStream(StreamingResponse):
    """Frees everything as soon as the stream ends or its reader leaves.

    ``guard`` is held meanwhile; what it raises on entering is answered as an ordinary error. ``watch`` is
    given what ends the stream when its reader's key is no longer good: they come back, and are told so.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncIterator[Event | None],
        guard: AbstractAsyncContextManager[None],
        headers: Mapping[str, str] | None = None,
        *,
        watch: Watch = lambda _: nullcontext(),
    ) -> None:
        self._frames = frames(events)
        unbuffered = {"cache-control": "no-cache", "x-accel-buffering": "no"}
        super().__init__(self._frames, headers={**unbuffered, **(headers or {})})
        self._guard = guard
        self._watch = watch
        self._refused = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._guard:
            with self._watch(lambda _: self._refused.set()):
                ended = await self._send(receive, send)
        if ended is not None:
            raise ended

    async def _send(self, receive: Receive, send: Send) -> Exception | None:
        """What broke it, unless the reader had left."""
        sending = asyncio.create_task(self.stream_response(send))
        leaving = asyncio.create_task(self.listen_for_disconnect(receive))
        refused = asyncio.create_task(self._refused.wait())
        tasks = (sending, leaving, refused)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            left = leaving.done()
            for task in tasks:
                task.cancel()
            ended, *_ = await asyncio.gather(*tasks, return_exceptions=True)
            await self._frames.aclose()
        if isinstance(ended, asyncio.CancelledError) and self._refused.is_set() and not left:
            await send({"type": "http.response.body", "body": _RECONNECT.encode(), "more_body": False})
        return ended if isinstance(ended, Exception) and not (left or isinstance(ended, OSError)) else None
