"""Context that was left out: ``... existing code ...`` between pieces that the file has, in order."""

from __future__ import annotations

import re

from cfx_flow.diffs.model import Edit, Hunk
from cfx_flow.diffs.place import Placed, edits_of, was_added_before
from cfx_flow.diffs.source import Source

_MAX_LENGTH = 120
_OPEN = r"^\s*(?:#+|//+|/\*+|<!--|--+|;+|%|\{/\*|\"{3}|'{3}|rem\b)?\s*"
_CLOSE = r"\s*(?:\*/\}?|-->|\"{3}|'{3})?\s*$"
_DOTS = re.compile(
    rf"{_OPEN}(?:\.{{3,}}|…|⋮|[\[(]\s*(?:\.{{3,}}|…))\s*"
    rf"(?:[\[(]?[\w' ,:-]*[\])]?\s*(?:\.{{3,}}|…)?[\])]?){_CLOSE}",
    re.IGNORECASE,
)
_WORDS = re.compile(
    r"^\s*(?:#+|//+|/\*+|<!--|--+|;+|%|\{/\*|\(|\[)\s*\(?"
    r"(?:(?:existing|unchanged|rest of|remaining)\b[\w' ,-]*"
    r"|[\w' ,-]*\b(?:unchanged|omitted|(?:remains?|stays?) (?:the same|as is)))"
    rf"[\])]?{_CLOSE}",
    re.IGNORECASE,
)
"""a comment without dots, in such words"""


def elided_context(hunk: Hunk, source: Source) -> Placed | None:
    """Places every piece between elisions; there must be just one way to do so in file order."""
    pieces, elisions = _pieces(hunk, source)
    if not pieces or not elisions:
        return None
    starts = _sole_arrangement(pieces, source, (hunk.stated or 0) - 1)
    if starts is None:
        return None
    edits: list[Edit] = []
    for piece, start in zip(pieces, starts, strict=True):
        if was_added_before(piece, start, source):
            return None
        edits += edits_of(piece, start, source, returns_as_in_file=True)
    repair = ("elided_context", f"context was left out in {elisions} places")
    return Placed(starts[0], starts[-1] + len(pieces[-1].old), tuple(edits), (repair,))


def is_elision(line: str) -> bool:
    """A marked or unmarked context line that stands for others."""
    if line[0] not in " ?" or len(line) > _MAX_LENGTH:
        return False
    return _DOTS.match(line[1:]) is not None or _WORDS.match(line[1:]) is not None


def _pieces(hunk: Hunk, source: Source) -> tuple[list[Hunk], int]:
    """The hunk cut at its elisions, and their number; dots that the file itself has are no elision."""
    pieces = [Hunk(hunk.line, [])]
    elisions = 0
    for line in hunk.body:
        if is_elision(line) and not source.places_stripped(line[1:].rstrip(" \t\r")):
            pieces.append(Hunk(hunk.line, []))
            elisions += 1
        else:
            pieces[-1].body.append(line)
    pieces = [piece for piece in pieces if piece.body]
    if pieces:
        pieces[-1].old_at_eof, pieces[-1].new_at_eof = hunk.old_at_eof, hunk.new_at_eof
    return pieces, elisions


def _sole_arrangement(pieces: list[Hunk], source: Source, stated: int) -> list[int] | None:
    """Starts of the pieces, one after another; None unless there is exactly one such list.

    The stated line may settle the first piece. A piece that stands in more than one place settles
    nothing by being near: the nearest copy is a guess.
    """
    starts: list[int] = []
    after = 0
    for piece in pieces:
        old = [line.rstrip(" \t\r") for line in piece.old]
        if piece.unmarked or not any(old):
            return None
        hits = source.find_stripped(old)
        if not starts and len(hits) > 1 and source.stripped[max(stated, 0) : stated + len(old)] == old:
            hits = [stated]
        if len(hits) != 1 or hits[0] < after:
            return None
        starts.append(hits[0])
        after = hits[0] + len(old)
    return starts
