"""The caller's side of one chat call: what goes down, in what order, and whether anyone is still there.

Three things may want to send: the relay, a ping in silence, and the status line of a
stream whose upstream takes long. They take turns; each sends whole events only.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec
from starlette.types import Message, Receive, Send

from api.context import Headers, RequestContext
from api.errors import error_response
from cfx_flow.errors import CfxError
from cfx_flow.upstream.patience import Sweeper
from cfx_flow.upstream.sse import frame

PING = b": ping\n\n"
_EVENT_STREAM: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. A sweep comes up to its period late, so the first two stay below SPEC's 10 and 15."""

    open_after_s: float = 9.0
    ping_after_s: float = 14.0


class ClientGone(Exception):
    """The caller closed the connection; nothing can be sent any more."""


class CutOff(Exception):
    """We end the call while it runs; the caller is told ``error``."""

    def __init__(self, error: CfxError) -> None:
        self.error = error


class Downstream:
    """Used by one task. ``watch`` … ``unwatch`` enclose the time in which the caller may leave."""

    def __init__(
        self, receive: Receive, send: Send, context: RequestContext, sweeper: Sweeper, pace: Pace
    ) -> None:
        self.has_started = False
        self.has_ended = False
        self.opened_early = False
        self._receive = receive
        self._send = send
        self._context = context
        self._sweeper = sweeper
        self._pace = pace
        self._loop = asyncio.get_running_loop()
        self._is_sending = False
        self._is_watched = False
        self._quiet_since = 0.0
        self._aside: asyncio.Task[None] | None = None
        self._task: asyncio.Task[object] | None = None
        self._reason: Exception | None = None

    async def read_body(self) -> bytes:
        """Once. Raises ClientGone, and what the body cap raises."""
        receive, self._receive = self._receive, _read_already
        pieces = []
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            pieces.append(message.get("body", b""))
            if not message.get("more_body", False):
                return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def watch(self, *, streamed: bool) -> None:
        """From here on a caller who leaves cancels the task, as ``stop`` does."""
        self._is_watched = True
        self._task = asyncio.current_task(self._loop)
        self._quiet_since = self._loop.time()
        self._context.line.on_lost = self._gone
        if streamed:
            self._sweeper.add(self)
        if self._context.line.is_lost:
            self._gone()

    def unwatch(self) -> None:
        self._is_watched = False
        self._context.line.on_lost = None
        self._sweeper.discard(self)

    def stop(self, reason: Exception) -> None:
        """Breaks off whatever the task is waiting for. Only the first reason counts, and none once the
        response has come to its end."""
        if self._is_watched and not self.has_ended and self._reason is None and self._task is not None:
            self._reason = reason
            self._task.cancel()

    @property
    def is_stopped(self) -> bool:
        """Asked by who caught a CancelledError: whether it came from here."""
        return self._reason is not None

    def raise_if_stopped(self) -> None:
        """For who caught a CancelledError: the reason instead, if it came from here. Once: kept, it would
        hold by its traceback those who hold this."""
        reason, self._reason = self._reason, None
        if reason is None or self._task is None:
            return
        self._is_watched = False
        self._task.uncancel()
        try:
            raise reason from None
        finally:
            del reason

    async def start_stream(self) -> None:
        await self._aside_done()
        if not self.has_started:
            await self._start()

    async def send_events(self, events: bytes) -> None:
        """Whole events. Waits while the caller reads too slowly: nothing is queued here."""
        if self._aside is not None:
            await self._aside_done()
        self._is_sending = True
        await self._send({"type": "http.response.body", "body": events, "more_body": True})
        self._is_sending = False
        self._quiet_since = self._loop.time()

    async def end_stream(self, events: bytes = b"") -> None:
        """With the last events, if there are any left."""
        await self._aside_done()
        await self._send_last(events)

    async def send_whole(self, body: bytes) -> None:
        self.has_started = True
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            *self._context.resolution_headers(),
        ]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send_last(body)

    async def fail(self, error: CfxError, cfx: dict[str, str]) -> None:
        """As a status if none went out yet, else as a last frame: never a silent end."""
        await self._aside_done()
        if self.has_ended:
            return
        if self.has_started:
            extra = {"cfx": cfx} if self.opened_early else {}
            await self.end_stream(frame(msgspec.json.encode(error.to_body() | extra)))
            return
        self.has_started = True
        response = error_response(error)
        headers = [*response.raw_headers, *self._context.resolution_headers()]
        await self._send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        await self._send_last(bytes(response.body))

    def sweep(self, now: float) -> None:
        if self.has_ended or self._is_sending or (self._aside is not None and not self._aside.done()):
            return
        quiet_s = now - self._quiet_since
        if not self.has_started and quiet_s >= self._pace.open_after_s:
            self._aside = self._loop.create_task(self._open_early())
        elif self.has_started and quiet_s >= self._pace.ping_after_s:
            self._aside = self._loop.create_task(self._ping())

    async def _start(self) -> None:
        self.has_started = True
        headers = [*_EVENT_STREAM, *self._context.resolution_headers()]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def _send_last(self, body: bytes) -> None:
        """Ended first, then sent: a caller who leaves with the last byte has had it all."""
        self.has_ended = True
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def _open_early(self) -> None:
        self.opened_early = True
        await self._start()
        await self._ping()

    async def _ping(self) -> None:
        await self._send({"type": "http.response.body", "body": PING, "more_body": True})
        self._quiet_since = self._loop.time()

    async def _aside_done(self) -> None:
        aside, self._aside = self._aside, None
        if aside is not None:
            await aside

    def _gone(self) -> None:
        self.stop(ClientGone())


async def _read_already() -> Message:
    raise RuntimeError("the body can be read once")
