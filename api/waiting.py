"""``Prefer: wait=N``: how long a caller would rather wait for the end than come back.

**Source**: RFC 7240, section 4.3.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator

from cfx_flow.flows.model import Event, FlowStatus

LONGEST_WAIT_S = 120
"""proxies cut what is silent for longer; whoever wants more follows the events"""

_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,9})\"?(?=$|[,;\s])", re.IGNORECASE)


def preferred_wait_s(prefer: str | None) -> int | None:
    """None if nothing of the kind is preferred. A preference that cannot be read is no error."""
    found = _WAIT.search(prefer or "")
    return min(int(found[1]), LONGEST_WAIT_S) if found else None


def is_at_rest(status: FlowStatus) -> bool:
    """It has ended, or waits for a person."""
    return status.ended or status is FlowStatus.REQUIRES_ACTION


async def until_it_rests(events: AsyncIterator[Event | None], status: FlowStatus, *, within_s: float) -> None:
    """``events``: those that come after ``status`` was read. Returns early when the server stops."""
    if is_at_rest(status):
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            async for event in events:
                if event is not None and event.type in ("flow.completed", "approval.requested"):
                    return
