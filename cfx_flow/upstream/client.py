"""The one HTTP client of chat calls: aiohttp's connections, pool and parser, without its session.

**Source** of aiohttp over httpx: issue 3's prototypes: a relayed request costs a third, a chunk a
fifth. Without the session a request costs half of that again: it prepares each one for cookies,
redirects, proxies, auth and traces, none of which a call here may use, and writes the body in a task
of its own. What goes to an upstream here is one head, made once, and the payload.
"""

from __future__ import annotations

import asyncio
from collections import deque
from http import HTTPStatus

import aiohttp
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage
from aiohttp.streams import StreamReader
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from cfx_flow.errors import UpstreamError
from cfx_flow.few import Few
from cfx_flow.stages.model import Target, Upstream
from cfx_flow.upstream.classify import (
    error_of_response,
    not_reached_in_time,
    talked_rubbish,
    timed_out,
    unreachable,
)
from cfx_flow.upstream.patience import Patience, Sweeper

MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_ERROR_BYTES = 256 * 1024
WHOLE_WRITE_BYTES = 512 * 1024
"""a larger request is written in pieces: one write of many MB would hold up every other stream"""
_IDLE_CONNECTION_S = 30.0


class UnwelcomeStatus(Exception):
    """The cause of an UpstreamError: the upstream has answered, but with another status than 200."""


class UpstreamClient:
    """Open it in the loop that serves; nothing of it may be used before ``open`` or after ``close``."""

    def __init__(self, sweeper: Sweeper | None = None) -> None:
        self.sweeper = sweeper or Sweeper()
        self._connector: aiohttp.TCPConnector | None = None
        self._ways: dict[str, _Way] = {}

    async def open(self) -> None:
        self._connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_CONNECTION_S)

    async def close(self) -> None:
        self.sweeper.close()
        self._ways.clear()
        connector, self._connector = self._connector, None
        if connector is not None:
            await connector.close()

    async def post(self, target: Target, payload: bytes, *, streamed: bool) -> Answer:
        """One attempt at ``target``'s chat completions: the answer, once its status is 200.

        Raises UpstreamError for everything else. The caller closes the answer.
        """
        way = self._way(target.upstream)
        patience = Patience(self.sweeper, target.upstream.read_timeout_s)
        try:
            answer = await patience.wait(way.post(payload, target.model, patience, streamed=streamed))
        except _TROUBLE as error:
            patience.close()
            raise _explained(error, target.model, patience) from error
        except BaseException:
            patience.close()
            raise
        if answer.status != HTTPStatus.OK:
            raise await answer.refusal() from UnwelcomeStatus(answer.status)
        return answer

    def _way(self, upstream: Upstream) -> _Way:
        way = self._ways.get(upstream.name)
        if way is None:
            if self._connector is None:
                raise RuntimeError("the upstream client is not open")
            way = self._ways[upstream.name] = _Way(upstream, self._connector)
        return way


class _Way:
    """What every request to one upstream has in common, built once."""

    def __init__(self, upstream: Upstream, connector: aiohttp.TCPConnector) -> None:
        url = URL(upstream.base_url.rstrip("/") + "/chat/completions")
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Accept-Encoding": "identity",
            "User-Agent": "cfx-flow",
        }
        if upstream.api_key is not None:
            headers["Authorization"] = f"Bearer {upstream.api_key.get_secret_value()}"
        loop = asyncio.get_running_loop()
        self._connector = connector
        self._to_here = aiohttp.ClientRequest("POST", url, headers=headers, loop=loop)
        """never sent: it says where a connection leads"""
        self._head = _head(url, self._to_here)
        self._timeout = aiohttp.ClientTimeout(total=None, connect=upstream.connect_timeout_s)
        self._timeout_streamed = aiohttp.ClientTimeout(total=None, connect=upstream.connect_timeout_stream_s)

    async def post(self, payload: bytes, model: str, patience: Patience, *, streamed: bool) -> Answer:
        """Raises what aiohttp raises."""
        timeout = self._timeout_streamed if streamed else self._timeout
        try:
            connection = await self._connector.connect(self._to_here, [], timeout)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError from error
        try:
            protocol = connection.protocol
            assert protocol is not None  # noqa: S101 - of a connection that was just made
            protocol.set_response_params(read_until_eof=True)
            await self._send(connection, payload)
            message, content = await protocol.read()
            while message.code < HTTPStatus.OK:
                message, content = await protocol.read()
        except BaseException:
            _give_back(connection, is_read=False)
            raise
        return Answer(connection, message, content, model, patience)

    async def _send(self, connection: Connection, payload: bytes) -> None:
        """Nothing waits for it to be written: the payload is in memory anyway, and the upstream may answer
        before it has read all of it."""
        transport = connection.transport
        if transport is None:
            return  # lost meanwhile: whoever reads the answer hears of it
        head = self._head + b"%d\r\n\r\n" % len(payload)
        if len(payload) <= WHOLE_WRITE_BYTES:
            transport.write(head + payload)
            return
        transport.write(head)
        rest = memoryview(payload)
        while rest and not transport.is_closing():
            transport.write(rest[:WHOLE_WRITE_BYTES])
            rest = rest[WHOLE_WRITE_BYTES:]
            await asyncio.sleep(0)


