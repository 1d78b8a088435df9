"""uvicorn's HTTP protocol, with our answer to what is no HTTP, an end to heads without end, and an end
to readers who do not read.

**Source**: uvicorn 0.54, ``httptools_impl.py``: it answers bad HTTP in plain text, neither it nor
httptools limits the size of a request's head, and a response that nobody reads waits for ever.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cfx_flow.errors import InvalidRequest

MAX_HEAD_BYTES = 64 * 1024
LINGER_S = 1.0
STALL_S = 120.0

log = structlog.get_logger(__name__)


class Protocol(HttpToolsProtocol):
    """``stall_s``: how long a reader may take none of what waits for it."""

    def __init__(self, *arguments: Any, stall_s: float = STALL_S, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._stall_s = stall_s
        self._stall_check: asyncio.TimerHandle | None = None
        self._is_in_head = False
        self._head_bytes = 0
        self._is_refused = False

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        super().data_received(data)
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
        super().connection_lost(exc)

    def timeout_keep_alive_handler(self) -> None:
        """The end of a response that fits the buffer may wait there unread; closing would wait for it."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        super().timeout_keep_alive_handler()

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
