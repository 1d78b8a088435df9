"""Where a hunk's body ends, and what its lines are.

The header's counts are believed only if they end at a boundary. Otherwise the body goes on to the
next header, and no ``+`` or ``-`` line is ever left behind: a half-read hunk is a wrong hunk.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cfx_flow.diffs.paths import DEV_NULL, header_path, without_prefix

_BOUNDARY = re.compile(
    r"^(?:diff |Index: |Only in |From [0-9a-f]{7,40} "
    r"|\*\*\* (?:End|Begin|Update|Add|Delete) |</(?:diff|patch|answer|code|output)>)"
)
_MARKS = {" ", "+", "-"}
_BULLET = re.compile(r"^[-+] \S")
_NO_NEWLINE = re.compile(r"^\\ ?No newline")


@dataclass(slots=True)
class Body:
    lines: list[str]
    end: int
    """index of the first line after the body"""
    counts_hold: bool = False
    old_left: int = 0
    new_left: int = 0
    """what the header's counts still miss; negative when the body is longer"""
    old_at_eof: bool = False
    new_at_eof: bool = False
    blanks_unmarked: bool = False

    @property
    def short(self) -> bool:
        return self.old_left > 0 or self.new_left > 0


def read_body(lines: list[str], start: int, counted: tuple[int, int] | None, *, prose_follows: bool) -> Body:
    """The hunk body that begins at ``start``; ``prose_follows`` where no fence keeps prose away."""
    if counted is not None and (body := _by_counts(lines, start, *counted, prose_follows=prose_follows)):
        return body
    end = _next_header(lines, start)
    if prose_follows:
        end = _before_prose(lines, start, end)
    return _from_lines(lines, start, end, counted)


def _by_counts(lines: list[str], start: int, old: int, new: int, *, prose_follows: bool) -> Body | None:
    """The body that the counts describe, None unless they end where a hunk can end."""
    end = _counted_end(lines, start, old, new)
    if end is None:
        return None
    if end < len(lines) and _NO_NEWLINE.match(lines[end]):
        end += 1
    if not _at_boundary(lines, end, prose_follows=prose_follows):
        return None
    return _from_lines(lines, start, end, None, counts_hold=True)


def _counted_end(lines: list[str], start: int, old: int, new: int) -> int | None:
    """The index after as many old and new lines; None if they run out, or into a header.

    A line without a mark counts as context that lost its blank, as long as the rest fits.
    """
    for at in range(start, len(lines)):
        if old <= 0 and new <= 0:
            return at if old == new == 0 else None
        line = lines[at]
        mark = line[:1]
        if mark == "+":
            new -= 1
        elif mark == "-":
            if line.startswith("--- ") and _swallows_header(lines, at):
                return None
            old -= 1
        elif mark == "\\":
            continue
        elif mark not in {" ", ""} and _is_header(lines, at):
            return None
        else:
            old, new = old - 1, new - 1
    return len(lines) if old == new == 0 else None


def _swallows_header(lines: list[str], at: int) -> bool:
    """Counts that are too big by one take the next file's header for a changed line."""
    followed_by_hunk = at + 2 < len(lines) and lines[at + 2].startswith("@@")
    return followed_by_hunk and _is_header_pair(lines, at) and _paths_agree(lines[at], lines[at + 1])


def _at_boundary(lines: list[str], at: int, *, prose_follows: bool) -> bool:
    """No line that belongs to this hunk stands between here and the next header.

    Context counts too: it may be what is left of lines whose ``+`` was lost.
    """
    after_blank = after_prose = False
    for index in range(at, len(lines)):
        line = lines[index]
        mark = line[:1]
        if _is_header(lines, index):
            return True
        if mark in {"+", "-"}:
            return _is_signature(lines, index) or (index == at and _is_lone_header(lines, at))
        if not line.strip():
            after_blank = True
        elif mark != " ":
            after_prose = True
        elif not (prose_follows and (after_blank or after_prose)):
            return False
        if prose_follows and after_blank and after_prose:
            return True
    return True


def _is_lone_header(lines: list[str], at: int) -> bool:
    """A file header of which one line was forgotten, right where the counts end."""
    return lines[at].startswith(("--- ", "+++ ")) and at + 1 < len(lines) and lines[at + 1].startswith("@@")


def _is_signature(lines: list[str], at: int) -> bool:
    """``git format-patch`` ends in ``-- `` and git's version."""
    return lines[at].rstrip() == "--" and (
        at + 1 >= len(lines) or re.match(r"^\d+\.\d", lines[at + 1]) is not None
    )


def _is_header(lines: list[str], at: int) -> bool:
    line = lines[at]
    if line.startswith("@@"):
        return True
    if line.startswith("--- "):
        return _is_header_pair(lines, at)
    return line[:1] not in {" ", "+", "-", ""} and _BOUNDARY.match(line) is not None


def _is_header_pair(lines: list[str], at: int) -> bool:
    """``---`` and ``+++`` in a row can be content; with ``@@`` after them, or one same path, they are not."""
    if at + 1 >= len(lines) or not lines[at + 1].startswith("+++ "):
        return False
    if at + 2 < len(lines) and lines[at + 2].startswith("@@"):
        return True
    return _paths_agree(lines[at], lines[at + 1])


def _paths_agree(old_line: str, new_line: str) -> bool:
    old, new = header_path(old_line[4:]), header_path(new_line[4:])
    return DEV_NULL in (old, new) or without_prefix(old) == without_prefix(new)


def _next_header(lines: list[str], start: int) -> int:
    for at in range(start, len(lines)):
        if _is_header(lines, at):
            return at
    return len(lines)


def _before_prose(lines: list[str], start: int, end: int) -> int:
    """Cuts off prose after the hunk: a paragraph without marker, and after it no line but bullets."""
    changed = (at for at in range(end - 1, start, -1) if lines[at][:1] in {"+", "-"})
    last_change = next((at for at in changed if not _BULLET.match(lines[at])), start)
    for at in range(last_change + 1, end):
        line = lines[at]
        unmarked = line.strip() and line[0] not in " +-\\\t"
        if unmarked and (not lines[at - 1].strip() or line.startswith("```")):
            return at
    return end


def _from_lines(
    lines: list[str], start: int, end: int, counted: tuple[int, int] | None, *, counts_hold: bool = False
) -> Body:
    body = Body([], end, counts_hold=counts_hold)
    while not counts_hold and end > start and not lines[end - 1]:
        end -= 1  # without counts an empty line at the end separates, it is no context
    chunk = lines[start:end]
    if {line[:1] for line in chunk} <= _MARKS:
        body.lines = chunk
    else:
        _read_lines(chunk, body)
    if counted:
        old = sum(1 for line in body.lines if line[0] != "+")
        new = sum(1 for line in body.lines if line[0] != "-")
        body.old_left, body.new_left = counted[0] - old, counted[1] - new
        body.counts_hold = body.old_left == body.new_left == 0
    return body


def _read_lines(chunk: list[str], body: Body) -> None:
    """Lines that are not all marked: blanks that lost theirs, end-of-file markers, and the rest as ``?``."""
    last = " "
    for raw in chunk:
        mark = raw[:1]
        if mark in _MARKS:
            body.lines.append(raw)
            last = mark
        elif mark in {"", "\r"}:
            body.lines.append(" " + raw)
            body.blanks_unmarked = True
        elif _NO_NEWLINE.match(raw):
            body.old_at_eof = body.old_at_eof or last in " -"
            body.new_at_eof = body.new_at_eof or last in " +"
        else:
            body.lines.append("?" + raw)
