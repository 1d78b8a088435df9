from __future__ import annotations

import pytest

from cfx_flow.errors import CircuitOpen
from cfx_flow.upstream.breaker import FAILURES_TO_OPEN, OPEN_FOR_S, Breaker, Breakers, BreakerState
from tests.support.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breaker(clock: FakeClock) -> Breaker:
    return Breaker("litellm/deepseek-v3", clock)


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.admit().failed()


def opened(breaker: Breaker) -> Breaker:
    fail(breaker, FAILURES_TO_OPEN)
    assert breaker.state is BreakerState.OPEN
    return breaker


def half_opened(breaker: Breaker, clock: FakeClock) -> Breaker:
    opened(breaker)
    clock.advance(seconds=OPEN_FOR_S)
    assert breaker.state is BreakerState.HALF_OPEN
    return breaker


def test_five_failures_in_a_row_open_it(breaker: Breaker) -> None:
    fail(breaker, FAILURES_TO_OPEN - 1)
    assert breaker.state is BreakerState.CLOSED
    fail(breaker)
    assert breaker.state is BreakerState.OPEN


def test_a_success_between_them_starts_the_count_anew(breaker: Breaker) -> None:
    fail(breaker, FAILURES_TO_OPEN - 1)
    breaker.admit().succeeded()
    fail(breaker, FAILURES_TO_OPEN - 1)
    assert breaker.state is BreakerState.CLOSED


def test_a_call_that_taught_nothing_neither_counts_nor_clears(breaker: Breaker) -> None:
    fail(breaker, FAILURES_TO_OPEN - 1)
    breaker.admit().abandoned()
    assert breaker.state is BreakerState.CLOSED
    fail(breaker)
    assert breaker.state is BreakerState.OPEN


def test_open_it_refuses_and_says_for_how_long(breaker: Breaker, clock: FakeClock) -> None:
    opened(breaker)
    clock.advance(seconds=OPEN_FOR_S - 12.5)
    with pytest.raises(CircuitOpen) as refusal:
        breaker.admit()
    assert refusal.value.headers["retry-after"] == "13"


def test_half_open_admits_exactly_one_of_a_hundred(breaker: Breaker, clock: FakeClock) -> None:
    half_opened(breaker, clock)
    admitted = 0
    for _ in range(100):
        try:
            breaker.admit()
        except CircuitOpen:
            continue
        admitted += 1
    assert admitted == 1


def test_a_probe_that_succeeds_closes_it(breaker: Breaker, clock: FakeClock) -> None:
    half_opened(breaker, clock).admit().succeeded()
    assert breaker.state is BreakerState.CLOSED


def test_a_probe_that_fails_opens_it_for_another_whole_time(breaker: Breaker, clock: FakeClock) -> None:
    half_opened(breaker, clock).admit().failed()
    clock.advance(seconds=OPEN_FOR_S - 1)
    assert breaker.state is BreakerState.OPEN
    clock.advance(seconds=1)
    assert breaker.state is BreakerState.HALF_OPEN


def test_a_probe_whose_caller_left_makes_room_for_another(breaker: Breaker, clock: FakeClock) -> None:
    half_opened(breaker, clock).admit().abandoned()
    breaker.admit().succeeded()
    assert breaker.state is BreakerState.CLOSED


def test_a_stream_that_began_closes_it_before_it_ends(breaker: Breaker, clock: FakeClock) -> None:
    permit = half_opened(breaker, clock).admit()
    permit.answered()
    assert breaker.state is BreakerState.CLOSED
    fail(breaker, FAILURES_TO_OPEN - 1)
    permit.failed()
    assert breaker.state is BreakerState.OPEN


def test_streams_that_all_break_open_it_though_each_began(breaker: Breaker) -> None:
    for _ in range(FAILURES_TO_OPEN):
        permit = breaker.admit()
        permit.answered()
        permit.failed()
    assert breaker.state is BreakerState.OPEN


def test_a_failure_from_before_the_outage_does_not_reopen_it(breaker: Breaker, clock: FakeClock) -> None:
    old = [breaker.admit() for _ in range(FAILURES_TO_OPEN)]
    half_opened(breaker, clock).admit().succeeded()
    for permit in old:
        permit.failed()
    assert breaker.state is BreakerState.CLOSED


def test_an_old_call_that_is_abandoned_does_not_free_the_probe(breaker: Breaker, clock: FakeClock) -> None:
    old = breaker.admit()
    half_opened(breaker, clock).admit()
    old.abandoned()
    with pytest.raises(CircuitOpen):
        breaker.admit()


def test_only_the_first_outcome_of_a_permit_counts(breaker: Breaker) -> None:
    permit = breaker.admit()
    permit.succeeded()
    for _ in range(FAILURES_TO_OPEN):
        permit.failed()
    assert breaker.state is BreakerState.CLOSED


def test_each_target_has_its_own(clock: FakeClock) -> None:
    breakers = Breakers(clock)
    opened(breakers.of("litellm/a"))
    breakers.of("litellm/b").admit().succeeded()
    assert breakers.states() == {"litellm/a": BreakerState.OPEN, "litellm/b": BreakerState.CLOSED}
