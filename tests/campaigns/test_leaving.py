"""Callers who leave at any moment, in any way: the upstream is let go, and nothing is left behind."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hypothesis import strategies as st

from tests.campaigns.replies import CHUNKS, REPLY
from tests.support.campaign import generated
from tests.support.raw_upstream import Step
from tests.support.watched import Watched, patient

CASES = 1_000
LET_GO_S = 5.0
"""a bound on a busy machine; SPEC says 250 ms, and benchmarks/ measures it"""

Moment = Literal[
    "in the head", "in the body", "before the first byte", "after the head", "amid the reply", "at the end"
]
Way = Literal["close", "reset", "half close"]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\n"
EVENT = b"data: " + json.dumps(CHUNKS[1]).encode() + b"\n\n"
GOODBYE = b"data: " + json.dumps(CHUNKS[4]).encode() + b"\n\ndata: [DONE]\n\n"
FOREVER = 1_000


@dataclass(frozen=True)
class Case:
    streamed: bool
    moment: Moment
    way: Way
    after: float
    """0 to 1: how much of the request was sent, or how long the caller stayed"""

    @property
    def asks(self) -> bool:
        return self.moment not in ("in the head", "in the body")

    @property
    def script(self) -> Sequence[Step]:
        """Without an end, except where the caller leaves at the end."""
        if self.moment == "before the first byte":
            return ("hold",)
        head = HEAD % (b"text/event-stream" if self.streamed else b"application/json")
        if self.moment == "after the head":
            return (head, "hold")
        if not self.streamed:
            body = json.dumps(REPLY).encode()
            slowly = [step for byte in body[:-1] for step in (bytes([byte]), 0.02)]
            return (head, *slowly, "hold") if self.moment == "amid the reply" else (head, 0.05, body, "fin")
        if self.moment == "amid the reply":
            return (head, *(EVENT, 0.005) * FOREVER, "hold")
        return (head, *(EVENT, 0.005) * 10, GOODBYE, "fin")

    @property
    def stays_s(self) -> float:
        return 0.03 + self.after * {"at the end": 0.12, "amid the reply": 0.3}.get(self.moment, 0.15)


CASE = st.builds(
    Case,
    streamed=st.booleans(),
    moment=st.sampled_from(Moment.__args__),  # type: ignore[attr-defined]
    way=st.sampled_from(Way.__args__),  # type: ignore[attr-defined]
    after=st.floats(0, 1, allow_subnormal=False).map(lambda part: round(part, 3)),
)


def test_whoever_leaves_leaves_nothing_behind(watched: Watched, at_rest: dict[str, Any]) -> None:
    for batch in generated(CASE, CASES):
        watched.upstream.calls.clear()
        before = watched.rows()
        left_at = watched.bench.run(_run_batch(watched, batch))
        watched.settled(at_rest)
        check_upstream(watched, batch, left_at)
        check_rows(watched.rows() - before, batch, len(watched.upstream.calls))


def check_upstream(watched: Watched, batch: Sequence[Case], left_at: Sequence[float]) -> None:
    """Each request that arrived there was let go soon after its caller had left."""
    for call in watched.upstream.calls:
        number = int(call.lane.removeprefix("patient-"))
        case = batch[number]
        assert case.asks, f"half a request was sent on: {case}"
        if call.played:
            assert case.moment == "at the end", case
        else:
            assert call.left_at is not None, case
            assert call.left_at - left_at[number] < LET_GO_S, case


def check_rows(rows: dict[str, int], batch: Sequence[Case], calls: int) -> None:
    """A row for each call that was made; a caller who left in time is ``cancelled``."""
    asked = sum(case.asks for case in batch)
    to_the_end = sum(case.moment == "at the end" for case in batch)
    assert set(rows) <= {"cancelled", "success"}, rows
    assert rows.get("success", 0) <= to_the_end
    assert calls <= sum(rows.values()) <= asked


async def _run_batch(watched: Watched, batch: Sequence[Case]) -> list[float]:
    """When each caller left."""
    return await asyncio.gather(*(_leave(watched, number, case) for number, case in enumerate(batch)))


async def _leave(watched: Watched, number: int, case: Case) -> float:
    watched.upstream.scripts[patient(number)] = case.script
    head, body = _request(watched, number, case)
    reader, writer = await asyncio.open_connection("127.0.0.1", watched.port)
    if case.moment == "in the head":
        writer.write(head[: int(case.after * len(head))])
    elif case.moment == "in the body":
        writer.write(head + body[: int(case.after * len(body))])
    else:
        writer.write(head + body)
    reading = asyncio.create_task(_read(reader))
    await asyncio.sleep(case.stays_s)
    raw: socket.socket = writer.get_extra_info("socket")
    if case.way == "half close":
        writer.write_eof()
        await asyncio.wait({reading}, timeout=LET_GO_S)
    elif case.way == "reset":
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    left_at = time.monotonic()
    reading.cancel()
    writer.transport.abort()
    return left_at


async def _read(reader: asyncio.StreamReader) -> None:
    try:
        while await reader.read(65536):
            pass
    except ConnectionError:
        pass


def _request(watched: Watched, number: int, case: Case) -> tuple[bytes, bytes]:
    messages = [{"role": "user", "content": "Hi"}]
    body = json.dumps({"model": patient(number), "messages": messages, "stream": case.streamed}).encode()
    head = (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n"
        % (watched.keys[number].encode(), len(body))
    )
    return head, body[:-1] if case.moment == "in the body" else body
