"""The journal of paid calls.

``started`` is written before a call, ``done`` with its answer before the node goes on. A node
that runs again after a crash gets what was answered from here; only a call that was in flight
is made, and perhaps billed, once more.
"""

from __future__ import annotations

from datetime import datetime

import msgspec


class Effect(msgspec.Struct, frozen=True):
    step: int
    call: int
    """from 0, in the order in which the node asks"""
    request_hash: bytes
    """SHA-256 of what is asked: an answer to another question is none"""
    tries: int
    """how many runs have begun it; above 1 it may have been billed more than once"""
    answer: bytes | None
    """as the graph wrote it; None while nothing has been answered"""
    started_at: datetime
    done_at: datetime | None = None
