"""The canonical diff counts as many lines as the answer had, but for what is written down as mended.

``render`` holds the canonical diff to the change; here the change is held to the answer, so that no line
of it can get lost on the way: what the answer adds and removes is what the change does, together with

- lines that go and come back as they were, which no canonical diff shows (``unchanged_lines``),
- edits that were given more than once (``duplicate_hunk``),
- a last line of which only the line end changes, and a first one that gets or loses the byte order mark:
  a diff shows them as removed and added (``line_end``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from cfx_flow.diffs.model import Edit, FileChange, Repair
from cfx_flow.diffs.place import Fitted
from cfx_flow.diffs.render import RenderError


def account(fitted: Fitted, change: FileChange) -> list[Repair]:
    """The repairs that explain a difference. Raises ``RenderError`` where nothing does: a bug of ours."""
    answered = _answered(fitted)
    if answered == (change.added, change.removed):
        return []
    taken = Counter(edit for _, place in fitted.hunks for edit in place.edits)
    placed = _sum(taken.elements())
    unchanged = answered[0] - placed[0], answered[1] - placed[1]
    once = _sum(taken)
    line_end = change.added - once[0], change.removed - once[1]
    if unchanged[0] != unchanged[1] or unchanged[0] < 0 or line_end not in {(0, 0), (1, 1), (2, 2)}:
        raise RenderError(f"{change.path}: the answer has {answered}, the change {placed} and {line_end}")
    return list(_explained(fitted, unchanged[0], line_end=line_end != (0, 0)))


def _explained(fitted: Fitted, unchanged: int, *, line_end: bool) -> Iterator[Repair]:
    if unchanged:
        message = f"{unchanged} lines went and came back as they were"
        yield Repair("unchanged_lines", message, fitted.path, fitted.line)
    if line_end:
        yield Repair(
            "line_end",
            "the end of the last line, or the byte order mark before the first, changed",
            fitted.path,
            fitted.line,
        )


def _answered(fitted: Fitted) -> tuple[int, int]:
    marks = "".join([hunk.marks for hunk, _ in fitted.hunks])
    return marks.count("+"), marks.count("-")


def _sum(edits: Iterable[Edit]) -> tuple[int, int]:
    """Lines that come, and lines that go."""
    added = removed = 0
    for edit in edits:
        added += len(edit.new)
        removed += edit.end - edit.start
    return added, removed
