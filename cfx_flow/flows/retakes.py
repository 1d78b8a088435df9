"""A flow that ends its process each time it is taken up: how often that is tried, and how it is kept from
ending other flows with it.

A process that dies takes all of its flows along, and the one that is to blame cannot be told from the others.
But it is always running when a process dies, while those that wait a while, each for as long as chance
has it, mostly are not: they come to the end of a step one day, and count anew.
"""

from __future__ import annotations

import random

from cfx_flow.flows.model import FlowStatus, Outcome, Reason

AT_ONCE = 2
"""so often a flow is taken up again without a pause: processes do die, and machines are restarted"""
LONGEST_PAUSE_S = 60.0


class Later(Exception):
    """It was taken up so often that whoever takes it up now pauses first."""

    def __init__(self, retakes: int) -> None:
        super().__init__(retakes)
        self.retakes = retakes

    @property
    def pause_s(self) -> float:
        longest = min(2.0 ** (self.retakes - AT_ONCE + 1), LONGEST_PAUSE_S)
        return random.uniform(longest / 4, longest)  # noqa: S311 - spreads load, hides nothing


def given_up(step: int, retakes: int) -> Outcome:
    return Outcome(
        FlowStatus.FAILED,
        Reason.CRASHED,
        f"Whatever ran this flow has ended {retakes} times in a row before step {max(step, 1)} was finished. "
        "The server's log says why; when that is mended, resume the flow.",
    )
