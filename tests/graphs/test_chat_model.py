"""ChatOpenAI on the house's own wire, against an upstream of plain sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from cfx_flow.chat.usage import Usage
from cfx_flow.errors import UpstreamError, UpstreamFailed, UpstreamLimited, UpstreamRefused, UpstreamTimeout
from cfx_flow.stages.model import Price, Target, Upstream
from cfx_flow.upstream.client import UpstreamClient
from cfx_flow.upstream.patience import Sweeper
from graphs.chat_model import USAGE, HouseChat, chat_model
from tests.support.raw_upstream import RawUpstream, Step

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"
LANE = "model"


def chunked(text: str) -> bytes:
    return b"%x\r\n%s\r\n" % (len(text.encode()), text.encode())


def event(frame: dict[str, Any] | str) -> bytes:
    return chunked(f"data: {frame if isinstance(frame, str) else json.dumps(frame)}\n\n")


def word(text: str, finish_reason: str | None = None) -> bytes:
    return event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}]})


REPORT = event({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "cost": 0.25}})
DONE = event("[DONE]")
WORDS: list[Step] = [HEAD, word("Some "), word("words.", "stop") + REPORT]


@pytest.fixture
async def upstream() -> AsyncIterator[RawUpstream]:
    upstream = RawUpstream()
    await upstream.open()
    yield upstream
    await upstream.close()


@pytest.fixture
async def model(upstream: RawUpstream) -> AsyncIterator[HouseChat]:
    house = Upstream("test", f"{upstream.url}/{LANE}/v1", None, read_timeout_s=0.5)
    client = UpstreamClient(Sweeper(period_s=0.05))
    await client.open()
    yield chat_model(Target(house, "model", Price(Decimal(1), Decimal(1)), 100_000, 8_000), client)
    await client.close()


async def said_by(model: HouseChat, asked: str = "Hello") -> str:
    return "".join([chunk.text async for chunk in model.chunks([HumanMessage(asked)])])


async def test_a_stream_brings_its_words_its_usage_and_its_price(
    model: HouseChat, upstream: RawUpstream
) -> None:
    upstream.scripts[LANE] = [*WORDS, DONE + LAST]
    chunks = [chunk async for chunk in model.chunks([HumanMessage("Hello")])]
    assert "".join(chunk.text for chunk in chunks) == "Some words."
    told: dict[str, Any] = {}
    for chunk in chunks:
        told |= chunk.generation_info or {}
    assert (told["finish_reason"], told[USAGE]) == ("stop", Usage(3, 2, cost_usd=Decimal("0.25")))


async def test_langchains_own_stream_has_the_same_words(model: HouseChat, upstream: RawUpstream) -> None:
    upstream.scripts[LANE] = [*WORDS, DONE + LAST]
    assert "".join([chunk.text async for chunk in model.astream("Hello")]) == "Some words."


async def test_one_connection_serves_call_after_call(model: HouseChat, upstream: RawUpstream) -> None:
    """The end of the body may come a moment behind the last word."""
    upstream.scripts[LANE] = [*WORDS, DONE, 0.05, LAST, "keep"]
    assert [await said_by(model) for _ in range(3)] == ["Some words."] * 3
    assert (len(upstream.calls), upstream.open_connections) == (3, 1)


async def test_a_body_that_does_not_end_behind_its_last_word_is_not_waited_for(
    model: HouseChat, upstream: RawUpstream
) -> None:
    upstream.scripts[LANE] = [*WORDS, DONE, "hold"]
    assert await said_by(model) == "Some words."


async def test_half_a_character_in_a_task_is_sent_as_it_is(model: HouseChat, upstream: RawUpstream) -> None:
    asked = []

    def script(body: bytes) -> list[Step]:
        asked.append(json.loads(body)["messages"][-1]["content"])
        return [*WORDS, DONE + LAST]

    upstream.scripts[LANE] = script
    assert await said_by(model, "half \ud83d of it") == "Some words."
    assert asked == ["half \ud83d of it"]


async def test_an_upstream_that_only_says_that_it_works_is_given_up(
    model: HouseChat, upstream: RawUpstream
) -> None:
    upstream.scripts[LANE] = [HEAD, *[step for _ in range(20) for step in (chunked(": working\n\n"), 0.1)]]
    with pytest.raises(UpstreamTimeout, match=r"silent for 0\.5 s"):
        await said_by(model)


@pytest.mark.parametrize("frame", ["7", "{", '{"error": {"message": "boom", "code": 500}}'])
async def test_a_frame_that_is_no_chunk_is_the_upstreams_failure(
    model: HouseChat, upstream: RawUpstream, frame: str
) -> None:
    upstream.scripts[LANE] = [HEAD, event(frame) + DONE + LAST]
    with pytest.raises(UpstreamFailed):
        await said_by(model)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"error": {"message": "slow down", "code": "429"}}', UpstreamLimited),
        (b"null", UpstreamRefused),
        (b'{"choices": [{"message": {"content": "Some words."}}]}', UpstreamFailed),
    ],
)
async def test_an_answer_in_one_piece_means_what_it_means_in_chat(
    model: HouseChat, upstream: RawUpstream, body: bytes, error: type[UpstreamError]
) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    upstream.scripts[LANE] = [head % len(body) + body]
    with pytest.raises(error):
        await said_by(model)
