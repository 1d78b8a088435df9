"""Was the answer cut off in its last hunk? Its counts promise more, and the file tells the rest."""

from __future__ import annotations

from itertools import takewhile

from cfx_flow.diffs.model import Code, Hunk, Problem
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


def ends_early(hunk: Hunk, end: int, source: Source) -> bool:
    """Whether the hunk, which the file goes on after at ``end``, lacks lines that should have followed.

    Counts alone prove little: models miscount. A hunk that promises more was cut if it shows less context
    below than above, or more, for then another change was to come; if there is room for one more change
    and its context; or if its counts lead exactly to the file's end. Blank lines that the file has there
    were only stripped.
    """
    if end >= len(source.lines):
        return misses_lines(hunk)
    if not (_is_short(hunk) or (hunk.unclosed and hunk.left is None)):
        return False
    above, below = _context(hunk.body), _context(hunk.body[::-1])
    if hunk.left is None:
        return below == 0 < above
    old, new = hunk.left
    rest = source.lines[end:]
    if old == new and not any(line.strip() for line in rest[:old]):
        return False
    if (min(old, new) >= _CONTEXT and old <= len(rest)) or _leads_to_the_end(hunk, source):
        return True
    return below == 0 or not min(above, _CONTEXT) <= below <= max(above, _CONTEXT)


def _leads_to_the_end(hunk: Hunk, source: Source) -> bool:
    """By its stated line and its count, and nobody miscounts just so."""
    if hunk.stated is None or hunk.counted is None or hunk.left is None or not min(hunk.left):
        return False
    return hunk.stated - 1 + hunk.counted[0] == len(source.lines)


def ends_in_a_change(hunk: Hunk) -> bool:
    """The same, as far as it can be told without a place in the file."""
    return _is_short(hunk) and _context(hunk.body[::-1]) == 0


def _is_short(hunk: Hunk) -> bool:
    return hunk.left is not None and min(hunk.left) >= 0 and hunk.left != (0, 0)


def _context(lines: list[str]) -> int:
    return sum(1 for _ in takewhile(lambda line: line[0] not in "+-", lines))
