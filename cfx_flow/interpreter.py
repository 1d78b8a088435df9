"""Python itself, as a server wants it: the collector of cycles, and how threads take turns."""

from __future__ import annotations

import gc
import sys

YOUNG_OBJECTS = 20_000
"""more than a hundred requests under way have"""

TURN_S = 0.001
"""how long a thread that computes keeps the loop waiting, where Python's own is 5 ms: a reader of a stream
sees it"""


def before_imports() -> None:
    """During imports the collector looks through ever more objects, none of which can go (0.2 s)."""
    gc.disable()
    sys.setswitchinterval(TURN_S)


def after_imports() -> None:
    """What was imported stays for good, so the collector need never see it. What a request or a step makes
    goes with it, by reference count: the collector is for the few cycles, and with its usual threshold a busy
    server would look through the requests under way every time (4 % of its time; of a flow's, a fifth)."""
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    gc.enable()
