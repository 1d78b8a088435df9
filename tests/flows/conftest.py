"""The house in this process: real store, real graph, real HTTP to the scripted provider."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.wiring import Services, open_services, start_flows
from cfx_flow.flows.feed import follow
from cfx_flow.settings import Settings
from tests.support.provider import Provider


class House:
    """One running server without a socket: its services, and a client that shows a user's key."""

    def __init__(self, services: Services, client: httpx.AsyncClient) -> None:
        self.services, self.client = services, client

    async def start(self, task: str = "Greet with an exclamation mark", **body: Any) -> str:
        body = {"task": task, "workspace": {"files": FILES}} | body
        answer = await self.client.post("/v1/flows", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    async def get(self, flow_id: str) -> dict[str, Any]:
        answer = await self.client.get(f"/v1/flows/{flow_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def events(self, flow_id: str) -> list[dict[str, Any]]:
        return list((await self.client.get(f"/v1/flows/{flow_id}/events")).json()["data"])

    async def until(
        self, flow_id: str, condition: Callable[[dict[str, Any]], bool], timeout_s: float = 60
    ) -> dict[str, Any]:
        async with asyncio.timeout(timeout_s):
            while not condition(flow := await self.get(flow_id)):
                await asyncio.sleep(0.05)
        return flow

    async def ended(self, flow_id: str, silent_s: float = 20) -> dict[str, Any]:
        """Follows the timeline to its end, as a client would, but without the cost of HTTP. ``silent_s``: how
        long nothing may happen; how long it takes is the machine's business."""
        flows, loop = self.services.flows, asyncio.get_running_loop()
        async with asyncio.timeout(silent_s) as patience:
            async for event in follow(partial(flows.events, flow_id), flows.feed, flow_id, 0, poll_s=0.2):
                if event is not None:
                    patience.reschedule(loop.time() + silent_s)
        return await self.get(flow_id)

    async def run(self, task: str = "Greet with an exclamation mark", **body: Any) -> dict[str, Any]:
        return await self.ended(await self.start(task, **body))

    async def step(self, flow_id: str, n: int) -> dict[str, Any]:
        return dict((await self.client.get(f"/v1/flows/{flow_id}/steps/{n}")).json())

    async def client_for(self, user: str, **options: Any) -> httpx.AsyncClient:
        key = await self.services.accounts.create_key(user, **options)
        return _client(self.services, key.key)


FILES = {"greet.py": 'def greet(name):\n    return "Hello " + name\n', "README.md": "# Greeter\n"}

OpenHouse = Callable[..., AbstractAsyncContextManager[House]]


def _client(services: Services, key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(services)),
        base_url="http://house",
        headers={"authorization": f"Bearer {key}"},
    )


@pytest.fixture
def open_house(provider: Provider, tmp_path: Path) -> OpenHouse:
    """Opens the house on a database; closing it is what a SIGTERM does to the server."""

    @asynccontextmanager
    async def opening(database_url: str, **environ: str) -> AsyncIterator[House]:
        environ = {
            "CFX_DATA_DIR": str(tmp_path / "data"),
            "CFX_DATABASE_URL": database_url,
            "CFX_LITELLM_URL": provider.url,
            "CFX_HASH_SALT": "salt of the tests, of no other use",
            "CFX_WITH_WORKER": "true",
        } | environ
        async with AsyncExitStack() as closing:
            services = await closing.enter_async_context(open_services(Settings.load(environ), environ))
            await start_flows(services)
            key = await services.accounts.create_key("alice")
            client = await closing.enter_async_context(_client(services, key.key))
            yield House(services, client)

    return opening


@pytest.fixture
async def house(open_house: OpenHouse, sqlite_url: str) -> AsyncIterator[House]:
    async with open_house(sqlite_url) as house:
        yield house


@pytest.fixture
async def any_house(open_house: OpenHouse, database_url: str) -> AsyncIterator[House]:
    """On SQLite and on Postgres."""
    async with open_house(database_url) as house:
        yield house
