"""The diff that undoes a patch."""

from __future__ import annotations

from cfx_flow.diffs.model import Edit, FileChange, Patch
from cfx_flow.diffs.render import render, split


def reverse(patch: Patch) -> str:
    """The canonical diff from the files after to the files before."""
    return render(_swapped(change) for change in patch.changes)


def _swapped(change: FileChange) -> FileChange:
    old, _ = split(change.before)
    edits: list[Edit] = []
    shift = 0
    for edit in change.edits:
        start = edit.start + shift
        edits.append(Edit(start, start + len(edit.new), tuple(old[edit.start : edit.end])))
        shift += len(edit.new) - (edit.end - edit.start)
    return FileChange(change.path, change.after, change.before, tuple(edits))
