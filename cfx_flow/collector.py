"""Python's cyclic garbage collector, as a server wants it."""

from __future__ import annotations

import gc

YOUNG_OBJECTS = 20_000
"""more than a hundred requests under way have"""


def keep_what_was_imported() -> None:
    """Start with the collector off: during imports it looks through ever more objects, none of which can
    go (0.2 s). They stay for good, so it need never see them. What a request or a step makes goes with
    it, by reference count: the collector is for the few cycles, and with its usual threshold a busy server
    would look through the requests under way every time (4 % of its time; of a flow's, a fifth)."""
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    gc.enable()
