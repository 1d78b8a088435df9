"""Judgement repairs: readings of a hunk that has no place as it stands.

Each module holds one. A reading is taken only if it leads to one sole place, never drops a ``-`` line
and never invents a ``+`` line; a policy switches each off by name. They are tried in this order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cfx_flow.diffs.model import Hunk
from cfx_flow.diffs.place import Placed
from cfx_flow.diffs.repairs.elided import elided_context
from cfx_flow.diffs.repairs.indentation import indentation
from cfx_flow.diffs.repairs.typo import context_typo
from cfx_flow.diffs.repairs.unmarked import unmarked_context
from cfx_flow.diffs.source import Source

READINGS: Mapping[str, Callable[[Hunk, Source], Placed | None]] = {
    "unmarked_context": unmarked_context,
    "indentation": indentation,
    "elided_context": elided_context,
    "context_typo": context_typo,
}


def reinterpret(hunk: Hunk, source: Source, allowed: frozenset[str]) -> Placed | None:
    """The hunk by the first reading that places it; None if none does."""
    for name, reading in READINGS.items():
        if name in allowed and (placed := reading(hunk, source)) is not None:
            return placed
    return None
