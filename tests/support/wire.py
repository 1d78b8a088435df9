"""The line to a store, to be cut, frozen and mended: a relay on loopback in front of the real one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

from sqlalchemy import make_url

Ends: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_CHUNK = 65536


class Wire:
    def __init__(self, dial: Callable[[], Awaitable[Ends]]) -> None:
        self._dial = dial
        self._open: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._is_cut = False
        self._calls: set[asyncio.Task[None]] = set()
        self.port = 0

    def serve(self, near: asyncio.StreamReader, nearer: asyncio.StreamWriter) -> None:
        call = asyncio.create_task(self._carry(near, nearer))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _carry(self, near: asyncio.StreamReader, nearer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            nearer.transport.abort()
            return
        far, farther = await self._dial()
        self._open |= {nearer, farther}
        await asyncio.gather(self._pass_on(near, farther), self._pass_on(far, nearer))
        self._open -= {nearer, farther}
        for writer in (nearer, farther):
            writer.transport.abort()

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await source.read(_CHUNK):
                await self._flows.wait()
                target.write(chunk)
                await target.drain()
        target.close()

    def cut(self) -> None:
        """Every connection ends at once, and new ones are hung up on."""
        self._is_cut = True
        for writer in self._open:
            writer.transport.abort()

    def freeze(self) -> None:
        """Nothing is refused and nothing arrives: what an unplugged machine looks like."""
        self._flows.clear()

    async def close(self) -> None:
        self._flows.set()
        self.cut()
        while self._calls:
            await asyncio.wait(self._calls)

    def mend(self) -> None:
        self._is_cut = False
        self._flows.set()


@contextlib.asynccontextmanager
async def wired(dial: Callable[[], Awaitable[Ends]]) -> AsyncIterator[Wire]:
    wire = Wire(dial)
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        await wire.close()


@contextlib.asynccontextmanager
async def wired_postgres(url: str) -> AsyncIterator[tuple[Wire, str]]:
    """The wire, and the database's address through it."""
    address = make_url(url)
    folder = address.query.get("host")
    port = address.port or 5432

    async def dial() -> Ends:
        if isinstance(folder, str):
            return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{port}")
        return await asyncio.open_connection(address.host, port)

    async with wired(dial) as wire:
        through = address.set(host="127.0.0.1", port=wire.port, query={"sslmode": "disable"})
        yield wire, through.render_as_string(hide_password=False)


@contextlib.asynccontextmanager
async def wired_redis(url: str) -> AsyncIterator[tuple[Wire, str]]:
    address = make_url(url)

    async def dial() -> Ends:
        return await asyncio.open_connection(address.host, address.port or 6379)

    async with wired(dial) as wire:
        through = address.set(host="127.0.0.1", port=wire.port)
        yield wire, through.render_as_string(hide_password=False)
