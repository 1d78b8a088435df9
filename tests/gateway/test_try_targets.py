from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from cfx_flow.errors import (
    CircuitOpen,
    UpstreamAuth,
    UpstreamError,
    UpstreamFailed,
    UpstreamLimited,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from cfx_flow.stages.model import Price, Target, Upstream
from cfx_flow.upstream.breaker import FAILURES_TO_OPEN, OPEN_FOR_S, Breakers, BreakerState
from cfx_flow.upstream.lease import RETRY_AFTER_S, try_targets
from tests.support.clock import FakeClock

UPSTREAM = Upstream("litellm", "http://127.0.0.1:1/v1", None)


def target(model: str) -> Target:
    return Target(UPSTREAM, model, Price(Decimal(1), Decimal(1)), 100_000, 8_000)


A, B = target("a"), target("b")


class Script:
    """An upstream that fails as told, then answers; it remembers who was asked, and the pauses between."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self.outcomes = list(outcomes)
        self.asked: list[str] = []
        self.pauses: list[float] = []
        self.breakers = Breakers(FakeClock())

    async def call(self, target: Target) -> str:
        self.asked.append(target.model)
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if outcome is not None:
            raise outcome
        return f"answer of {target.model}"

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def run(self, *targets: Target) -> str:
        return (
            await try_targets(targets or (A, B), self.call, breakers=self.breakers, sleep=self.sleep)
        ).value


async def test_the_first_target_answers_and_no_other_is_asked() -> None:
    script = Script()
    assert await script.run() == "answer of a"
    assert script.asked == ["a"]


async def test_an_unavailable_target_is_asked_once_more_after_a_pause_then_the_next() -> None:
    script = Script(UpstreamUnavailable("503"), UpstreamUnavailable("503"))
    assert await script.run() == "answer of b"
    assert script.asked == ["a", "a", "b"]
    assert len(script.pauses) == 1
    assert RETRY_AFTER_S[0] <= script.pauses[0] <= RETRY_AFTER_S[1]


@pytest.mark.parametrize("error", [UpstreamFailed, UpstreamTimeout, UpstreamAuth, UpstreamLimited])
async def test_other_failures_go_to_the_next_target_at_once(error: type[UpstreamError]) -> None:
    script = Script(error("no"))
    assert await script.run() == "answer of b"
    assert script.asked == ["a", "b"]
    assert script.pauses == []


async def test_a_request_at_fault_is_never_tried_again() -> None:
    script = Script(UpstreamRefused("bad", status=400))
    with pytest.raises(UpstreamRefused):
        await script.run()
    assert script.asked == ["a"]


async def test_nothing_multiplies_two_attempts_per_target_at_most() -> None:
    script = Script(*[UpstreamUnavailable("503") for _ in range(20)])
    with pytest.raises(UpstreamUnavailable):
        await script.run()
    assert script.asked == ["a", "a", "b", "b"]


async def test_the_attempts_are_counted() -> None:
    script = Script(UpstreamUnavailable("503"), UpstreamFailed("500"))
    attempted = await try_targets((A, B), script.call, breakers=script.breakers, sleep=script.sleep)
    assert (attempted.target, attempted.attempts) == (B, 3)


async def test_open_breaker_refuses_without_calling_upstream() -> None:
    script = Script(*[UpstreamFailed("500") for _ in range(FAILURES_TO_OPEN)])
    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(UpstreamFailed):
            await script.run(A)
    with pytest.raises(CircuitOpen):
        await script.run(A)
    assert len(script.asked) == FAILURES_TO_OPEN
    assert await script.run(A, B) == "answer of b"


async def test_a_real_failure_is_told_rather_than_an_open_circuit() -> None:
    script = Script(*[UpstreamFailed("b is broken") for _ in range(FAILURES_TO_OPEN + 1)])
    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(UpstreamFailed):
            await script.run(A)
    with pytest.raises(UpstreamFailed, match="b is broken"):
        await script.run(A, B)


@pytest.mark.parametrize(
    "harmless",
    [lambda: UpstreamRefused("bad", status=400), lambda: UpstreamLimited("429"), lambda: UpstreamAuth("401")],
)
async def test_refusals_and_limits_never_open_a_circuit(harmless: Callable[[], UpstreamError]) -> None:
    script = Script(*[harmless() for _ in range(3 * FAILURES_TO_OPEN)])
    for _ in range(3 * FAILURES_TO_OPEN):
        with pytest.raises(UpstreamError):
            await script.run(A)
    assert script.breakers.of(A.id).state is BreakerState.CLOSED


async def test_of_a_hundred_at_once_exactly_one_probes() -> None:
    clock = FakeClock()
    breakers = Breakers(clock)
    for _ in range(FAILURES_TO_OPEN):
        breakers.of(A.id).admit().failed()
    clock.advance(seconds=OPEN_FOR_S)
    probes = 0

    async def slow(_: Target) -> str:
        nonlocal probes
        probes += 1
        await asyncio.sleep(0.01)
        return "well again"

    calls: list[Awaitable[object]] = [try_targets((A,), slow, breakers=breakers) for _ in range(100)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert probes == 1
    assert sum(isinstance(outcome, CircuitOpen) for outcome in outcomes) == 99


async def test_a_caller_who_leaves_frees_the_probe_and_does_not_count() -> None:
    clock = FakeClock()
    breakers = Breakers(clock)
    for _ in range(FAILURES_TO_OPEN):
        breakers.of(A.id).admit().failed()
    clock.advance(seconds=OPEN_FOR_S)

    async def never(_: Target) -> str:
        await asyncio.Event().wait()
        return ""

    call = asyncio.create_task(try_targets((A,), never, breakers=breakers))
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.wait([call])
    assert breakers.of(A.id).state is BreakerState.HALF_OPEN
    breakers.of(A.id).admit()


async def test_a_stream_keeps_its_permit_until_it_ends() -> None:
    breakers = Breakers(FakeClock())
    script = Script()
    for _ in range(FAILURES_TO_OPEN):
        attempted = await try_targets((A,), script.call, breakers=breakers, keep_open=True)
        attempted.permit.failed()
    assert breakers.of(A.id).state is BreakerState.OPEN
