"""What a patch makes of a file, and why a file does not take it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cfx_flow.diffs import Patch


@dataclass(frozen=True, slots=True)
class Change:
    """One file before and after; None: it is not there."""

    path: str
    before: bytes | None
    after: bytes | None
    mode: int | None = None
    """of the file after; None: as it is, or as new files are made"""


def changes_of(patch: Patch, originals: Mapping[str, bytes]) -> list[Change]:
    """``originals``: the bytes that the patch was checked against."""
    return [
        Change(
            change.path,
            None if change.before is None else originals[change.path],
            None if change.after is None else change.after.encode("utf-8"),
        )
        for change in patch.changes
    ]


class Drifted(Exception):
    """A file is not what the change was made for. ``why`` names the hunk and what stands there now."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
