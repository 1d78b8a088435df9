"""The caller's day: an admission for the route, its state on every response."""

from __future__ import annotations

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.context import Admission, Headers, context_of
from cfx_flow.clock import Clock
from cfx_flow.errors import StoreUnavailable
from cfx_flow.limits import Allowance, RateLimiter


class Limits:
    """Only a model call counts, so nothing is counted here: the route charges its admission."""

    def __init__(self, app: ASGIApp, *, limiter: RateLimiter, clock: Clock) -> None:
        self._app = app
        self._limiter = limiter
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        principal = context_of(scope).principal if scope["type"] == "http" else None
        if principal is None:
            await self._app(scope, receive, send)
            return
        admission = Admission(self._limiter, principal, self._clock)
        context_of(scope).admission = admission

        async def reply(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), *await _headers(admission)]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, reply)


async def _headers(admission: Admission) -> Headers:
    """A store that does not answer costs the headers, not the response."""
    try:
        return rate_limit_headers(await admission.status())
    except StoreUnavailable as error:
        structlog.get_logger("cfx.http").warning("limits.unknown", reason=error.message)
        return []


def rate_limit_headers(allowance: Allowance) -> Headers:
    return [
        (b"x-ratelimit-limit", b"%d" % allowance.limit),
        (b"x-ratelimit-remaining", b"%d" % allowance.remaining),
        (b"x-ratelimit-reset", f"{allowance.reset_at:%Y-%m-%dT%H:%M:%SZ}".encode()),
    ]
