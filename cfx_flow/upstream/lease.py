"""The one retry layer, for chat calls and flows alike: which target is asked, how often, and when to stop.

SDK, LangGraph and LiteLLM retries are off everywhere, so that nothing multiplies:
one request makes at most two attempts per target.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from cfx_flow.errors import CircuitOpen, UpstreamError
from cfx_flow.stages.model import Target
from cfx_flow.upstream.breaker import Breakers, Permit
from cfx_flow.upstream.texts import hide_key

T = TypeVar("T")

Sleep = Callable[[float], Awaitable[None]]

RETRY_AFTER_S = (0.1, 0.4)
"""bounds of the pause before the second attempt, drawn evenly so that callers do not return as one wave"""


@dataclass(frozen=True, slots=True)
class Attempted(Generic[T]):
    target: Target
    value: T
    attempts: int
    """over all targets, at least 1; a circuit that was open is not an attempt"""
    permit: Permit
    """settled, unless ``try_targets`` was told to leave it open"""


class _Leave:
    """Leave to make one attempt; how the block ends is what the breaker learns.

    A block that ends well and whose permit is still open says so itself, later: a stream is
    not over at its first byte.
    """

    __slots__ = ("permit",)

    def __init__(self, breakers: Breakers, target: Target) -> None:
        """Raises CircuitOpen."""
        self.permit = breakers.of(target.id).admit()

    def __enter__(self) -> Permit:
        return self.permit

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is None:
            return
        trips = isinstance(error, UpstreamError) and error.trips_breaker
        (self.permit.failed if trips else self.permit.abandoned)()


async def try_targets(
    targets: Sequence[Target],
    call: Callable[[Target], Awaitable[T]],
    *,
    breakers: Breakers,
    sleep: Sleep = asyncio.sleep,
    keep_open: bool = False,
) -> Attempted[T]:
    """Ask the targets in order until one answers.

    ``call`` makes one attempt and raises an UpstreamError whose flags decide what comes
    next; anything else it raises ends the search. With ``keep_open`` the value is only
    the beginning (a stream): whoever holds it settles ``Attempted.permit``.

    Raises the last target's error; a CircuitOpen only if no target was asked at all.
    """
    if not targets:
        raise ValueError("there is no target to try")
    attempts = 0
    last: UpstreamError | None = None
    try:
        for target in targets:
            for is_retry in (False, True):
                if is_retry:
                    await sleep(random.uniform(*RETRY_AFTER_S))  # noqa: S311 - spreads load, hides nothing
                try:
                    with _Leave(breakers, target) as permit:
                        attempts += 1
                        value = await call(target)
                except CircuitOpen as error:
                    last = last or error
                    break
                except UpstreamError as error:
                    hide_key(error, target.upstream)
                    last = error
                    if not error.try_next:
                        raise
                    if not error.retry_same:
                        break
                else:
                    (permit.answered if keep_open else permit.succeeded)()
                    return Attempted(target, value, attempts, permit)
        assert last is not None  # noqa: S101 - every round above either returned or set it
        raise last
    finally:
        del last  # it holds this frame by its traceback: a circle, with the whole request in it
