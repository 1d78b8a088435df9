"""Streams that run while a test does something else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.gateway.conftest import Gateway

LONG = {"content": "word " * 4000, "chunk_chars": 5, "chunk_delay_s": 0.02}


@asynccontextmanager
async def running(
    gateway: Gateway, key: str | None = None, headers: dict[str, str] | None = None, **body: Any
) -> AsyncIterator[asyncio.Task[str]]:
    """A stream that has begun; the task's result is all that came down."""
    begun = asyncio.Event()

    async def read() -> str:
        text = ""
        sent = {"authorization": f"Bearer {key or gateway.key}"} | (headers or {})
        request = {"messages": [{"role": "user", "content": "Say hello"}], "model": "cfx-review"} | body
        async with gateway.client.stream(
            "POST", "/v1/chat/completions", json={"stream": True} | request, headers=sent
        ) as answer:
            async for piece in answer.aiter_text():
                text += piece
                begun.set()
        return text

    reading = asyncio.create_task(read())
    async with asyncio.timeout(10):
        await begun.wait()
    yield reading
    reading.cancel()


def last_error(text: str) -> dict[str, Any]:
    assert "[DONE]" not in text
    frame = text.rsplit("data: ", maxsplit=1)[-1]
    error: dict[str, Any] = json.loads(frame)["error"]
    return error
