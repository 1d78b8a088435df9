"""A receiver that speaks TLS on loopback, and a courier that may reach it: only code can allow that."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
import trustme
from aiohttp import web

from cfx_flow.clock import SystemClock
from cfx_flow.webhooks.public import PublicResolver
from cfx_flow.webhooks.send import Sender
from tests.flows.conftest import any_house, house, open_house

__all__ = ["any_house", "house", "open_house"]

HOST = "hooks.test"
HANGS = 0
"""instead of a status"""


@dataclass
class Heard:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Answers with ``statuses`` in order, then with the last of them for ever."""

    tls: ssl.SSLContext
    port: int = 0
    statuses: list[int] = field(default_factory=lambda: [204])
    heard: list[Heard] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}/done"

    @property
    def hosts(self) -> str:
        return f"{HOST}:{self.port}"

    async def answer(self, request: web.Request) -> web.Response:
        self.heard.append(Heard(request.path, dict(request.headers), await request.read()))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status == HANGS:
            await asyncio.sleep(3600)
        return web.Response(status=status, headers={"location": f"https://{HOST}:{self.port}/elsewhere"})

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.heard) < count:
                await asyncio.sleep(0.02)


class Clock(SystemClock):
    """The system's, ahead of it by as much as a test says."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


async def on_loopback(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def receiver(authority: trustme.CA) -> AsyncIterator[Receiver]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(tls)
    receiver = Receiver(tls)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    receiver.port = runner.addresses[0][1]
    yield receiver
    await runner.cleanup()


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    return tls


@pytest.fixture
def sender(trusting: ssl.SSLContext) -> Sender:
    """Closed by the courier that gets it."""
    return Sender(PublicResolver(on_loopback, allow=lambda _: True), trusting, timeout_s=1.0)
