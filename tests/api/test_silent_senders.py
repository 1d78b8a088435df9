"""Callers who owe us something and send nothing: they are let go, and nobody else is."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from api.protocol import MAX_WAITING, Protocol
from cfx_flow.upstream.patience import Sweeper

pytestmark = pytest.mark.e2e  # they wait

SILENT_S = 0.3
KEEP_ALIVE_S = 2
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n"


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        if not message.get("more_body"):
            break
    if body == b"slow one":
        await asyncio.sleep(SILENT_S * 3)
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    protocol: Any = partial(Protocol, sweeper=Sweeper(SILENT_S / 10), silent_s=SILENT_S)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            _echo, http=protocol, ws="none", lifespan="off", log_config=None, timeout_keep_alive=KEEP_ALIVE_S
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        async with asyncio.timeout(10):
            while not server.started:
                await asyncio.sleep(0.005)
        yield listener.getsockname()[1]
        server.should_exit = server.force_exit = True
        await serving


@contextlib.asynccontextmanager
async def _connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("said", [b"", b"POST / HT", HEAD[:-2], HEAD, HEAD + b"half"])
async def test_caller_who_falls_silent_is_let_go(port: int, said: bytes) -> None:
    async with _connected(port) as (reader, writer), asyncio.timeout(10):
        writer.write(said)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""


async def test_head_that_only_trickles_is_let_go(port: int) -> None:
    async with _connected(port) as (_, writer), asyncio.timeout(10):
        writer.write(b"GET / HTTP/1.1\r\nX: ")
        with pytest.raises(ConnectionError):
            await _trickle(writer)


async def _trickle(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"y")
        await writer.drain()
        await asyncio.sleep(SILENT_S / 10)


async def test_slow_body_slow_answer_and_idle_connection_are_waited_for(port: int) -> None:
    async with _connected(port) as (reader, writer), asyncio.timeout(20):
        for body in (b"slow one", b"second  "):
            writer.write(HEAD)
            for byte in body:
                writer.write(bytes([byte]))
                await asyncio.sleep(SILENT_S / 4)
            assert (await reader.readuntil(body)).startswith(b"HTTP/1.1 200")
            await asyncio.sleep(SILENT_S * 3)


@pytest.mark.parametrize("said", [b"\r\n", b"\r\n\r\n"])
async def test_line_breaks_after_an_answer_do_not_hold_the_connection_for_ever(
    port: int, said: bytes
) -> None:
    async with _connected(port) as (reader, writer), asyncio.timeout(10):
        writer.write(HEAD + b"whatever")
        await reader.readuntil(b"whatever")
        writer.write(said)
        assert await reader.read() == b""


async def test_few_requests_wait_behind_another_and_no_endless_row_of_them(port: int) -> None:
    waiting = HEAD + b"whatever"
    async with _connected(port) as (reader, writer), asyncio.timeout(20):
        writer.write(HEAD + b"slow one" + waiting * 3)
        for body in (b"slow one", *[b"whatever"] * 3):
            await reader.readuntil(body)
    async with _connected(port) as (reader, writer), asyncio.timeout(20):
        writer.write(HEAD + b"slow one" + waiting * (MAX_WAITING + 1))
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
