"""An upstream that sends too much, unpacked or not: it is cut off, and memory stays bounded."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from tests.campaigns.replies import CHUNKS
from tests.campaigns.test_bad_upstream import Case, chat_request, check
from tests.support.campaign import is_full
from tests.support.raw_client import RawAnswer, answers_in, talk
from tests.support.raw_upstream import Step
from tests.support.watched import Watched, lane

MB = 1024 * 1024
MEMORY_MB = 400
"""More than this on top would be no bound at all: a reply may have 64 MB, an event 8."""


def _head(kind: bytes, *lines: bytes) -> bytes:
    return b"\r\n".join((b"HTTP/1.1 200 OK", b"Content-Type: " + kind, *lines)) + b"\r\n\r\n"


JSON, SSE = b"application/json", b"text/event-stream"
FIRST = b"data: " + json.dumps(CHUNKS[0]).encode() + b"\n\n"


def _bomb(window_bits: int) -> bytes:
    """150 MB of blanks in 150 kB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, window_bits)
    return b"".join([packer.compress(b" " * MB) for _ in range(150)]) + packer.flush()


TOO_MUCH: dict[str, Sequence[Step]] = {
    "a body of 66 MB": (_head(JSON), *[b"x" * MB] * 66, "fin"),
    "a body that says it has 10 TB": (_head(JSON, b"Content-Length: 10995116277760"), b"{", "fin"),
    "an error of 4 MB": (b"HTTP/1.1 400 Bad\r\n\r\n", *[b"x" * MB] * 4, "fin"),
    "a line of 10 MB": (_head(SSE), FIRST, b"data: ", *[b"x" * MB] * 10, "hold"),
    "a line of 66 MB at once": (_head(SSE), b"data: " + b"x" * 66 * MB, "hold"),
    "a comment of 66 MB": (_head(SSE), b":" + b"x" * 66 * MB, "hold"),
    "blank lines without end": (_head(SSE), b"\n" * 10 * MB, "fin"),
    "carriage returns without end": (_head(SSE), b"\r" * 10 * MB, "fin"),
    "comments before the first event": (_head(SSE), b": wait\n\n" * MB, "fin"),
    "a header of 4 MB": (b"HTTP/1.1 200 OK\r\nX: ", *[b"x" * MB] * 4, "fin"),
    "a million headers": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * MB, "fin"),
    "ten thousand 1xx": (b"HTTP/1.1 102 Processing\r\n\r\n" * 10_000, "fin"),
    "a chunk of 66 MB": (_head(SSE, b"Transfer-Encoding: chunked"), b"4200000\r\n" + b"x" * 66 * MB, "fin"),
    "chunk sizes without end": (_head(SSE, b"Transfer-Encoding: chunked"), b"0" * 4 * MB, "fin"),
    "trailers without end": (
        _head(SSE, b"Transfer-Encoding: chunked"),
        b"0\r\n" + b"X: y\r\n" * MB,
        "fin",
    ),
}


def _unpacked() -> dict[str, Sequence[Step]]:
    """Nobody asked for a coding, but an upstream may use one all the same. For br and zstd aiohttp has no decoder
    here, and refuses them."""
    bombs = {"gzip": _bomb(31), "deflate": _bomb(15)}
    return {
        f"{name} as {kind.decode()}": (_head(kind, b"Content-Encoding: " + name.encode()), bomb, "fin")
        for name, bomb in bombs.items()
        for kind in (JSON, SSE)
    } | {"gzip in gzip": (_head(JSON, b"Content-Encoding: gzip, gzip"), gzip.compress(bombs["gzip"]), "fin")}


@pytest.fixture(scope="module")
def bombs() -> dict[str, Sequence[Step]]:
    return _unpacked()


BOMBS = [
    *(f"{coding} as {kind.decode()}" for coding in ("gzip", "deflate") for kind in (JSON, SSE)),
    "gzip in gzip",
]


def _both_ways(names: Iterable[str]) -> list[Any]:
    """Asked as a whole and as a stream; in ``make test`` each in one way only."""
    both = [(name, streamed) for name in names for streamed in (False, True)]
    chosen = both if is_full() else [both[index * 2 + index % 2] for index in range(len(both) // 2)]
    return [pytest.param(name, streamed, id=f"{name}{', streamed' * streamed}") for name, streamed in chosen]


@pytest.mark.parametrize(("name", "streamed"), _both_ways(TOO_MUCH))
def test_too_much_is_cut_off(watched: Watched, at_rest: dict[str, Any], name: str, streamed: bool) -> None:
    _check_bounded(watched, at_rest, TOO_MUCH[name], streamed)


@pytest.mark.parametrize(("name", "streamed"), _both_ways(BOMBS))
def test_bomb_is_not_unpacked_to_its_end(
    watched: Watched, at_rest: dict[str, Any], bombs: dict[str, Sequence[Step]], name: str, streamed: bool
) -> None:
    _check_bounded(watched, at_rest, bombs[name], streamed)


def _check_bounded(watched: Watched, at_rest: dict[str, Any], script: Sequence[Step], streamed: bool) -> None:
    watched.state("later")
    before = watched.state("collect")
    watched.upstream.scripts[lane(0)] = script
    raw = watched.bench.run(talk(watched.port, chat_request(watched, 0, stream=streamed), timeout_s=60))
    (answer,) = answers_in(raw)
    assert isinstance(answer, RawAnswer)
    check(answer, Case(streamed, ()))
    after = watched.settled(at_rest)
    assert (after["peak_kb"] - before["rss_kb"]) / 1024 < MEMORY_MB
