"""Which re-sends of an SDK are free."""

from __future__ import annotations

import pytest

from cfx_flow.limits.resends import Resends, says_resend
from tests.support.clock import FakeClock

BODY = b'{"messages": []}'


@pytest.fixture
def resends(fake_clock: FakeClock) -> Resends:
    return Resends(fake_clock, capacity=3)


def test_failed_call_may_be_sent_again_twice(resends: Resends, fake_clock: FakeClock) -> None:
    resends.failed("key", BODY, fake_clock.monotonic())
    assert resends.is_free("key", BODY)
    resends.failed("key", BODY, fake_clock.monotonic(), was_free=True)
    assert resends.is_free("key", BODY)
    resends.failed("key", BODY, fake_clock.monotonic(), was_free=True)
    assert not resends.is_free("key", BODY)


def test_call_that_was_paid_again_has_two_more(resends: Resends, fake_clock: FakeClock) -> None:
    for _ in range(2):
        resends.failed("key", BODY, fake_clock.monotonic())
        assert [resends.is_free("key", BODY) for _ in range(3)] == [True, True, False]


def test_nothing_is_free_that_did_not_fail_here(resends: Resends, fake_clock: FakeClock) -> None:
    assert not resends.is_free("key", BODY)
    resends.failed("key", BODY, fake_clock.monotonic())
    assert not resends.is_free("another key", BODY)
    assert not resends.is_free("key", BODY + b" ")


def test_minute_begins_when_the_failed_call_was_sent(resends: Resends, fake_clock: FakeClock) -> None:
    sent_at = fake_clock.monotonic()
    fake_clock.advance(seconds=50)
    resends.failed("key", BODY, sent_at)
    fake_clock.advance(seconds=10)
    assert resends.is_free("key", BODY)
    fake_clock.advance(seconds=0.1)
    assert not resends.is_free("key", BODY)


def test_memory_is_bounded_and_forgets_the_oldest(resends: Resends, fake_clock: FakeClock) -> None:
    for n in range(4):
        resends.failed("key", b"%d" % n, fake_clock.monotonic())
    assert [resends.is_free("key", b"%d" % n) for n in range(4)] == [False, True, True, True]


@pytest.mark.parametrize(
    ("header", "expected"),
    [(None, False), ("", False), ("0", False), ("1", True), ("2", True), ("-1", False), ("x", False),
     ("²", False), ("1.0", False), ("9" * 5000, False)],
)  # fmt: skip
def test_header_is_a_number_above_nothing(header: str | None, expected: bool) -> None:
    assert says_resend(header) is expected
