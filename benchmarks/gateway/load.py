"""The load generator: blocking or epoll'd sockets that stay open, requests that are bytes made beforehand.

It costs about a tenth of what the cheapest server here costs, so that it is not what is measured.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

RECEIVE_BYTES = 256 * 1024
TIMEOUT_S = 30.0
END_OF_CHUNKS = b"0\r\n\r\n"


class BrokenError(AssertionError):
    """The server answered something else than 200, or nothing."""


@dataclass(frozen=True)
class Request:
    """Where to, and the whole request as it goes over the wire."""

    port: int
    wire: bytes


def post(port: int, path: str, key: str, body: bytes, *headers: str) -> Request:
    lines = (
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Authorization: Bearer {key}",
        "Content-Type: application/json",
        "Accept: application/json",
        "User-Agent: OpenAI/JS 5.12.2",
        f"Content-Length: {len(body)}",
        *headers,
    )
    return Request(port, "\r\n".join(lines).encode() + b"\r\n\r\n" + body)


class Connection:
    """One keep-alive connection, with at most one request under way."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.socket = socket.create_connection(("127.0.0.1", request.port), timeout=TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answer = b""
        self._left: int | None = None
        self.has_begun = False
        """the head of the answer and a first event are there"""

    def send(self) -> None:
        self._answer, self._left, self.has_begun = b"", None, False
        self.socket.sendall(self.request.wire)

    def receive(self) -> bool:
        """Reads what is there; whether the answer is whole now."""
        data = self.socket.recv(RECEIVE_BYTES)
        if not data:
            raise BrokenError(f"the connection was closed after {self._answer[:500]!r}")
        if not self.has_begun:
            return self._begin(self._answer + data)
        if self._left is None:
            self._answer = data if len(data) >= len(END_OF_CHUNKS) else self._answer + data
            return self._answer.endswith(END_OF_CHUNKS)
        self._answer += data
        self._left -= len(data)
        return self._left <= 0

    def _begin(self, answer: bytes) -> bool:
        self._answer = answer
        end = answer.find(b"\r\n\r\n")
        if end < 0:
            return False
        if not answer.startswith(b"HTTP/1.1 20"):
            raise BrokenError(answer[:1000].decode(errors="replace"))
        length = _content_length(answer[:end])
        if length is None:
            self.has_begun = b"data:" in answer
            return answer.endswith(END_OF_CHUNKS)
        self.has_begun = True
        self._left = end + 4 + length - len(answer)
        return self._left <= 0

    def ask(self) -> bytes:
        """The body of an answer whose length was announced."""
        self.send()
        while not self.receive():
            pass
        return self._answer.rpartition(b"\r\n\r\n")[2]

    def ask_first(self) -> float:
        """Seconds until the first event of a stream is there; the rest is read and forgotten."""
        started = time.perf_counter()
        self.send()
        whole = False
        while not whole and not self.has_begun:
            whole = self.receive()
        took = time.perf_counter() - started
        while not whole:
            whole = self.receive()
        return took

    def close(self) -> None:
        self.socket.close()


def _content_length(head: bytes) -> int | None:
    at = head.lower().find(b"content-length:")
    if at < 0:
        return None
    return int(head[at + 15 :].split(b"\r\n", 1)[0])


def seconds_of(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


@dataclass(frozen=True)
class Hammered:
    answered: int
    seconds: float
    asked: int
    """with those that were answered after the time was over"""


def hammer(connections: Sequence[Connection], seconds: float, at_least: int = 0) -> Hammered:
    """Each connection asks again as soon as it is answered, for so long, and until so many are answered.
    Whoever has asked by then is still heard out, off the clock."""
    poller, by_number = _asked(connections)
    answered, started = 0, time.perf_counter()
    ends = started + seconds
    while time.perf_counter() < ends or answered < at_least:
        for number, _ in _polled(poller):
            connection = by_number[number]
            if connection.receive():
                answered += 1
                connection.send()
    took = time.perf_counter() - started
    _drain(poller, by_number)
    return Hammered(answered, took, answered + len(connections))


def stream_all(connections: Sequence[Connection]) -> None:
    """One stream on each connection, read to the end."""
    poller, by_number = _asked(connections)
    _drain(poller, by_number)


def begin_all(connections: Sequence[Connection]) -> None:
    """The same, only until each has begun."""
    poller, by_number = _asked(connections)
    while not all(connection.has_begun for connection in connections):
        for number, _ in _polled(poller):
            by_number[number].receive()
    poller.close()


def _asked(connections: Sequence[Connection]) -> tuple[select.epoll, dict[int, Connection]]:
    poller = select.epoll()
    by_number = {connection.socket.fileno(): connection for connection in connections}
    for number, connection in by_number.items():
        poller.register(number, select.EPOLLIN)
        connection.send()
    return poller, by_number


def _drain(poller: select.epoll, by_number: dict[int, Connection]) -> None:
    left = set(by_number)
    while left:
        for number, _ in _polled(poller):
            if by_number[number].receive():
                left.discard(number)
    poller.close()


def _polled(poller: select.epoll) -> list[tuple[int, int]]:
    found = poller.poll(TIMEOUT_S)
    if not found:
        raise BrokenError(f"no answer for {TIMEOUT_S:g} s")
    return found
