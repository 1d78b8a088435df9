"""Looking for a hunk's old side where each line may stand in more than one form."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cfx_flow.diffs.model import Hunk
from cfx_flow.diffs.place import Placed, at, was_added_before
from cfx_flow.diffs.source import Source

MAX_CANDIDATES = 5_000
"""starts that are looked at; a hunk whose every line is that frequent has no sole place anyway"""


def sole_start(hunk: Hunk, hits: Sequence[int]) -> int | None:
    """The only hit, or the stated one of several."""
    if len(hits) == 1:
        return hits[0]
    stated = (hunk.stated or 0) - 1
    return stated if stated in hits else None


def starts_where(
    forms: Sequence[Sequence[str]], source: Source, fits: Callable[[int], bool]
) -> list[int] | None:
    """Every start that fits, sought at the rarest line; None if there are too many to look at.

    ``forms[i]`` are the trailing-stripped texts that the block's line ``i`` may have in the file.
    """
    counts = [sum(len(source.places_stripped(form)) for form in line) for line in forms]
    if not counts or not min(counts):
        return []
    offset = counts.index(min(counts))
    if counts[offset] > MAX_CANDIDATES:
        return None
    last = len(source.lines) - len(forms)
    starts = {place - offset for form in forms[offset] for place in source.places_stripped(form)}
    return [start for start in sorted(starts) if 0 <= start <= last and fits(start)]


def with_file_lines(hunk: Hunk, start: int, source: Source, kind: str, message: str) -> Placed | None:
    """The hunk with its context and removed lines taken from the file, placed at ``start``.

    None if what it adds is there already.
    """
    number = start
    body: list[str] = []
    for line in hunk.body:
        if line[0] == "+":
            body.append(line)
        else:
            body.append(("-" if line[0] == "-" else " ") + source.lines[number])
            number += 1
    read = Hunk(hunk.line, body, hunk.stated, old_at_eof=hunk.old_at_eof, new_at_eof=hunk.new_at_eof)
    if was_added_before(read, start, source):
        return None
    placed = at(read, start, source, exact=False)
    kept = tuple(repair for repair in placed.repairs if repair[0] == "offset")
    return Placed(placed.start, placed.end, placed.edits, (*kept, (kind, message)))
