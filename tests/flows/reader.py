"""Somebody who reads a stream of events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from api.app import create_app
from tests.flows.conftest import House


class Reader:
    """One GET of an event stream, straight at the ASGI app: what was sent, and a way to leave."""

    def __init__(self) -> None:
        self.status = 0
        self.text = ""
        self.ended = False
        self.left = asyncio.Event()
        self._news = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        self.text += message.get("body", b"").decode()
        self.ended = message["type"] == "http.response.body" and not message.get("more_body")
        self._news.set()

    @property
    def events(self) -> list[dict[str, Any]]:
        blocks = [block.split("\n") for block in self.text.split("\n\n") if block.startswith("id:")]
        events = [json.loads(data.removeprefix("data: ")) for _, _, data in blocks]
        assert [f"id: {event['seq']}" for event in events] == [block[0] for block in blocks]
        assert [f"event: {event['type']}" for event in events] == [block[1] for block in blocks]
        return events

    async def until(self, type_: str) -> None:
        await self.told(lambda event: event["type"] == type_)

    async def told(self, is_it: Callable[[dict[str, Any]], bool]) -> None:
        async with asyncio.timeout(30):
            while not any(map(is_it, self.events)):
                self._news.clear()
                await self._news.wait()

    async def until_the_end(self) -> None:
        async with asyncio.timeout(30):
            while not self.ended:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def reading_at(house: House, path: str, **headers: str) -> AsyncIterator[Reader]:
    reader = Reader()
    sent = {"accept": "text/event-stream", "authorization": house.client.headers["authorization"]} | headers
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1",
        "method": "GET", "path": path, "raw_path": b"", "query_string": b"",
        "root_path": "", "scheme": "http", "server": ("house", 80), "client": ("127.0.0.1", 1),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()],
    }  # fmt: skip
    task = asyncio.create_task(create_app(house.services)(scope, reader.receive, reader.send))
    try:
        yield reader
    finally:
        reader.left.set()
        async with asyncio.timeout(30):
            await task


def reading(house: House, flow_id: str, **headers: str) -> AbstractAsyncContextManager[Reader]:
    return reading_at(house, f"/v1/flows/{flow_id}/events", **headers)
