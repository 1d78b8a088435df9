"""At most one context line off by a slip of the pen, everything else exact."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from cfx_flow.diffs.model import Hunk
from cfx_flow.diffs.place import Placed
from cfx_flow.diffs.repairs.search import sole_start, with_file_lines
from cfx_flow.diffs.source import Source

_MAX_SLIPS = 2
_MIN_LENGTH = 6
_MAX_LENGTH = 500
"""characters; in a longer line nobody can tell a slip from a change"""
_MAX_CANDIDATES = 2_000
_WORD = re.compile(r"\w+")
_PROSE = frozenset(" ,;:.!?()")
"""marks that people forget; those of quotation, markup and escaping are changed by programs"""


def context_typo(hunk: Hunk, source: Source) -> Placed | None:
    """Every removed line must be exact, and the line that is off nearly the file's.

    A line at the edge of the hunk counts only if the header's counts hold: a lost ``+`` looks the same.
    """
    old = [line for line in hunk.body if line[0] != "+"]
    texts = [line[1:].rstrip(" \t\r") for line in old]
    if hunk.unmarked or len(texts) < 3:
        return None
    off_at: dict[int, int] = {}
    for candidate in _candidates(texts, source):
        if (difference := _only_difference(texts, source, candidate)) is not None:
            off_at[candidate] = difference
    start = sole_start(hunk, list(off_at))
    if start is None:
        return None
    index = off_at[start]
    at_edge = index in {0, len(old) - 1}
    if old[index][0] != " " or (at_edge and not (hunk.counted and hunk.counts_hold)):
        return None
    wrote, true = texts[index], source.stripped[start + index]
    others = [text for at, text in enumerate(texts) if at != index]
    breaks_off = hunk.cut and index == len(old) - 1
    if not is_slip(wrote, true, strict=at_edge) or breaks_off or not _is_sure(hunk, start, others):
        return None
    meant = _is_meant(wrote, true, hunk) or _is_another_name(wrote, true, source)
    if meant or _may_hold_for_added_lines(wrote, true, others):
        return None
    message = f"a context line was off: {wrote.strip()[:80]!r} is {true.strip()[:80]!r} in the file"
    return with_file_lines(hunk, start, source, "context_typo", message)


def _is_sure(hunk: Hunk, start: int, others: list[str]) -> bool:
    """A hunk that removes nothing may be meant for another file: then its number must be right too.

    Or, where it states none, two more lines that say something must agree.
    """
    if any(line[0] == "-" and len(line.strip()) > _MIN_LENGTH for line in hunk.body):
        return True
    if hunk.stated is not None:
        return hunk.stated == start + 1
    return sum(len(text.strip()) >= _MIN_LENGTH for text in others) > 1


def _may_hold_for_added_lines(wrote: str, true: str, others: Iterable[str]) -> bool:
    """The indentation differs, or a mark was doubled, lost or put in: so it may have been in added lines.

    Escapers, templates, typesetters and Markdown do so throughout. Another line of the hunk that shows the
    mark as the file has it says that none was at work.
    """
    if _indent(wrote) != _indent(true):
        return True
    wrote_marks, true_marks = Counter(wrote), Counter(true)
    odd = [mark for mark in (wrote_marks - true_marks) + (true_marks - wrote_marks) if _is_odd(mark)]
    seen = set().union(*(text.strip() for text in others))
    return any(mark not in true_marks or mark not in seen for mark in odd)


def _is_odd(mark: str) -> bool:
    return not mark.isascii() or not (mark.isalnum() or mark in _PROSE)


def _is_meant(wrote: str, true: str, hunk: Hunk) -> bool:
    """The added lines have the same new word, or need the comma above them: a change nobody has marked."""
    if wrote == f"{true}," and any(
        one[1:].rstrip(" \t\r") == wrote and other[0] == "+" for one, other in pairwise(hunk.body)
    ):
        return True
    new = Counter(_WORD.findall(wrote)) - Counter(_WORD.findall(true))
    return any(word in new for line in hunk.body if line[0] == "+" for word in _WORD.findall(line[1:]))


def _is_another_name(wrote: str, true: str, source: Source) -> bool:
    """The file has the word that was written: ``max`` for ``min`` may mean another place."""
    return not source.words.isdisjoint(set(_WORD.findall(wrote)).difference(_WORD.findall(true)))


def _candidates(texts: list[str], source: Source) -> list[int]:
    """Starts at which one of the two rarest lines stands: at most one line is off, so the other is there."""
    known = sorted(
        (
            (len(places), offset)
            for offset, text in enumerate(texts)
            if (places := source.places_stripped(text))
        )
    )
    if len(known) < len(texts) - 1 or any(count > _MAX_CANDIDATES for count, _ in known[:2]):
        return []
    last = len(source.lines) - len(texts)
    starts = {place - offset for _, offset in known[:2] for place in source.places_stripped(texts[offset])}
    return sorted(start for start in starts if 0 <= start <= last)


def _only_difference(texts: list[str], source: Source, start: int) -> int | None:
    found = None
    for index, text in enumerate(texts):
        if source.stripped[start + index] != text:
            if found is not None:
                return None
            found = index
    return found


def is_slip(wrote: str, true: str, *, strict: bool = False) -> bool:
    """Whether two lines differ by a slip: a letter or two, no digit, and not in a line of mere brackets.

    Digits are never a slip: ``case 1`` and ``case 2`` are different places.
    """
    wrote, true = wrote.strip(), true.strip()
    if _digits(wrote) != _digits(true) or not wrote or not true:
        return False
    slips = _distance(wrote, true, _MAX_SLIPS)
    if min(len(wrote), len(true)) < _MIN_LENGTH:
        return not strict and slips == 1 and len(wrote) != len(true) and min(len(wrote), len(true)) > 1
    return slips <= _MAX_SLIPS


def _indent(text: str) -> str:
    return text[: len(text) - len(text.lstrip())]


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _distance(one: str, other: str, most: int) -> int:
    """Levenshtein's, or ``most + 1`` as soon as it is clear that it is greater."""
    if abs(len(one) - len(other)) > most or max(len(one), len(other)) > _MAX_LENGTH:
        return most + 1
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        above, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (a != b))
        if min(row) > most:
            return most + 1
    return row[-1]
