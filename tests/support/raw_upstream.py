"""An upstream that sends exactly the bytes it is told, HTTP or not.

It listens once and has many lanes: the first part of a request's path names the lane, and
each lane has a script of its own. So many cases can run at a time, and all share one pool of
connections in the client, as the models behind one proxy do.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

End: TypeAlias = Literal["fin", "rst", "hold", "keep"]
"""close, reset, stay silent until the client leaves, or read the next request"""
Step: TypeAlias = bytes | float | End
"""bytes to send, seconds to wait, or how it ends; a script without an end closes"""
Script: TypeAlias = Sequence[Step] | Callable[[bytes], Sequence[Step]]
"""a function is given the request's body"""

_LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
_NEVER_READ = 30.0


@dataclass
class Call:
    """One request that arrived whole."""

    lane: str
    arrived_at: float
    played: bool = False
    """the script came to its end"""
    left_at: float | None = None
    """when the client was seen to have closed the connection, if before the script's end"""


@dataclass
class RawUpstream:
    scripts: dict[str, Script] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    open_connections: int = 0
    url: str = ""
    _server: asyncio.Server | None = None
    _handlers: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=512)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for handler in tuple(self._handlers):
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    @property
    def playing(self) -> int:
        """Calls whose client still waits for the script's end."""
        return sum(not call.played and call.left_at is None for call in self.calls)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        self.open_connections += 1
        try:
            while await self._serve_one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client left
        finally:
            self.open_connections -= 1
            self._handlers.discard(task)
            writer.transport.abort()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether another request may come on this connection."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        body = await reader.readexactly(int(length[1]) if length else 0)
        lane = head.split(b" ", 2)[1].split(b"/")[1].decode()
        call = Call(lane, time.monotonic())
        self.calls.append(call)
        script = self.scripts.get(lane, ())
        playing = asyncio.create_task(_play(script(body) if callable(script) else script, writer))
        leaving = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait({playing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if playing.done() and playing.exception() is None:
                call.played = True
                if playing.result() != "keep":
                    return False
                return bool(await self._push_back(leaving, reader))
            call.left_at = time.monotonic()
            return False
        finally:
            for task in (playing, leaving):
                task.cancel()
            await asyncio.gather(playing, leaving, return_exceptions=True)

    async def _push_back(self, leaving: asyncio.Task[bytes], reader: asyncio.StreamReader) -> bytes:
        """The watcher took the next request's first byte."""
        first = await leaving
        if first:
            reader._buffer[:0] = first  # type: ignore[attr-defined]
        return first


async def _play(script: Sequence[Step], writer: asyncio.StreamWriter) -> End:
    for step in script:
        if isinstance(step, bytes):
            writer.write(step)
            await writer.drain()
        elif isinstance(step, str):
            if step == "hold":
                await asyncio.sleep(_NEVER_READ)
            elif step == "rst":
                _reset(writer)
            if step != "keep":
                await _finish(writer)
            return step
        else:
            await asyncio.sleep(step)
    await _finish(writer)
    return "fin"


def _reset(writer: asyncio.StreamWriter) -> None:
    """A close with nothing to linger for is sent as RST."""
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _finish(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
