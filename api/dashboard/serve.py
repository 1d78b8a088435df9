"""``python -m api.dashboard.serve``: the dashboard's own container (docker-compose.yml).

Knows the export and Supabase's public address, and nothing else: no database, no key, no model.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.dashboard.site import Dashboard
from api.logs import configure_logs
from api.middleware.entry import Entry
from api.probes import ALIVE
from cfx_flow.clock import SystemClock
from cfx_flow.errors import NotFound
from cfx_flow.settings import Settings


class Pages:
    """The same files under the same policy as where the API serves them; what is no page is not here."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._dashboard = dashboard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/healthz":
            answer: Response | None = Response(ALIVE, media_type="application/json")
        else:
            answer = await self._dashboard.answer(scope)
        if answer is None:
            raise NotFound("There is no such page here. The API answers below /v1/.")
        await answer(scope, receive, send)


def pages(settings: Settings) -> ASGIApp:
    return Entry(Pages(Dashboard.of(settings)), clock=SystemClock())


def main(environ: Mapping[str, str]) -> None:
    settings = Settings.load(environ)
    configure_logs(settings.log_level)
    uvicorn.run(
        pages(settings),
        host=settings.host,
        port=settings.port,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
    )


if __name__ == "__main__":
    main(os.environ)
