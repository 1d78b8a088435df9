"""A client that sends any bytes, and reads the answer as strictly as a proxy in front of us would."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any

_STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) [\x20-\x7e]*")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\x20-\x7e\x80-\xff\t]*)")


class NotHttpError(AssertionError):
    """Our own server sent something that is no HTTP/1.1 response."""


@dataclass(frozen=True)
class RawAnswer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Strict: no NaN, no Infinity, UTF-8."""
        return json.loads(self.body.decode(), parse_constant=_refuse_constant, parse_int=_number)


def _number(digits: str) -> int:
    """JSON has integers of any length, Python reads 4,300 digits of one."""
    return int(digits[:4_000])


def _refuse_constant(name: str) -> None:
    raise NotHttpError(f"{name} is not JSON")


async def talk(port: int, request: bytes, *, timeout_s: float, quiet_s: float | None = None) -> bytes:
    """Everything that comes back until the server closes. Raises TimeoutError: a server that hangs.

    With ``quiet_s`` it ends as well once nothing has come for so long.
    """
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            got = bytearray()
            try:
                while piece := await _piece(reader, quiet_s):
                    got += piece
            except ConnectionError:
                pass  # what came before it counts
            return bytes(got)
        finally:
            writer.transport.abort()


async def _piece(reader: asyncio.StreamReader, quiet_s: float | None) -> bytes:
    try:
        async with asyncio.timeout(quiet_s):
            return await reader.read(65536)
    except TimeoutError:
        if quiet_s is None:
            raise
        return b""


def answers_in(raw: bytes, *, heads: bool = False) -> list[RawAnswer]:
    """All responses of one connection, the 1xx ones left out. Raises NotHttpError.

    ``heads``: they answer HEAD, so that none has a body.
    """
    answers = []
    while raw:
        answer, raw = _one(raw, heads)
        if answer.status >= 200:
            answers.append(answer)
    return answers


def _one(raw: bytes, heads: bool) -> tuple[RawAnswer, bytes]:
    head, end, rest = raw.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    status = _STATUS_LINE.fullmatch(first)
    if not status or not end:
        raise NotHttpError(f"no status line and head: {raw[:200]!r}")
    fields = [_FIELD.fullmatch(line) for line in lines]
    if not all(fields):
        raise NotHttpError(f"bad header lines: {head!r}")
    headers = {f[1].decode().lower(): f[2].decode("latin-1") for f in fields if f}
    number = int(status[1])
    if heads or number < 200 or number in (204, 304):
        return RawAnswer(number, headers, b""), rest
    if headers.get("transfer-encoding") == "chunked":
        body, rest = _chunks(rest)
    elif "content-length" in headers:
        length = int(headers["content-length"])
        body, rest = rest[:length], rest[length:]
        if len(body) != length:
            raise NotHttpError(f"{len(body)} of {length} bytes came")
    else:
        raise NotHttpError(f"neither length nor chunks: {head!r}")
    return RawAnswer(number, headers, body), rest


def _chunks(raw: bytes) -> tuple[bytes, bytes]:
    body = []
    while True:
        size, end, raw = raw.partition(b"\r\n")
        if not end or not re.fullmatch(rb"[0-9a-fA-F]{1,8}", size):
            raise NotHttpError(f"the chunks break off: {size[:80]!r}")
        length = int(size, 16)
        piece, mark, raw = raw[:length], raw[length : length + 2], raw[length + 2 :]
        if mark != b"\r\n":
            raise NotHttpError("a chunk does not end where it should")
        if not length:
            return b"".join(body), raw
        body.append(piece)
