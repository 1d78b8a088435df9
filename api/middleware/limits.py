"""The caller's day: an admission for the route to charge, its state for the response's headers."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from api.context import Admission, Headers, context_of
from cfx_flow.clock import Clock
from cfx_flow.errors import StoreUnavailable
from cfx_flow.ledger import Budgets
from cfx_flow.limits import Allowance, RateLimiter
from cfx_flow.limits.used_up import UsedUp


class Limits:
    """Only a model call counts, so nothing is counted or refused here: the route asks its admission whether
    to refuse early, and charges it."""

    def __init__(self, app: ASGIApp, *, limiter: RateLimiter, budgets: Budgets, clock: Clock) -> None:
        self._app = app
        self._limiter = limiter
        self._budgets = budgets
        self._used_up = UsedUp(clock)
        self._clock = clock

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http":
            context = context_of(scope)
            if context.principal is not None:
                context.admission = Admission(
                    self._limiter, self._used_up, self._budgets, context.principal, self._clock
                )
        return self._app(scope, receive, send)


async def limit_headers(admission: Admission | None) -> Headers:
    """Once the user is known. A store that does not answer costs the headers, not the response."""
    if admission is None:
        return []
    try:
        return _headers(await admission.status())
    except StoreUnavailable as error:
        structlog.get_logger("cfx.http").warning("limits.unknown", reason=error.message)
        return []


def _headers(allowance: Allowance) -> Headers:
    return [
        (b"x-ratelimit-limit", b"%d" % allowance.limit),
        (b"x-ratelimit-remaining", b"%d" % allowance.remaining),
        (b"x-ratelimit-reset", _iso(allowance.reset_at)),
    ]


def _iso(at: datetime) -> bytes:
    """strftime takes longer than the rest of the headers."""
    return b"%d-%02d-%02dT%02d:%02d:%02dZ" % (at.year, at.month, at.day, at.hour, at.minute, at.second)
