"""The gateway in this process: real store and middleware, a real socket, HTTP to the scripted provider."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import yaml
from sqlalchemy import select, update
from starlette.types import ASGIApp

from api.chat import ChatEndpoint
from api.dashboard.site import Dashboard
from api.downstream import Pace
from api.middleware.authentication import Authentication
from api.middleware.body_cap import BodyCap
from api.middleware.entry import Entry
from api.middleware.limits import Limits
from api.protocol import STALL_S, Protocol
from api.wiring import Services, open_services
from cfx_flow.accounts.key_watch import KeyWatch
from cfx_flow.settings import Settings
from cfx_flow.store.tables import accounts, request_logs
from cfx_flow.upstream.breaker import Breakers
from cfx_flow.upstream.client import UpstreamClient
from cfx_flow.upstream.patience import Sweeper
from tests.support.processes import HOUSE
from tests.support.provider import Provider

QUICK = Pace(open_after_s=0.2, ping_after_s=0.2)
"""for tests in which an upstream stays silent"""
HELLO = {"messages": [{"role": "user", "content": "Say hello"}]}


class Gateway:
    def __init__(self, services: Services, client: httpx.AsyncClient, key: str) -> None:
        self.services, self.client, self.key = services, client, key

    async def chat(self, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        return await self.client.post("/v1/chat/completions", json=HELLO | body, headers=headers)

    async def stream(self, headers: dict[str, str] | None = None, **body: Any) -> Streamed:
        return Streamed(await self.chat(headers, **({"stream": True} | body)))

    async def set_budget(self, usd: str | None, user: str = "alice") -> None:
        change = update(accounts).where(accounts.c.name == user)
        async with self.services.store.transaction() as connection:
            await connection.execute(change.values(monthly_usd=None if usd is None else Decimal(usd)))

    async def rows(self, count: int) -> list[dict[str, Any]]:
        """The request log, once it has ``count`` rows; oldest first."""
        async with asyncio.timeout(10):
            while True:
                async with self.services.store.read() as connection:
                    found = (
                        await connection.execute(select(request_logs).order_by(request_logs.c.created_at))
                    ).all()
                if len(found) >= count:
                    return [dict(row._mapping) for row in found]
                await asyncio.sleep(0.02)

    async def open_request(self, **body: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection that a test can read slowly or break: the request is sent, nothing is read yet."""
        url = self.client.base_url
        reader, writer = await asyncio.open_connection(url.host, url.port, limit=1024)
        payload = json.dumps(HELLO | body).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: {url.host}\r\nAuthorization: Bearer {self.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
        )
        writer.write(head.encode() + payload)
        await writer.drain()
        return reader, writer


class Streamed:
    """A streamed answer, taken apart."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.headers = response.headers
        self.events = [event for event in response.text.split("\n\n") if event]
        self.data = [event.removeprefix("data: ") for event in self.events if event.startswith("data: ")]
        self.frames: list[dict[str, Any]] = [json.loads(data) for data in self.data if data != "[DONE]"]

    @property
    def is_done(self) -> bool:
        return self.data[-1:] == ["[DONE]"]

    @property
    def pings(self) -> int:
        return sum(event.startswith(":") for event in self.events)

    @property
    def text(self) -> str:
        choices = [choice for frame in self.frames for choice in frame.get("choices", ())]
        return "".join(choice["delta"].get("content") or "" for choice in choices)


SHIPPED = HOUSE / "config" / "models.yaml"


def _with_timeouts(file: Path, timeouts: dict[str, float]) -> Path:
    models = yaml.safe_load(SHIPPED.read_text())
    models["upstreams"]["litellm"]["timeouts"] |= timeouts
    file.write_text(yaml.safe_dump(models))
    return file


OpenGateway = Callable[..., AbstractAsyncContextManager[Gateway]]


def _app(services: Services, pace: Pace | None) -> ASGIApp:
    """What stands before chat in ``api.app``, without the rest of the house."""
    app: ASGIApp = ChatEndpoint(services, pace)
    for layer in (
        partial(BodyCap, max_bytes=services.settings.max_body_bytes),
        partial(Limits, limiter=services.limiter, budgets=services.budgets, clock=services.clock),
        partial(
            Authentication, accounts=services.accounts, dashboard=Dashboard(services.settings.dashboard_dir)
        ),
        partial(Entry, clock=services.clock),
    ):
        app = layer(app)
    return app


@asynccontextmanager
async def _listening(app: ASGIApp, sweeper: Sweeper, stall_s: float) -> AsyncIterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        protocol: Any = partial(Protocol, sweeper=sweeper, stall_s=stall_s)
        config = uvicorn.Config(app, http=protocol, ws="none", lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        async with asyncio.timeout(10):
            while not server.started:
                await asyncio.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = server.force_exit = True
            await serving


@pytest.fixture
def open_gateway(provider: Provider, sqlite_url: str, tmp_path: Path) -> OpenGateway:
    """``open_gateway(timeouts={"read_s": 0.3}, pace=QUICK)``: with models.yaml as shipped, but for these."""

    @asynccontextmanager
    async def opening(
        *,
        timeouts: dict[str, float] | None = None,
        pace: Pace | None = None,
        stall_s: float = STALL_S,
        breakers: Breakers | None = None,
        upstream: str = provider.url,
        **environ: str,
    ) -> AsyncIterator[Gateway]:
        models_file = _with_timeouts(tmp_path / "models.yaml", timeouts) if timeouts else SHIPPED
        environ = {
            "CFX_DATABASE_URL": sqlite_url,
            "CFX_LITELLM_URL": upstream,
            "CFX_LITELLM_KEY": "sk-of-the-upstream",
            "CFX_MODELS_FILE": str(models_file),
            "CFX_HASH_SALT": "salt of the tests, of no other use",
            "CFX_STREAMS_PER_USER": "100",
        } | environ
        async with AsyncExitStack() as closing:
            services = await closing.enter_async_context(open_services(Settings.load(environ), environ))
            upstream_client = UpstreamClient(Sweeper(period_s=0.05))
            await upstream_client.open()
            closing.push_async_callback(upstream_client.close)
            key_watch = KeyWatch(services.accounts, check_every_s=0.1)
            closing.push_async_callback(key_watch.close)
            services = replace(
                services,
                upstream=upstream_client,
                key_watch=key_watch,
                breakers=breakers or services.breakers,
            )
            key = (await services.accounts.create_key("alice")).key
            url = await closing.enter_async_context(
                _listening(_app(services, pace), services.upstream.sweeper, stall_s)
            )
            client = httpx.AsyncClient(
                base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=20, trust_env=False
            )
            yield Gateway(services, await closing.enter_async_context(client), key)

    return opening


@pytest.fixture
async def gateway(open_gateway: OpenGateway) -> AsyncIterator[Gateway]:
    async with open_gateway() as gateway:
        yield gateway
