"""All hunks of one file as one list of edits against the original, or the reason why they clash."""

from __future__ import annotations

from itertools import pairwise

from cfx_flow.diffs.model import Code, Edit, FileChange, Hunk, Problem, Refused, Side
from cfx_flow.diffs.place import Fitted, Placed
from cfx_flow.diffs.source import Source


def merge(fitted: Fitted) -> tuple[list[Edit], bool]:
    """The edits in file order, equal ones once; and whether there were equal ones.

    Raises ``Refused`` with ``conflicting_hunks`` or ``overlapping_hunks``.
    """
    in_order = [edit for _, place in fitted.hunks for edit in place.edits]
    if all(one.end < other.start for one, other in pairwise(in_order)):
        return in_order, False
    owners: dict[Edit, Hunk] = {}
    repeated = False
    for hunk, place in fitted.hunks:
        for edit in place.edits:
            repeated = repeated or edit in owners
            owners.setdefault(edit, hunk)
    edits = sorted(owners, key=lambda edit: (edit.start, edit.end))
    for clashes, code, what in (
        (_same_place, Code.CONFLICTING_HUNKS, "put different text in the same place"),
        (_cross, Code.OVERLAPPING_HUNKS, "overlap"),
    ):
        for one, other in pairwise(edits):
            if clashes(one, other):
                raise Refused(_clash(code, what, one, other, owners[other].line, fitted))
    return edits, repeated


def _same_place(one: Edit, other: Edit) -> bool:
    return (one.start, one.end) == (other.start, other.end)


def _cross(one: Edit, other: Edit) -> bool:
    """Overlap, or an insertion that touches: nothing says which of the two comes first."""
    inserts = one.start == one.end or other.start == other.end
    return one.end > other.start or (one.end == other.start and inserts)


def _clash(code: Code, what: str, one: Edit, other: Edit, line: int, fitted: Fitted) -> Problem:  # noqa: PLR0913, PLR0917
    message = f"two hunks {what} at line {one.start + 1} of {fitted.path}: write one hunk that does both"
    end = max(one.end, other.end)
    return Problem(code, message, fitted.path, line, excerpts=(fitted.source.excerpt(one.start, end),))


def apply(fitted: Fitted, edits: list[Edit]) -> FileChange:
    """The file after the edits; a last line of which only the line end changes is one of them.

    The final newline stays as it is unless a hunk at the end of the file says otherwise.
    """
    source = fitted.source
    lines: list[str] = []
    done = 0
    for edit in edits:
        lines += source.lines[done : edit.start]
        lines += edit.new
        done = edit.end
    lines += source.lines[done:]
    ended = _final_newline(source, edits, lines, fitted.hunks)
    after = source.join(lines, final_newline=ended)
    whole = tuple(_with_line_end(source, _with_mark(source, edits), final_newline=ended))
    plain = source.newline == "\n" and not source.mark and bool(source.text) and bool(after)
    sides = (Side(source.lines, source.final_newline), Side(lines, ended)) if plain else None
    return FileChange(fitted.path, source.text, after, whole, sides)


def _with_mark(source: Source, edits: list[Edit]) -> list[Edit]:
    """Where the byte order mark moves to another first line, that line is changed too."""
    first = edits[0] if source.mark and edits and edits[0].start == 0 else None
    if first is None or first.end == len(source.lines) or (first.new and first.end > 0):
        return edits
    later = edits[1] if len(edits) > 1 and edits[1].start == first.end else None
    end, new = (later.end, later.new) if later else (first.end + 1, (source.lines[first.end],))
    return [Edit(0, end, (*first.new, *new)), *edits[2 if later else 1 :]]


def _with_line_end(source: Source, edits: list[Edit], *, final_newline: bool) -> list[Edit]:
    """A kept line that gains or loses its line end is a changed line of the diff."""
    total = len(source.lines)
    tail = edits[-1] if edits else None
    if not total:
        return edits
    if tail is None or tail.end < total:
        if source.final_newline == final_newline:
            return edits
        last = Edit(total - 1, total, (source.lines[-1],))
        if tail is not None and tail.end == last.start:
            return [*edits[:-1], Edit(tail.start, total, (*tail.new, *last.new))]
        return [*edits, last]
    gains = tail.start == total and not source.final_newline
    loses = not tail.new and tail.start > 0 and not final_newline
    if gains or loses:
        return [*edits[:-1], Edit(tail.start - 1, tail.end, (source.lines[tail.start - 1], *tail.new))]
    return edits


def _final_newline(
    source: Source, edits: list[Edit], lines: list[str], placed: list[tuple[Hunk, Placed]]
) -> bool:
    """Whether the last of ``lines`` has a line end: as a hunk at the end says, else as the file had it.

    Where the last line only goes, the one before it keeps its own; an empty last line cannot do without.
    """
    for hunk, place in placed:
        if place.end == len(source.lines) and hunk.old_at_eof != hunk.new_at_eof:
            if source.final_newline and hunk.new_at_eof:
                return not lines or not lines[-1]
            if not source.final_newline and hunk.old_at_eof:
                return True
    if edits and edits[-1].end == len(source.lines) and not edits[-1].new:
        return True
    return source.final_newline or not lines or not lines[-1]
