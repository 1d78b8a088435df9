"""What was asked of whom so far: for whoever must say so, and count it, when no answer comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal

import aiohttp
from msgspec.structs import replace

from cfx_flow.clock import Clock
from cfx_flow.errors import UpstreamError
from cfx_flow.flows.usage import Usage
from cfx_flow.stages.model import Target
from cfx_flow.upstream.client import UnwelcomeStatus
from graphs.ask import Heard, Question, tokens_in, tokens_of

BrokeOff = Callable[[Target, Usage | None], Awaitable[Question]]

NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


class Trace:
    """``most``: by target id, what one attempt can cost. ``before_again`` is told what an attempt may have
    cost before another is made, and says what is asked then."""

    def __init__(
        self, question: Question, most: Mapping[str, Usage], clock: Clock, before_again: BrokeOff
    ) -> None:
        self.target = question.targets[0]
        """the one that was asked last"""
        self._question, self._most, self._clock = question, most, clock
        self._before_again, self._opened = before_again, clock.monotonic()
        self._heard: Heard | None = None
        self._began: float | None = None
        """of an attempt that was sent and has not been answered"""

    @asynccontextmanager
    async def attempt(self, target: Target, heard: Heard) -> AsyncIterator[Question]:
        lost = self.broken_off()
        if lost is not None or target not in self._question.targets:  # for whom it was asked again before
            self._began = None
            self._question = await self._before_again(target, lost)
        self.target, self._heard, self._began = target, heard, self._clock.monotonic()
        try:
            yield self._question
        except UpstreamError as error:
            if not _may_be_billed(error):
                self._began = None
            raise
        self._began = None

    def broken_off(self) -> Usage | None:
        """The last attempt, at the most that it can have cost; None if it was answered, or not even sent."""
        if self._began is None:
            return None
        took_s = self._clock.monotonic() - self._began
        return replace(self._most[self.target.id], duration_ms=round(took_s * 1000))

    @property
    def took_ms(self) -> int:
        """All attempts together."""
        return round((self._clock.monotonic() - self._opened) * 1000)

    def heard(self) -> tuple[int, int, Decimal]:
        """Input and output tokens and USD of what broke off, estimated; nothing if not a word came."""
        if self._heard is None or not self._heard.chars:
            return 0, 0, Decimal(0)
        given, output = tokens_in(self._question), tokens_of("".join(self._heard.pieces))
        return given, output, self.target.price.cost_usd(given, output, 0)


def _may_be_billed(error: BaseException) -> bool:
    """Not what never left the house, nor what was answered with an error instead of a stream."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, (*NEVER_SENT, UnwelcomeStatus)):
            return False
        cause = cause.__cause__
    return True
