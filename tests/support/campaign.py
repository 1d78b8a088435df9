"""How much of a campaign runs: a tenth in every ``make test``, the whole in ``make campaign``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

T = TypeVar("T")

FULL = "full"
SIDE_BY_SIDE = 64
"""cases of one batch"""


def is_full() -> bool:
    return os.environ.get("CFX_CAMPAIGN") == FULL


def scaled(full: int) -> int:
    """Of a campaign of ``full`` cases, how many are to be run now."""
    return full if is_full() else max(1, full // 10)


def load_hypothesis_profile() -> None:
    """Before any test is imported. CI runs the same examples every time; a campaign looks for new ones,
    and prints how to repeat one that fails."""
    settings.register_profile("tenth", deadline=None, database=None, derandomize=True)
    settings.register_profile(FULL, deadline=None, database=None, print_blob=True)
    settings.load_profile(FULL if is_full() else "tenth")


def generated(cases: st.SearchStrategy[T], full: int) -> Iterator[tuple[T, ...]]:
    """``scaled(full)`` cases in batches that a test runs side by side.

    They are drawn before any of them runs: a case takes as long as the network takes, and the test tells
    in full which one failed, so that nothing is to be made smaller.
    """
    drawn: list[T] = []

    @settings(
        max_examples=scaled(full),
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(cases)
    def draw(case: T) -> None:
        drawn.append(case)

    draw()
    return batched(drawn)


def batched(cases: Sequence[T], size: int = SIDE_BY_SIDE) -> Iterator[tuple[T, ...]]:
    for start in range(0, len(cases), size):
        yield tuple(cases[start : start + size])
