"""A transaction pooler in front of a Postgres, as PgBouncer or Supavisor: one session for all its clients,
lent to whoever speaks, until its transaction ends. What the session hears meanwhile for others is lost.

**Source**: PostgreSQL's "Message Formats"; PgBouncer's features table ("Transaction pooling").
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import make_url

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104
ENDS = (b"S", b"Q")  # Sync, or a simple query: then the server answers up to ReadyForQuery


class Pooler:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, greeting: bytes) -> None:
        self._reader, self._writer, self._greeting = reader, writer, greeting
        self._turn = asyncio.Lock()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._greet(reader, writer)
            while True:
                await self._transaction(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            (size,) = struct.unpack("!I", await reader.readexactly(4))
            (code,) = struct.unpack("!I", (await reader.readexactly(size - 4))[:4])
            if code not in (SSL_REQUEST, GSS_REQUEST):
                break
            writer.write(b"N")
        writer.write(self._greeting)
        await writer.drain()

    async def _transaction(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kind, message = await read_message(reader)
        async with self._turn:
            while True:
                if kind == b"X":
                    raise ConnectionError
                self._writer.write(message)
                if kind in ENDS and await self._answer(writer) == b"I":
                    return
                kind, message = await read_message(reader)

    async def _answer(self, writer: asyncio.StreamWriter) -> bytes:
        """Relayed; the status of the transaction after it."""
        while True:
            kind, message = await read_message(self._reader)
            writer.write(message)
            if kind == b"Z":
                await writer.drain()
                return message[-1:]


async def read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readexactly(5)
    (size,) = struct.unpack("!I", head[1:])
    return head[:1], head + await reader.readexactly(size - 4)


@asynccontextmanager
async def transaction_pooler(url: str) -> AsyncIterator[str]:
    """The address of the same database through a pooler. The server must trust us: no password is asked."""
    address = make_url(url)
    folder = str(address.query.get("host") or address.host)
    reader, writer = await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{address.port or 5432}")
    names = f"user\0{address.username}\0database\0{address.database}\0\0".encode()
    writer.write(struct.pack("!II", len(names) + 8, 196608) + names)
    greeting = b""
    while not greeting.endswith(b"Z\0\0\0\5I"):
        greeting += (await read_message(reader))[1]
    pooler = Pooler(reader, writer, greeting)
    server = await asyncio.start_server(pooler.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"postgresql://{address.username}@127.0.0.1:{port}/{address.database}?sslmode=disable"
    finally:
        server.close()
        writer.close()
