"""Where a hunk's body ends, and what its lines are.

The header's counts are believed only if they end at a boundary. Otherwise the body goes on to the
next header, and no ``+`` or ``-`` line is ever left behind: a half-read hunk is a wrong hunk.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass

from cfx_flow.diffs.headers import is_header, is_lone_header, swallows_header

_MARKS = {" ", "+", "-"}
_UNMARKED = re.compile(r"[^ +-]")
_TURN = re.compile(r"-(?=[ \n]?\+)|\+(?=[ \n]?-)")
"""where the two names of a file can be; far fewer than all lines that begin like one"""
_NO_MARK = re.compile(r"[^ +\-\n]")
_BULLET = re.compile(r"^[-+] \S")
_NO_NEWLINE = re.compile(r"^\\ ?No newline")
_MARKED_END = re.compile(r"^[ +-]\\ ?No newline at end of file\s*$")


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
    blank_first: bool = False
    """an empty line stood between the header and the hunk"""

    @property
    def short(self) -> bool:
        return self.old_left > 0 or self.new_left > 0


class Stretch:
    """Lines of the answer, with what is asked of them again and again."""

    def __init__(self, lines: list[str], marks: str, *, prose_follows: bool) -> None:
        self.lines = lines
        self.marks = marks
        """the first character of every line, a line end for those that have none"""
        self.prose_follows = prose_follows
        """no fence keeps prose away"""
        self._headers: list[int] | None = None

    def next_header(self, start: int) -> int:
        """The index of the first header from ``start`` on, or the number of lines; to be asked from above."""
        if self._headers is None:
            self._headers = self._headers_below(start)
        after = bisect_left(self._headers, start)
        return self._headers[after] if after < len(self._headers) else len(self.lines)

    def _headers_below(self, start: int) -> list[int]:
        odd = [match.start() for match in _NO_MARK.finditer(self.marks, start)]
        turns = [match.start() for match in _TURN.finditer(self.marks, start)]
        names = [at for at in turns if self.lines[at].startswith(("---", "+++"))]
        return [at for at in sorted([*odd, *names]) if is_header(self.lines, at)]


def read_body(stretch: Stretch, start: int, counted: tuple[int, int] | None) -> Body:
    """The hunk body that begins at ``start``."""
    lines, end = stretch.lines, stretch.next_header(start)
    if counted is not None:
        if _all_marked(stretch.marks, start, end) and _counts(stretch.marks, start, end) == counted:
            return Body(lines[start:end], end, counts_hold=True)
        if body := _as_counted(stretch, start, end, counted):
            return body
    if _unmark_ends(lines, start, end) and counted and (body := _as_counted(stretch, start, end, counted)):
        return body
    if stretch.prose_follows:
        before = _before_prose(lines, start, end)
        # all of it prose: then the hunk has none of the lines that it counts, and must not pass for empty
        changes = any(line[:1] in {"+", "-"} for line in lines[start:before])
        end = before if counted is None or changes else end
    return _from_lines(lines, start, end, counted)


def _as_counted(stretch: Stretch, start: int, end: int, counted: tuple[int, int]) -> Body | None:
    for first in _starts(stretch.lines, start, end):
        if body := _by_counts(stretch, first, *counted):
            body.blank_first = first > start
            return body
    return None


def _unmark_ends(lines: list[str], start: int, end: int) -> bool:
    """``+\\ No newline at end of file`` is no line that comes, unless the counts say so."""
    marked = [at for at in range(start, end) if _MARKED_END.match(lines[at])]
    for at in marked:
        lines[at] = lines[at][1:]
    return bool(marked)


def _all_marked(marks: str, start: int, end: int) -> bool:
    return _UNMARKED.search(marks, start, end) is None


def _counts(marks: str, start: int, end: int) -> tuple[int, int]:
    """Old and new lines."""
    total = end - start
    return total - marks.count("+", start, end), total - marks.count("-", start, end)


def _starts(lines: list[str], start: int, end: int) -> tuple[int, ...]:
    """Where the hunk may begin: an empty line below the header may have been put there for looks.

    Beside blank context that has kept its mark it surely was.
    """
    if start >= end or lines[start]:
        return (start,)
    blanks = any(line in {" ", " \r"} for line in lines[start + 1 : end])
    return (start + 1, start) if blanks else (start, start + 1)


def _by_counts(stretch: Stretch, start: int, old: int, new: int) -> Body | None:
    """The body that the counts describe, None unless they end where a hunk can end."""
    lines = stretch.lines
    end = _counted_end(lines, start, old, new)
    if end is None:
        return None
    if end < len(lines) and _NO_NEWLINE.match(lines[end]):
        end += 1
    changes = any(line[:1] in {"+", "-"} for line in lines[start:end])
    if not _at_boundary(lines, end, prose_follows=stretch.prose_follows and changes):
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
            if line.startswith("---") and swallows_header(lines, at):
                return None
            old -= 1
        elif mark == "\\":
            continue
        elif mark not in {" ", ""} and is_header(lines, at):
            return None
        else:
            old, new = old - 1, new - 1
    return len(lines) if old == new == 0 else None


def _at_boundary(lines: list[str], at: int, *, prose_follows: bool) -> bool:
    """No line that belongs to this hunk stands between here and the next header.

    Context counts too: it may be what is left of lines whose ``+`` was lost.
    """
    after_blank = after_prose = False
    for index in range(at, len(lines)):
        line = lines[index]
        mark = line[:1]
        if is_header(lines, index):
            return True
        if prose_follows and after_blank and _is_rule(lines, index):
            after_prose = True
            continue
        if mark in {"+", "-"}:
            return _is_signature(lines, index) or (index == at and is_lone_header(lines, at))
        if not line:
            after_blank = True  # a line of one blank is context
        elif not line.strip():
            pass
        elif mark != " ":
            after_prose = True
        elif not (prose_follows and (after_blank or after_prose)):
            return False
        if prose_follows and after_blank and after_prose:
            return True
    return True


def _is_rule(lines: list[str], at: int) -> bool:
    """A ``---`` of Markdown, after an empty line and before another or the next file."""
    ends = at + 1 >= len(lines) or not lines[at + 1] or is_header(lines, at + 1)
    return lines[at].rstrip() == "---" and not lines[at - 1] and ends


def _is_signature(lines: list[str], at: int) -> bool:
    """``git format-patch`` ends in ``-- `` and git's version."""
    return lines[at].rstrip() == "--" and (
        at + 1 >= len(lines) or re.match(r"^\d+\.\d", lines[at + 1]) is not None
    )


