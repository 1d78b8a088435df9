"""``python -m benchmarks.flows.provider``: the three models behind HTTP, streamed in OpenAI's shape.

It prints its port and serves until SIGTERM. ``--delay S``: before the first word.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from benchmarks.flows.answers import Answers

_USAGE = {"prompt_tokens": 100, "completion_tokens": 100, "total_tokens": 200}
PIECES = 20
"""of an answer, as a model streams it"""


def _frames(model: str, text: str) -> Iterator[bytes]:
    size = len(text) // PIECES + 1
    for at in range(0, len(text), size):
        yield _frame(model, [{"index": 0, "delta": {"content": text[at : at + size]}, "finish_reason": None}])
    yield _frame(model, [{"index": 0, "delta": {}, "finish_reason": "stop"}])
    yield _frame(model, [], usage=_USAGE)
    yield b"data: [DONE]\n\n"


def _frame(model: str, choices: list[dict[str, Any]], **more: Any) -> bytes:
    kind = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": model}
    return b"data: " + json.dumps({**kind, "choices": choices, **more}).encode() + b"\n\n"


def _app(delay_s: float) -> web.Application:
    answers = Answers()

    async def chat(request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        await asyncio.sleep(delay_s)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        text = answers.of_model(asked["model"], str(asked["messages"][-1]["content"]))
        await response.write(b"".join(_frames(asked["model"], text)))
        return response

    app = web.Application(client_max_size=2**24)
    app.router.add_post("/v1/chat/completions", chat)
    return app


async def _serve(delay_s: float) -> None:
    runner = web.AppRunner(_app(delay_s))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


@asynccontextmanager
async def provider(delay_s: float = 0) -> AsyncIterator[str]:
    """Its address, while its process runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, "--delay", str(delay_s), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        port = int(await asyncio.wait_for(process.stdout.readline(), 30))
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        await process.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flows.provider")
    parser.add_argument("--delay", type=float, default=0)
    asyncio.run(_serve(parser.parse_args().delay))