def _head(url: URL, request: aiohttp.ClientRequest) -> bytes:
    """Up to the number that is the content's length."""
    lines = [f"POST {url.raw_path_qs} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers.items() if name != "Content-Length"]
    if any(set("\r\n\0") & set(line) for line in lines):
        raise ValueError("the upstream's address or key has a line break in it")
    return "\r\n".join((*lines, "Content-Length: ")).encode()


def _give_back(connection: Connection, *, is_read: bool) -> None:
    """To the pool, if the exchange was complete; else it is cut, at once even if the upstream does not take
    what we have written."""
    transport = connection.transport
    if transport is not None and transport.get_write_buffer_size():
        transport.abort()
        is_read = False
    if is_read:
        connection.release()
    else:
        connection.close()


class Answer:
    """A response whose headers are there and whose body is still coming."""

    def __init__(
        self,
        connection: Connection,
        message: RawResponseMessage,
        content: StreamReader,
        model: str,
        patience: Patience,
    ) -> None:
        self.status: int = message.code
        self.headers: CIMultiDictProxy[str] = message.headers
        self._connection = connection
        self._content = content
        self._model = model
        self._patience = patience

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def is_read(self) -> bool:
        """To its end."""
        return self._content.is_eof()

    def slim(self) -> None:
        """For a stream, which may be long and silent: a proxy's thirty headers go, they are read."""
        self.headers = _NO_HEADERS
        for holder in (self._content, self._connection.protocol):
            for name in ("_buffer", "_http_chunk_splits"):
                held = getattr(holder, name, None)
                if isinstance(held, deque):  # in another aiohttp it may be none
                    setattr(holder, name, Few(held))

    async def read_some(self) -> bytes:
        """What has come, at least one byte; ``b""`` at the end. Raises UpstreamError."""
        patience = self._patience
        patience.begin()
        try:
            try:
                return await self._content.readany()
            except asyncio.CancelledError:
                patience.raise_if_expired()
                raise
            finally:
                patience.end()
        except _TROUBLE as error:
            raise _explained(error, self._model, patience) from error

    async def read_all(self, max_bytes: int = MAX_BODY_BYTES) -> bytes:
        """Raises UpstreamFailed beyond ``max_bytes``, without having held more."""
        pieces, size = [], 0
        while piece := await self.read_some():
            pieces.append(piece)
            size += len(piece)
            if size > max_bytes:
                raise talked_rubbish(self._model, f"sent more than {max_bytes} bytes")
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def refusal(self) -> UpstreamError:
        """What a status other than 200 means. Closes the answer."""
        try:
            body = await self.read_all(MAX_ERROR_BYTES)
        except UpstreamError:
            body = b""  # the status alone says enough
        finally:
            self.close()
        return error_of_response(self.status, body, self.headers, model=self._model)

    def close(self) -> None:
        """Gives the connection back if the body was read to its end, else cuts it at once."""
        self._patience.close()
        _give_back(self._connection, is_read=self.is_read)


_NO_HEADERS = CIMultiDictProxy[str](CIMultiDict())
_TROUBLE = (TimeoutError, ConnectionError, aiohttp.ClientError, aiohttp.http.HttpProcessingError)


def _explained(error: Exception, model: str, patience: Patience) -> UpstreamError:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return not_reached_in_time(model)
    if isinstance(error, TimeoutError):
        return timed_out(model, patience.limit_s)
    if isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError | ConnectionError):
        return unreachable(model)
    return talked_rubbish(model, "answered something that is not HTTP")
