"""What is known about one request while it runs: made by the first middleware, read by all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from starlette.types import Scope

from cfx_flow.accounts.principal import Principal
from cfx_flow.clock import Clock
from cfx_flow.errors import RateLimitExceeded

if TYPE_CHECKING:
    from cfx_flow.ledger import Budgets
    from cfx_flow.limits import Allowance, RateLimiter
    from cfx_flow.limits.used_up import UsedUp

Headers: TypeAlias = list[tuple[bytes, bytes]]
KEY = "cfx"
LINE = "cfx.line"


class Line:
    """The caller's connection, for whoever answers: our ``Protocol`` puts it into the scope's state."""

    __slots__ = ("is_lost", "on_lost")

    def __init__(self) -> None:
        self.is_lost = False
        self.on_lost: Callable[[], None] | None = None

    def lose(self) -> None:
        self.is_lost = True
        if self.on_lost is not None:
            self.on_lost()


class Admission:
    """The right of one request to use its user's day. Nothing is counted before ``charge``."""

    def __init__(
        self, limiter: RateLimiter, used_up: UsedUp, budgets: Budgets, principal: Principal, clock: Clock
    ) -> None:
        self._limiter = limiter
        self._budgets = budgets
        self._used_up = used_up
        self.principal = principal
        self._clock = clock
        self._known: Allowance | None = None

    async def charge(self) -> Allowance:
        """Counts one. Raises RateLimitExceeded or BudgetExceeded when nothing is left (then nothing was
        counted)."""
        await self.require_money()
        day = self._clock.now().date()
        self._known = await self._limiter.check_and_increment(
            self.principal.user_id, day, self.principal.daily_limit
        )
        if not self._known.allowed:
            self._used_up.note(self.principal.user_id, self._known)
        return self._allowed(self._known)

    def refuse_early(self) -> None:
        """Costs nothing, asks nobody. Raises RateLimitExceeded or BudgetExceeded when a charge just found
        nothing left."""
        if self.principal.monthly_usd is not None:
            self._budgets.refuse_early(self.principal.user_id, self.principal.monthly_usd)
        known = self._used_up.of(self.principal.user_id, self.principal.daily_limit)
        if known is not None:
            self._known = known
            self._allowed(known)

    async def require_money(self) -> None:
        """Raises BudgetExceeded when the month's budget is used up."""
        if self.principal.monthly_usd is not None:
            await self._budgets.require(self.principal.user_id, self.principal.monthly_usd)

    async def require_left(self) -> Allowance:
        """Counts nothing. Raises RateLimitExceeded or BudgetExceeded when nothing is left."""
        await self.require_money()
        status = await self.status()
        return self._allowed(msgspec.structs.replace(status, allowed=status.remaining > 0))

    async def status(self) -> Allowance:
        """What the last question was answered; before any, a look that counts nothing."""
        if self._known is None:
            day = self._clock.now().date()
            self._known = await self._limiter.peek(self.principal.user_id, day, self.principal.daily_limit)
        return self._known

    def _allowed(self, allowance: Allowance) -> Allowance:
        if allowance.allowed:
            return allowance
        wait_s = max(1, round((allowance.reset_at - self._clock.now()).total_seconds()))
        raise RateLimitExceeded(
            f"Your daily limit of {allowance.limit} requests is used up. It starts anew at "
            f"{allowance.reset_at:%Y-%m-%dT%H:%M:%SZ}; the operator can raise it.",
            headers={"retry-after": str(wait_s)},
        )


@dataclass(slots=True)
class RequestContext:
    started: float
    """the clock's monotonic seconds"""
    request_id: str
    line: Line
    principal: Principal | None = None
    admission: Admission | None = None
    stage: str | None = None
    stage_source: str | None = None
    model_used: str | None = None
    """the model of the target that was tried last"""
    error_code: str | None = None

    def resolution_headers(self) -> Headers:
        """What chat has found out so far; the values are words of our own or of models.yaml."""
        pairs = (
            (b"x-cfx-stage", self.stage),
            (b"x-cfx-stage-source", self.stage_source),
            (b"x-cfx-model-used", self.model_used),
        )
        return [(name, value.encode("latin-1", "replace")) for name, value in pairs if value]


def context_of(scope: Scope | dict[str, Any]) -> RequestContext:
    context: RequestContext = scope["state"][KEY]
    return context
