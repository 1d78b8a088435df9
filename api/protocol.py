"""uvicorn's HTTP protocol, with our answer to what is no HTTP, an end to heads without end, and an end
to readers who do not read and senders who do not send.

**Source**: uvicorn 0.54, ``httptools_impl.py``: it answers bad HTTP in plain text, neither it nor
httptools limits the size of a request's head, and a response that nobody reads waits for ever, as
does a request of which only half comes. Of requests that were sent one behind the other only the last
is told of the connection's loss.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from functools import partial
from typing import Any, cast

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api.context import LINE, Line
from api.transport import Transport
from api.wake import Wake
from cfx_flow.errors import InvalidRequest
from cfx_flow.few import Few
from cfx_flow.upstream.patience import Sweeper

MAX_HEAD_BYTES = 64 * 1024
LINGER_S = 1.0
STALL_S = 120.0
SILENT_S = 60.0
"""for a whole head, and between two pieces of a body; nginx takes the same"""
MAX_WAITING = 16
"""requests on one connection behind the one that is answered; few clients send a second"""

log = structlog.get_logger(__name__)


def served_by_us(app: ASGIApp, *, sweeper: Sweeper, stall_s: float, **options: Any) -> uvicorn.Config:
    """uvicorn's settings for every port of ours."""
    http: Any = partial(Protocol, sweeper=sweeper, stall_s=stall_s)
    return uvicorn.Config(
        app,
        http=http,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        **options,
    )


class Protocol(HttpToolsProtocol):
    """``stall_s``: how long a reader may take none of what waits for it. ``silent_s``: how long we wait
    for what a caller owes us."""

    # Beside uvicorn's thirty attributes: in the same dictionary they would make it three times as large.
    __slots__ = (
        "_answered",
        "_head_bytes",
        "_is_in_head",
        "_is_refused",
        "_line",
        "_owed_since",
        "_silent_s",
        "_stall_check",
        "_stall_s",
        "_sweeper",
    )

    def __init__(
        self,
        *arguments: Any,
        sweeper: Sweeper,
        stall_s: float = STALL_S,
        silent_s: float = SILENT_S,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self._sweeper = sweeper
        self._stall_s = stall_s
        self._silent_s = silent_s
        self._owed_since = 0.0
        self._stall_check: asyncio.TimerHandle | None = None
        self._is_in_head = False
        self._head_bytes = 0
        self._is_refused = False
        self._answered: RequestResponseCycle | None = None
        self._line = Line()
        # Here and below, in place of the deque and the Events that uvicorn's types name: the same to it,
        # without what even a subclass of theirs would hold for each idle connection.
        self.pipeline = Few()  # type: ignore[assignment]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        ours = Transport(cast(asyncio.Transport, transport), self.loop)
        super().connection_made(cast(asyncio.Transport, ours))
        self.flow._is_writable_event = Wake(is_set=True)  # type: ignore[assignment]
        self._owed_since = self.loop.time()
        self._sweeper.add(self)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"][LINE] = self._line
        self._is_in_head, self._head_bytes = True, 0
        self._owed_since = self.loop.time()

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._owed_since = self.loop.time()
        super().on_headers_complete()
        # Before anybody waits: its task has not begun.
        self.cycle.message_event = Wake()  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        self._owed_since = self.loop.time()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """From here on the end of the connection is what may come: it is not seen while nothing is read."""
        super().on_message_complete()
        self.flow.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        super().data_received(data)
        if len(self.pipeline) > MAX_WAITING:
            log.warning("sender.ahead", waiting=len(self.pipeline))
            self.transport.abort()
            return
        self._keep_alive_still()
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self._is_refused:
                self._refuse(b"431 Request Header Fields Too Large", "The request's headers are too large.")

    def send_400_response(self, msg: str) -> None:
        self._refuse(b"400 Bad Request", f"This is no HTTP/1.1 request that can be read: {msg}")

    def pause_writing(self) -> None:
        """More waits to be read than may: from here on the reader has to show that it reads."""
        super().pause_writing()
        self._look_later()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_looking()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_looking()
        self._sweeper.discard(self)
        super().connection_lost(exc)
        self._let_all_go()
        self._line.lose()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _let_all_go(self) -> None:
        """uvicorn tells the newest request, which may wait behind the one that is being answered."""
        cycle = self._answered
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        for waiting, _ in self.pipeline:
            waiting.on_response = _nothing  # it will not begin, nor let us go when it has ended
        self.pipeline.clear()

    def timeout_keep_alive_handler(self) -> None:
        """The end of a response that fits the buffer may wait there unread; closing would wait for it."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        super().timeout_keep_alive_handler()

    def sweep(self, now: float) -> None:
        """Up to a sweep late: a timer for every connection would take 0.7 kB each."""
        if self._is_owed and now >= self._owed_since + self._silent_s:
            log.info("sender.silent", silent_s=self._silent_s)
            self.transport.abort()

    @property
    def _is_owed(self) -> bool:
        """Whether it is the caller's turn: between requests uvicorn's own timer runs, and while we do not
        read it may be us who are slow."""
        cycle = self.cycle
        if self._is_in_head or cycle is None:
            return True
        return cycle.more_body and not cycle.response_complete and not self.flow.read_paused

    def _keep_alive_still(self) -> None:
        """uvicorn's timer stops at any byte, also at one that begins no request."""
        cycle = self.cycle
        if cycle is None or not cycle.response_complete or self._is_in_head:
            return
        if self.timeout_keep_alive_task is None and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _look_later(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        self._stall_check = self.loop.call_later(self._stall_s, self._look, waiting)

    def _look(self, waiting_before: int) -> None:
        if self.transport.get_write_buffer_size() < waiting_before:
            self._look_later()
            return
        log.warning("reader.stalled", waiting_bytes=waiting_before, stall_s=self._stall_s)
        self.transport.abort()

    def _stop_looking(self) -> None:
        if self._stall_check is not None:
            self._stall_check.cancel()

    def _refuse(self, status: bytes, message: str) -> None:
        """Closes our half and lets the caller finish, for a moment: closing on unread bytes would reset
        the connection, and the answer with it."""
        self._is_refused = True
        body = json.dumps(InvalidRequest(message).to_body()).encode()
        number = str(uuid.uuid4()).encode()
        head = (
            b"HTTP/1.1 " + status,
            b"content-type: application/json",
            b"content-length: %d" % len(body),
            b"x-cfx-request-id: " + number,
            b"x-request-id: " + number,
            b"connection: close",
        )
        self.transport.write(b"\r\n".join(head) + b"\r\n\r\n" + body)
        self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.close)


def _nothing() -> None:
    pass