def _before_prose(lines: list[str], start: int, end: int) -> int:
    """Cuts off prose after the hunk: a paragraph without marker, and after it no line but bullets."""
    changed = (at for at in range(end - 1, start, -1) if lines[at][:1] in {"+", "-"})
    last_change = next((at for at in changed if not _is_bullet(lines, at)), start)
    for at in range(last_change + 1, end):
        line = lines[at]
        unmarked = line.strip() and line[0] not in " +-\\\t"
        if unmarked and (not lines[at - 1].rstrip("\r") or line.startswith("```")):
            return at
    return end


def _is_bullet(lines: list[str], at: int) -> bool:
    """An item of a list, as of prose; a ``+`` below a ``-`` is a line that takes another's place."""
    pair = lines[at][0] == "+" and lines[at - 1][:1] == "-"
    return _BULLET.match(lines[at]) is not None and not pair


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
    for raw in chunk:
        mark = raw[:1]
        if mark in _MARKS:
            body.lines.append(raw)
        elif mark in {"", "\r"}:
            body.lines.append(" " + raw)
            body.blanks_unmarked = True
        elif _NO_NEWLINE.match(raw):
            above = body.lines[-1][0] if body.lines else " "
            body.old_at_eof = body.old_at_eof or above != "+"
            body.new_at_eof = body.new_at_eof or above != "-"
        else:
            body.lines.append("?" + raw)
