"""The upstream client alone, against an upstream of plain sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from cfx_flow.errors import UpstreamError
from cfx_flow.few import Few
from cfx_flow.stages.model import Price, Target, Upstream
from cfx_flow.upstream.client import WHOLE_WRITE_BYTES, Answer, UpstreamClient

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: 2\r\n\r\n{}"
LARGE = b" " * (8 * WHOLE_WRITE_BYTES)


@asynccontextmanager
async def upstream_of(client: UpstreamClient, handler: Handler) -> AsyncIterator[Target]:
    over: list[asyncio.Event] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        over.append(asyncio.Event())
        mine = over[-1]
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):  # the client has gone
            await handler(reader, writer)
        writer.transport.abort()
        mine.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    upstream = Upstream("house", f"http://127.0.0.1:{port}/v1/", SecretStr("secret"))
    try:
        yield Target(upstream, "model", Price(Decimal(1), Decimal(1)), 100_000, 8_000)
    finally:
        server.close()
        await client.close()
        await asyncio.gather(*(one.wait() for one in over))


@pytest.fixture
async def client() -> AsyncIterator[UpstreamClient]:
    client = UpstreamClient()
    await client.open()
    yield client
    await client.close()


async def head_and_body(reader: asyncio.StreamReader) -> tuple[list[str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
    (length,) = [int(line.partition(": ")[2]) for line in head if line.startswith("Content-Length")]
    return head, await reader.readexactly(length)


async def ask(client: UpstreamClient, target: Target, payload: bytes = b"{}") -> bytes:
    answer = await client.post(target, payload, streamed=False)
    try:
        return await answer.read_all()
    finally:
        answer.close()


async def test_upstream_gets_one_head_and_the_payload_on_one_connection(client: UpstreamClient) -> None:
    requests: list[tuple[list[str], bytes]] = []
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while not reader.at_eof():
            requests.append(await head_and_body(reader))
            writer.write(OK)

    async with upstream_of(client, serve) as target:
        for payload in (b"{}", LARGE):
            assert await ask(client, target, payload) == b"{}"
        port = target.upstream.base_url.split(":")[2].split("/")[0]
    assert connections == 1
    assert [body for _, body in requests] == [b"{}", LARGE]
    assert sorted(requests[0][0]) == [
        "Accept-Encoding: identity",
        "Accept: application/json, text/event-stream",
        "Authorization: Bearer secret",
        "Content-Length: 2",
        "Content-Type: application/json",
        f"Host: 127.0.0.1:{port}",
        "POST /v1/chat/completions HTTP/1.1",
        "User-Agent: cfx-flow",
    ]


async def test_early_hints_are_not_the_answer(client: UpstreamClient) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_and_body(reader)
        writer.write(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + OK)

    async with upstream_of(client, serve) as target:
        answer = await client.post(target, b"{}", streamed=False)
        assert (answer.status, answer.content_type) == (200, "application/json")
        answer.close()


async def test_refusal_of_a_body_that_nobody_reads_is_heard_and_the_connection_cut(
    client: UpstreamClient,
) -> None:
    cut = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
        await asyncio.sleep(0.1)
        try:
            while await reader.read(2**20):
                pass
        finally:
            cut.set()

    async with upstream_of(client, serve) as target:
        with pytest.raises(UpstreamError):
            await ask(client, target, LARGE * 4)
        async with asyncio.timeout(30):
            await cut.wait()


async def test_upstream_that_takes_nothing_is_left_at_once(client: UpstreamClient) -> None:
    lost = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.1)  # the socket's buffers are full, most of the body is still with the client
        try:
            while await reader.read(2**20):
                pass
        finally:
            lost.set()

    async with upstream_of(client, serve) as target:
        asking = asyncio.create_task(ask(client, target, LARGE * 4))
        await asyncio.sleep(0.05)
        asking.cancel()
        async with asyncio.timeout(30):
            await lost.wait()
        with pytest.raises(asyncio.CancelledError):
            await asking


def test_an_aiohttp_that_is_built_otherwise_is_left_as_it_is() -> None:
    content: Any = SimpleNamespace(_buffer=None)
    connection: Any = SimpleNamespace(protocol=SimpleNamespace(_buffer=deque([1])))
    message: Any = SimpleNamespace(code=200, headers={"x": "y"})
    patience: Any = None
    answer = Answer(connection, message, content, "model", patience)
    answer.slim()
    assert (content._buffer, answer.headers) == (None, {})
    assert isinstance(connection.protocol._buffer, Few)
    assert connection.protocol._buffer == [1]
