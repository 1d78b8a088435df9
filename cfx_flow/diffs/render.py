"""The canonical diff of an accepted change, read back with ``unidiff`` before anyone may trust it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, pairwise

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from cfx_flow.diffs.model import Edit, FileChange, Side
from cfx_flow.diffs.paths import DEV_NULL, quote

CONTEXT = 3
NO_NEWLINE = "\\ No newline at end of file"


class RenderError(Exception):
    """Our canonical diff does not say what was applied: a bug of ours, never the answer's fault."""


def render(changes: Iterable[FileChange]) -> str:
    """A unified diff with three lines of context. Raises ``RenderError`` if unidiff reads it otherwise."""
    changes = _in_order(list(changes))
    text = "\n".join([*chain.from_iterable(_file(change) for change in changes), ""])
    _read_back(text, changes)
    return text


def _in_order(changes: list[FileChange]) -> list[FileChange]:
    """As they came; what comes or goes empty last where it would take over the next one's lines."""
    taken_over = any(not one.edits and not _has_git_line(after) for one, after in pairwise(changes))
    return sorted(changes, key=lambda change: not change.edits) if taken_over else changes


def _has_git_line(change: FileChange) -> bool:
    """Not with a blank in the name: the line cannot be split for sure."""
    return " " not in change.path or not change.edits


def _read_back(text: str, changes: list[FileChange]) -> None:
    try:
        patch = PatchSet(text, metadata_only=True)
    except UnidiffParseError as error:
        raise RenderError(str(error)) from error
    read = [(file.added, file.removed) for file in patch]
    meant = [(change.added, change.removed) for change in changes]
    if read != meant:
        raise RenderError(f"counts of the canonical diff: {read}, of the change: {meant}")


def _file(change: FileChange) -> list[str]:
    old, new = quote(f"a/{change.path}"), quote(f"b/{change.path}")
    lines: list[str] = []
    if _has_git_line(change):
        lines.append(f"diff --git {old} {new}")
        if change.before is None:
            lines.append("new file mode 100644")
        if change.after is None:
            lines.append("deleted file mode 100644")
    if change.edits:
        lines.append(f"--- {DEV_NULL if change.before is None else old}")
        lines.append(f"+++ {DEV_NULL if change.after is None else new}")
        lines += _hunks(change)
    return lines


def split(text: str | None) -> Side:
    """The text's lines; an empty text has none."""
    if not text:
        return Side([], ended=True)
    lines = text.split("\n")
    if lines[-1]:
        return Side(lines, ended=False)
    lines.pop()
    return Side(lines, ended=True)


def _marked(mark: str, side: Side, start: int, end: int) -> list[str]:
    """The lines as one text: a diff of megabytes is put together from a tenth of the strings."""
    if start >= end:
        return []
    text = mark + f"\n{mark}".join(side.lines[start:end])
    return [text] if side.ended or end < len(side.lines) else [text, NO_NEWLINE]


def _hunks(change: FileChange) -> list[str]:
    old, new = change.sides or (split(change.before), split(change.after))
    lines: list[str] = []
    shift = 0
    for group in _groups(change.edits):
        first = max(group[0].start - CONTEXT, 0)
        last = min(group[-1].end + CONTEXT, len(old.lines))
        gained = sum([len(edit.new) - (edit.end - edit.start) for edit in group])
        lines.append(_header(first, last - first, first + shift, last - first + gained))
        at = first
        for edit in group:
            lines += _marked(" ", old, at, edit.start)
            lines += _marked("-", old, edit.start, edit.end)
            lines += _marked("+", new, edit.start + shift, edit.start + shift + len(edit.new))
            shift += len(edit.new) - (edit.end - edit.start)
            at = edit.end
        lines += _marked(" ", old, at, last)
    return lines


def _header(old_start: int, old_count: int, new_start: int, new_count: int) -> str:
    """Counting starts at 1; an empty side names the line before it."""
    old = f"{old_start + (old_count > 0)},{old_count}"
    new = f"{new_start + (new_count > 0)},{new_count}"
    return f"@@ -{old} +{new} @@"


def _groups(edits: tuple[Edit, ...]) -> Iterator[list[Edit]]:
    group: list[Edit] = []
    for edit in edits:
        if group and edit.start - group[-1].end > 2 * CONTEXT:
            yield group
            group = []
        group.append(edit)
    if group:
        yield group
