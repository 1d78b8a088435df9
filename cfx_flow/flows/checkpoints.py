"""A flow's checkpoints as rows. What stands in them is the graph's business."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec


class CheckpointRow(msgspec.Struct, frozen=True):
    flow_id: str
    ns: str
    """of a subgraph; empty for the graph itself"""
    id: str
    """later ones are greater"""
    parent_id: str | None
    body: str
    meta: str


class WriteRow(msgspec.Struct, frozen=True):
    """What one task has written, kept until the checkpoint after it exists."""

    flow_id: str
    ns: str
    checkpoint_id: str
    task_id: str
    idx: int
    task_path: str
    channel: str
    body: str
    again: bool = False
    """it replaces an earlier one of the same place; else the earlier one stays"""


class Writes(msgspec.Struct, frozen=True):
    """Most are never made into rows: the checkpoint after them is written in the same transaction."""

    checkpoint_id: str
    rows: Callable[[], Sequence[WriteRow]]
