"""An app whose libraries are still being imported: FastAPI takes as long as half of all the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send


class LateApp:
    """``arrive`` builds it in a thread, once. A request that comes before waits for it."""

    def __init__(self, build: Callable[[], ASGIApp]) -> None:
        self._build = build
        self._app: ASGIApp | None = None
        self._turn = asyncio.Lock()

    async def arrive(self) -> ASGIApp:
        async with self._turn:
            if self._app is None:
                self._app = await asyncio.to_thread(self._build)
            return self._app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app or await self.arrive()
        await app(scope, receive, send)
