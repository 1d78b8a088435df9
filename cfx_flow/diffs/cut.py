"""Was the answer cut off in its last hunk? Its counts promise more, and the file tells the rest."""

from __future__ import annotations

from itertools import takewhile

from cfx_flow.diffs.model import Code, Hunk, Problem
from cfx_flow.diffs.place import Placed
from cfx_flow.diffs.source import Source

_CONTEXT = 3
_MISCOUNT = 5
"""lines of a new file by which models miscount; a fifth of a long one, a third of what a short one shows"""


def problem(hunk: Hunk, path: str | None = None) -> Problem:
    return Problem(
        Code.TRUNCATED, "the answer breaks off in the middle of its last hunk", path, line=hunk.line
    )


def is_cut_off(hunk: Hunk, body: list[str]) -> bool:
    """What can be told without the file: a fence that was never closed around a hunk that falls short."""
    if not hunk.unclosed:
        return False
    return _is_short(hunk) or (hunk.cut and body[-1:] != [] and body[-1][0] == "+")


def misses_lines(hunk: Hunk) -> bool:
    """Whether ``+`` lines are missing where no context could follow: in a new file, and at a file's end.

    Only the count says how many there should have been. Of an answer that ends in mid-line, or whose
    other hunks all count right, it is believed; else only where models do not miscount by as much.
    """
    if not _is_short(hunk) or hunk.counted is None or hunk.left is None or hunk.left[0] > 0:
        return False  # old lines beyond the file's end: such counts are wrong in any case
    if (hunk.cut and hunk.marks[-1] == "+") or hunk.others_count:
        return True
    miscount = min(max(_MISCOUNT, hunk.counted[1] // 5), max(len(hunk.body) // 3, 1))
    return hunk.left[1] > miscount


def ends_early(hunk: Hunk, place: Placed, source: Source) -> bool:
    """Whether the hunk, which the file goes on after, lacks lines that should have followed.

    Counts alone prove little: models miscount. A hunk that promises more was cut if it shows less context
    below than above, or more, for then another change was to come. Blank lines that the file has there
    were only stripped.
    """
    if place.end >= len(source.lines):
        return misses_lines(hunk)
    if not (_is_short(hunk) or (hunk.unclosed and hunk.left is None)):
        return False
    above, below = _context(hunk.body), _context(hunk.body[::-1])
    if hunk.left is None:
        return below == 0 < above
    old, new = hunk.left
    if old == new and not any(line.strip() for line in source.lines[place.end : place.end + old]):
        return False
    if _numbers_are_right(hunk, place) and _has_room_for_a_change(hunk.left, len(source.lines) - place.end):
        return True
    return below == 0 or not min(above, _CONTEXT) <= below <= max(above, _CONTEXT)


def _numbers_are_right(hunk: Hunk, place: Placed) -> bool:
    """As far as they can be held against anything: its line, and the counts of the answer's other hunks."""
    return hunk.stated == place.start + 1 and hunk.others_count is not False


def _has_room_for_a_change(left: tuple[int, int], rest: int) -> bool:
    """What is missing is as much as one more change and its context, which ends where the file does."""
    old, new = left
    return (min(old, new) >= _CONTEXT and old <= rest) or (old == rest and new > 0)


def ends_in_a_change(hunk: Hunk) -> bool:
    """The same, as far as it can be told without a place in the file."""
    return _is_short(hunk) and _context(hunk.body[::-1]) == 0


def _is_short(hunk: Hunk) -> bool:
    return hunk.left is not None and min(hunk.left) >= 0 and hunk.left != (0, 0)


def _context(lines: list[str]) -> int:
    return sum(1 for _ in takewhile(lambda line: line[0] not in "+-", lines))
