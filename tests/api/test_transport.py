"""In how many pieces a response arrives. The app looks into the caller's socket while it answers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send

from api.protocol import Protocol
from cfx_flow.upstream.patience import Sweeper

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
START = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]}
BODY = {"type": "http.response.body", "body": b"full"}

Answer = Callable[[Send, socket.socket], Awaitable[None]]


@contextlib.asynccontextmanager
async def _asked(answer: Answer) -> AsyncIterator[socket.socket]:
    """A caller whose request is being answered."""

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await answer(send, caller)

    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as caller:
        http: Any = partial(Protocol, sweeper=Sweeper())
        config = uvicorn.Config(app, http=http, ws="none", lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        caller.connect(listener.getsockname())
        caller.setblocking(False)
        caller.send(REQUEST)
        yield caller
        server.should_exit = server.force_exit = True
        await serving


def _arrived(caller: socket.socket) -> bytes:
    try:
        return caller.recv(65536)
    except BlockingIOError:
        return b""


async def _until_arrived(caller: socket.socket) -> bytes:
    async with asyncio.timeout(10):
        while not (data := _arrived(caller)):
            await asyncio.sleep(0.001)
    return data


async def test_the_head_of_a_response_goes_out_with_its_body() -> None:
    pieces: list[bytes] = []

    async def answer(send: Send, caller: socket.socket) -> None:
        await send(START)
        pieces.append(_arrived(caller))
        await send(BODY)

    async with _asked(answer) as caller:
        whole = await _until_arrived(caller)
    assert pieces == [b""]
    assert whole.startswith(b"HTTP/1.1 200 OK\r\n")
    assert whole.endswith(b"\r\n\r\nfull")


async def test_the_head_does_not_wait_for_a_body_that_comes_later() -> None:
    head: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def answer(send: Send, caller: socket.socket) -> None:
        await send(START)
        head.set_result(await _until_arrived(caller))
        await send(BODY)

    async with _asked(answer) as caller:
        async with asyncio.timeout(10):
            first = await head
        rest = await _until_arrived(caller)
    assert first.startswith(b"HTTP/1.1 200 OK\r\n")
    assert first.endswith(b"\r\n\r\n")
    assert rest == b"full"


async def test_a_response_without_a_body_has_its_head_sent() -> None:
    async def answer(send: Send, _caller: socket.socket) -> None:
        headers = [(b"connection", b"close")]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async with _asked(answer) as caller:
        head = await _until_arrived(caller)
    assert head.startswith(b"HTTP/1.1 204 No Content\r\n")
