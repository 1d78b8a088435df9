"""Outermost: the request's id and context, the access log, and the last net under every error."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.context import KEY, LINE, Headers, Line, RequestContext
from api.errors import error_response
from api.logs import Served, WriteServed, tell_served
from api.middleware.limits import limit_headers
from cfx_flow.clock import Clock
from cfx_flow.errors import CfxError, InternalError
from cfx_flow.ids import Ids
from cfx_flow.ledger import Meter

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

_SLASHES = re.compile("/{2,}")
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
CLIENT_LEFT = 499
"""in the access log, of a caller who left before any status went out. **Source**: nginx"""


def clean_path(path: str) -> str:
    """``//v1//models/`` is ``/v1/models``: editors glue base URLs and paths together as they please."""
    if "//" in path:
        path = _SLASHES.sub("/", path)
    return path if path == "/" else path.rstrip("/")


def shown_path(path: str) -> str:
    """For the log, where a key has no place, though someone pasted it into an address."""
    if "cfx_" in path:
        path = _KEY.sub(r"\1_…", path)
    return path[:500]


_KEY = re.compile(r"(cfx_[0-9A-Za-z]+)_[0-9A-Za-z]+")


class Entry:
    def __init__(
        self, app: ASGIApp, *, clock: Clock, meter: Meter | None = None, tell: WriteServed = tell_served
    ) -> None:
        self._app = app
        self._clock = clock
        self._meter = meter or Meter()
        self._tell = tell
        self._new_id = Ids()
        self._log: FilteringBoundLogger = structlog.get_logger("cfx.http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        line = state.get(LINE) or Line()  # another server than ours never loses it
        state[KEY] = context = RequestContext(self._clock.monotonic(), self._new_id(), line)
        scope["path"] = clean_path(scope["path"])
        reply = _Reply(send, context)
        try:
            await self._app(scope, receive, reply)
        except CfxError as error:
            context.error_code = error.code
            await self._refuse(error, scope, receive, reply)
        except Exception:  # noqa: BLE001 - the edge: whatever this is, the caller gets a clean answer
            context.error_code = InternalError.code
            self._log.exception(
                "request.broke", request_id=context.request_id, path=shown_path(scope["path"])
            )
            context.admission = None  # it may be what broke: this answer goes without its headers
            await self._refuse(InternalError(context.request_id), scope, receive, reply)
        finally:
            self._meter.responses[CLIENT_LEFT if reply.status is None else reply.status] += 1
            self._write(scope, context, reply.status)

    async def _refuse(self, error: CfxError, scope: Scope, receive: Receive, reply: _Reply) -> None:
        """Once the response has started its body cannot be changed: the connection is cut instead,
        by uvicorn, which sees a response without an end."""
        if reply.status is None:
            await error_response(error)(scope, receive, reply)

    def _write(self, scope: Scope, context: RequestContext, status: int | None) -> None:
        principal = context.principal
        served = Served(
            level="debug" if scope["path"] in PROBES else "info",
            request_id=context.request_id,
            method=scope["method"],
            path=shown_path(scope["path"]),
            status=CLIENT_LEFT if status is None else status,
            error=context.error_code,
            duration_ms=round((self._clock.monotonic() - context.started) * 1000, 1),
            user_id=principal.user_id if principal else None,
            api_key_id=principal.api_key_id if principal else None,
            stage=context.stage,
            stage_source=context.stage_source,
            model_used=context.model_used,
        )
        self._tell(served)


class _Reply:
    """``send``, with what every response carries, refusals too, and a memory of the status."""

    def __init__(self, send: Send, context: RequestContext) -> None:
        self._send = send
        self._context = context
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *await self._headers()]
            self.status = message["status"]
        await self._send(message)

    async def _headers(self) -> Headers:
        request_id = self._context.request_id.encode()
        identity = [(b"x-cfx-request-id", request_id), (b"x-request-id", request_id)]
        return identity + await limit_headers(self._context.admission)
