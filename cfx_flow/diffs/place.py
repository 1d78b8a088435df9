"""Where a hunk belongs in the real file: exactly one place, or none at all."""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from cfx_flow.diffs.model import Code, Edit, Hunk, Problem, Refused
from cfx_flow.diffs.source import Source

_RUN = re.compile(r"[-+]+")


class Placed(msgspec.Struct, frozen=True):
    """A hunk at its place: what it changes, and how many file lines it spans."""

    start: int
    """0-based"""
    end: int
    edits: tuple[Edit, ...]
    repairs: tuple[tuple[str, str], ...] = ()
    """kind and message"""


@dataclass(slots=True)
class Fitted:
    """A file with all its hunks placed."""

    path: str
    line: int
    source: Source
    hunks: list[tuple[Hunk, Placed]]


def place(hunk: Hunk, source: Source, path: str) -> Placed | None:
    """The hunk at its sole place, exact or with trailing blanks ignored; None if there is none.

    Raises ``Refused`` with ``no_anchor``, ``ambiguous_match`` or ``already_applied``.
    """
    old = hunk.old
    if not old:
        return _without_anchor(hunk, source, path)
    if hunk.unmarked:
        return None  # to read such lines as context is a judgement
    start, exact = _start(hunk, old, source, path)
    if start is None:
        return None
    if was_added_before(hunk, start, source):
        raise Refused(
            Problem(
                Code.ALREADY_APPLIED,
                "the file already has the added lines here: leave the hunk out",
                path,
                hunk.line,
            )
        )
    return at(hunk, start, source, exact=exact)


def _start(hunk: Hunk, old: list[str], source: Source, path: str) -> tuple[int | None, bool]:
    """The hunk's first line, and whether its old side stands there exactly.

    The stated line goes before an exact copy elsewhere: blanks at the end of a line are often lost. So an
    exact copy does not go before one that differs in them alone: nobody sees which of the two was meant.
    """
    stated = (hunk.stated or 0) - 1
    if stated >= 0 and source.lines[stated : stated + len(old)] == old:
        return stated, True
    stripped = [line.rstrip(" \t\r") for line in old]
    if stated >= 0 and source.stripped[stated : stated + len(old)] == stripped:
        return stated, False
    hits = source.find_stripped(stripped)
    if len(hits) > 1:
        raise Refused(_ambiguous(hunk, path, hits, source))
    if not hits:
        return None, False
    if not any(stripped):  # put there for looks, as likely as not
        raise Refused(_no_anchor(hunk, source, path, "the hunk shows nothing of the file but blank lines"))
    return hits[0], source.lines[hits[0] : hits[0] + len(old)] == old


def was_added_before(hunk: Hunk, start: int, source: Source) -> bool:
    """A hunk that begins or ends in ``+`` lines still fits where it has been applied already."""
    marks = hunk.marks
    if marks[0] != "+" and marks[-1] != "+":
        return False
    new = [line.rstrip(" \t\r") for line in hunk.new]
    first = start - (len(marks) - len(marks.lstrip("+")))
    there = first >= 0 and source.stripped_from(first, len(new)) == new
    return there and source.stripped_from(start, len(hunk.old)) != new


def _without_anchor(hunk: Hunk, source: Source, path: str) -> Placed:
    """Only an empty file has just one place for lines that come without neighbours."""
    if source.lines:
        raise Refused(_no_anchor(hunk, source, path, "the hunk only adds lines"))
    return at(hunk, 0, source, exact=True)


def _no_anchor(hunk: Hunk, source: Source, path: str, what: str) -> Problem:
    message = (
        f"{what}; without context or removed lines it has no place in the file: begin each line that stays "
        "with a blank, each that goes with -"
    )
    excerpt = source.excerpt(max(hunk.stated or 1, 1) - 1, hunk.stated or 1)
    return Problem(Code.NO_ANCHOR, message, path, hunk.line, excerpts=(excerpt,))


def _ambiguous(hunk: Hunk, path: str, hits: list[int], source: Source) -> Problem:
    places = " and ".join(str(hit + 1) for hit in hits)
    return Problem(
        Code.AMBIGUOUS_MATCH,
        f"the hunk fits in more than one place (at lines {places}, for instance) and states none of them: "
        "give the right line number, or more context",
        path,
        hunk.line,
        excerpts=tuple(source.excerpt(hit, hit + len(hunk.old)) for hit in hits),
    )


def at(hunk: Hunk, start: int, source: Source, *, exact: bool) -> Placed:
    """The edits of a hunk whose old side stands at ``start``; context is the file's, ``+`` the diff's."""
    repairs = []
    span = len(hunk.body) - hunk.marks.count("+")
    if hunk.stated is not None and span and hunk.stated != start + 1:
        repairs.append(("offset", f"a hunk said line {hunk.stated} and belongs at {start + 1}"))
    if not exact:
        repairs.append(("trailing_blanks", "trailing blanks or line ends differed from the file's"))
    edits = edits_of(hunk, start, source, returns_as_in_file=not exact)
    return Placed(start, start + span, tuple(edits), tuple(repairs))


def edits_of(hunk: Hunk, start: int, source: Source, *, returns_as_in_file: bool = False) -> list[Edit]:
    """Runs of ``-`` and ``+`` as edits of file lines; runs that change nothing are left out."""
    edits: list[Edit] = []
    marks = hunk.marks
    added = 0  # "+" lines so far, which no file line stands for
    for run in _RUN.finditer(marks):
        first = start + run.start() - added
        removed = run.group().count("-")
        added += len(run.group()) - removed
        new = [line[1:] for line in hunk.body[run.start() : run.end()] if line[0] == "+"]
        if returns_as_in_file:
            new = [_with_returns_of(source, first, line) for line in new]
        old = source.lines[first : first + removed]
        if old != new:
            edits.append(_least(first, old, new))
    return edits


def _least(first: int, old: list[str], new: list[str]) -> Edit:
    """Without lines that go and come back at either end: they would hide what the edit is beside."""
    end, new_end = len(old), len(new)
    while end and new_end and old[end - 1] == new[new_end - 1]:
        end, new_end = end - 1, new_end - 1
    start = 0
    while start < min(end, new_end) and old[start] == new[start]:
        start += 1
    return Edit(first + start, first + end, tuple(new[start:new_end]))


def _with_returns_of(source: Source, first: int, text: str) -> str:
    """In a file of mixed line ends a new line takes that of the line in its place."""
    neighbour = source.lines[min(first, len(source.lines) - 1)] if source.lines else ""
    return text.removesuffix("\r") + ("\r" if neighbour.endswith("\r") else "")
