"""Requests that a caller sends one behind the other, without waiting, and then leaves."""

from __future__ import annotations

import asyncio
import gc
import socket
from functools import partial
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from api.protocol import Protocol
from cfx_flow.upstream.patience import Sweeper

REQUEST = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("behind", [0, 1, 3])
async def test_who_is_answered_is_told_of_the_loss_whatever_waits_behind(behind: int) -> None:
    begun: list[str] = []
    told = asyncio.Event()

    async def app(scope: Scope, receive: Receive, _send: Send) -> None:
        begun.append(scope["path"])
        while (await receive())["type"] != "http.disconnect":
            pass
        told.set()

    http: Any = partial(Protocol, sweeper=Sweeper())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, http=http, ws="none", lifespan="off", log_config=None))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        gc.collect()
        gc.disable()
        try:
            _, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(b"".join(REQUEST % number for number in range(1 + behind)))
            async with asyncio.timeout(10):
                while len(begun) < 1:
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.05)
                writer.transport.abort()
                await told.wait()
                while any(isinstance(one, Protocol) for one in gc.get_objects()):
                    await asyncio.sleep(0.01)
        finally:
            gc.enable()
            server.should_exit = server.force_exit = True
            await serving
    assert begun == ["/0"]
