"""Is the process alive, and can it do its work? Both without a key, and without waiting for FastAPI."""

from __future__ import annotations

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.readiness import ReadinessProbe
from cfx_flow.errors import MethodNotAllowed

ALIVE = b'{"status":"ok"}'


class Probes:
    """``/healthz``: the process answers; says nothing about what it depends on.

    ``/readyz``: 503 while the database does not answer or no upstream can be reached.
    """

    PATHS = frozenset({"/healthz", "/readyz"})

    def __init__(self, readiness: ReadinessProbe) -> None:
        self._readiness = readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            raise MethodNotAllowed(
                f"{scope['method']} is not possible on {scope['path']}; it takes GET.",
                headers={"allow": "GET, HEAD"},
            )
        response = await self._ready() if scope["path"] == "/readyz" else _json(ALIVE)
        await response(scope, receive, send)

    async def _ready(self) -> Response:
        found = await self._readiness.check()
        return _json(found.model_dump_json().encode(), 503 if found.error is not None else 200)


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")
