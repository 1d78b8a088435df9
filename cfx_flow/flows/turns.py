"""Whose turn it is: the order in which waiting flows start, fair between users.

A flow's rank is the number of its user's flows that run, or wait in front of it. The lowest rank goes
first, and among equals who came first: a user with a hundred flows waits for its own, never others for it.
Whoever asks a database for the order says the same in SQL: ``running(user) + row_number() - 1``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Waiting:
    flow_id: str
    user_id: str
    since: float
    """anything that grows from one flow to the next"""


def next_flows(
    waiting: Iterable[Waiting], running: Mapping[str, int], *, per_user: int, free: int
) -> Sequence[Waiting]:
    """Those that start now, in order: at most ``free``, and of no user more than ``per_user`` at a time.

    ``running``: flows that run now, by user.
    """
    ahead = Counter(running)
    ranked = []
    for flow in sorted(waiting, key=lambda flow: flow.since):
        if (rank := ahead[flow.user_id]) < per_user:
            ranked.append((rank, flow))
        ahead[flow.user_id] += 1
    ranked.sort(key=lambda pair: pair[0])  # stable: among equals who came first
    return [flow for _, flow in ranked[: max(free, 0)]]
