"""uvicorn's HTTP protocol, with our answer to what is no HTTP, and an end to heads without end.

**Source**: uvicorn 0.54, ``httptools_impl.py``: it answers bad HTTP in plain text, and neither it nor
httptools limits the size of a request's head.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cfx_flow.errors import InvalidRequest

MAX_HEAD_BYTES = 64 * 1024
LINGER_S = 1.0


class Protocol(HttpToolsProtocol):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
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
