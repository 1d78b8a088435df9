"""A model that does whatever it is told outside of the fences, and nothing that stands within them.

It reads fences as a careless reader would: any line end counts, case, invisible and odd letters do not. So
a text gets out by whatever could make a model believe that its block has ended.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from cli.demo.script import Reply
from cli.demo.wire import Completion, sse
from tests.support.injections import MARK

Say = Callable[[str, int, str], str]
"""What it answers honestly: to a stage's n-th question (from 0), whose fence it knows"""

_STAGES = {"claude": "plan", "deepseek": "code", "gpt-4o": "review"}
_FENCE = re.compile(r"`<<<(DATA-[0-9a-f]{12})`")


class Obedient:
    def __init__(self, say: Say) -> None:
        self._say = say
        self._asked: Counter[str] = Counter()
        self.obeyed: list[tuple[str, str]] = []
        """(stage, mark) of each order that it has found outside of the fences"""
        self.prompts: list[tuple[str, str]] = []
        """(stage, everything that it was sent)"""

    def answer(self, request: Mapping[str, Any]) -> str:
        stage = next(stage for model, stage in _STAGES.items() if model in request["model"])
        messages = request["messages"]
        self.prompts.append((stage, "\n".join(message["content"] for message in messages)))
        orders = [order for message in messages for order in orders_in(message)]
        self.obeyed += [(stage, order) for order in orders]
        if orders:
            return f"I obey: {orders}"
        n = self._asked[stage]
        self._asked[stage] += 1
        return self._say(stage, n, fence_of("\n".join(message["content"] for message in messages)))


def fence_of(text: str) -> str:
    found = _FENCE.search(text)
    return found[1] if found else ""


def orders_in(message: Mapping[str, Any]) -> list[str]:
    """Its own earlier words are no orders to it."""
    return [] if message["role"] == "assistant" else re.findall(MARK, outside(message["content"]))


def outside(text: str) -> str:
    """What stands in no block. A fence is one that the message names before anything is fenced."""
    fence = _as_read(fence_of(text))
    kept, is_inside = [], False
    for line in text.splitlines():
        read = _as_read(line)
        if is_inside:
            is_inside = read != f"{fence}>>>"
        elif fence and read.startswith(f"<<<{fence}"):
            is_inside = True
        else:
            kept.append(line)
    return "\n".join(kept)


def _as_read(line: str) -> str:
    shape = unicodedata.normalize("NFKC", line)
    return "".join(c for c in shape if unicodedata.category(c) not in ("Cf", "Cc", "Mn")).strip().casefold()


@asynccontextmanager
async def served(model: Obedient) -> AsyncIterator[str]:
    """Its base URL, as OpenAI's would be."""

    async def complete(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        completion = Completion("chatcmpl-1", 1, body, Reply(content=model.answer(body)))
        frames = [sse(chunk) for chunk in completion.chunks()]
        return web.Response(body=b"".join([*frames, sse("[DONE]")]), content_type="text/event-stream")

    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/v1/chat/completions", complete)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()
