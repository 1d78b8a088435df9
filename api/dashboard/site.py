"""The dashboard, for whoever shows no key: its files hold no secret, and ask the API with the visitor's."""

from __future__ import annotations

import asyncio
import html
from collections.abc import Sequence
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from api.dashboard.export import API, HASHED, NOT_FOUND, Export, read_export
from api.dashboard.policy import HEADERS
from api.errors import error_response
from cfx_flow.errors import DashboardNotBuilt
from cfx_flow.settings import Settings

LOOK_AGAIN_S = 3


class Dashboard:
    """The export in ``folder``. Read at the first visit, and again when another build has taken its place;
    nothing of it costs a server that nobody visits."""

    def __init__(self, folder: Path, connects: Sequence[str] = ()) -> None:
        self._folder = folder
        self._connects = connects
        self._export: Export = {}
        self._read_at: int | None = None
        self._turn = asyncio.Lock()

    @classmethod
    def of(cls, settings: Settings) -> Dashboard:
        """Its pages ask this server, and Supabase where people sign in there."""
        return cls(settings.dashboard_dir, [settings.supabase_url] if settings.supabase_url else [])

    async def answer(self, scope: Scope) -> Response | None:
        """None is no visit: the API answers, though it be with a refusal."""
        path = scope["path"]
        if scope["method"] not in ("GET", "HEAD") or API.match(path):
            return None
        export = await self._newest(path)
        asked = Headers(scope=scope)
        if path in export:
            return export[path].answer(asked)
        if "text/html" not in asked.get("accept", ""):
            return None if export or path != "/" else error_response(self._not_built())
        if NOT_FOUND in export:
            return export[NOT_FOUND].answer(asked, 404)
        return None if export else self._page()

    async def _newest(self, path: str) -> Export:
        """A file with a hash in its name is never another one, so for these nobody looks at the disk."""
        if path.startswith(HASHED) and path in self._export:
            return self._export
        async with self._turn:
            await asyncio.to_thread(self._look)
        return self._export

    def _look(self) -> None:
        """A build ends with its first page. One that cannot be read (any more) is none."""
        try:
            made_at = (self._folder / "index.html").stat().st_mtime_ns
            if made_at != self._read_at:
                self._export = read_export(self._folder, self._connects)
                self._read_at = made_at
        except OSError:
            self._export, self._read_at = {}, None

    def _not_built(self) -> DashboardNotBuilt:
        return DashboardNotBuilt(
            "The dashboard is not built. `make run` builds it while it serves, which takes about a minute, "
            "and `make dashboard` builds it alone; both need the npm registry. The API works without it: "
            "GET /docs lists what there is.",
            headers={"retry-after": str(LOOK_AGAIN_S)},
        )

    def _page(self) -> Response:
        """The same for people, who need not press a key when it is there."""
        error = self._not_built()
        policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
        headers = {**HEADERS, **error.headers, "content-security-policy": policy, "cache-control": "no-store"}
        page = _PAGE.format(again_s=LOOK_AGAIN_S, message=html.escape(error.message))
        return Response(page, error.status, headers, media_type="text/html")


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="{again_s}">
<meta name="viewport" content="width=device-width"><title>CF-X Flow</title>
<style>body{{margin:20vh auto;max-width:34rem;padding:0 1.5rem;background:#0b0d10;color:#e6e8eb;
font:1rem/1.6 system-ui,sans-serif}}</style>
<h1>CF-X Flow</h1><p>{message}</p><p>This page looks again every {again_s} seconds.</p></html>
"""
