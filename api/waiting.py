"""``Prefer: wait=N``: how long a caller would rather wait for the end than come back.

**Source**: RFC 7240, section 4.3.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

from cfx_flow.flows.model import Event

LONGEST_WAIT_S = 120
"""proxies cut what is silent for longer; whoever wants more follows the events"""

_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,9})\"?(?=$|[,;\s])", re.IGNORECASE)


def preferred_wait_s(prefer: str | None) -> int | None:
    """None if nothing of the kind is preferred. A preference that cannot be read is no error."""
    found = _WAIT.search(prefer or "")
    return min(int(found[1]), LONGEST_WAIT_S) if found else None


async def has_ended(events: AsyncIterator[Event | None], *, within_s: float) -> bool:
    """``events`` ends with the flow; also, unfinished, when the server stops."""
    last = None
    try:
        async with asyncio.timeout(within_s):
            async for event in events:
                last = event or last
    except TimeoutError:
        return False
    return last is not None and last.type == "flow.completed"
