"""Why a hunk has no place: the code, the first differing line, and the file's true lines."""

from __future__ import annotations

from cfx_flow.diffs.model import Code, Excerpt, Hunk, Problem
from cfx_flow.diffs.source import Source
from cfx_flow.diffs.targets import Target

_AROUND = 3
_DELETION_LINES = 60
_VOTERS = 2_000
"""lines of a hunk that are asked where it may belong"""


def deletion(target: Target, lines: list[str], named: list[str]) -> Problem:
    """A deletion that does not name exactly the file's lines."""
    same = _common_prefix([line.rstrip() for line in named], [line.rstrip() for line in lines])
    first = max(same - _AROUND, 0)
    return Problem(
        Code.REMOVED_LINE_MISMATCH,
        f"a deletion must name all {len(lines)} lines of {target.path}; it differs from line {same + 1} on",
        target.path,
        target.line,
        wrote=named[same] if same < len(named) else None,
        found=lines[same] if same < len(lines) else None,
        excerpts=(Excerpt(first + 1, tuple(lines[first : first + _DELETION_LINES])),),
    )


def not_placed(hunk: Hunk, source: Source, path: str) -> Problem:
    """Precedence: already there, then a removed line that differs, then context that is not there."""
    new = [line.rstrip() for line in hunk.new]
    if _stands(new, hunk, source) and hunk.changes:
        return Problem(
            Code.ALREADY_APPLIED,
            "the file already has what this hunk would make of it: leave the hunk out, or exchange + and - "
            "if it is the lines with - that should come",
            path,
            hunk.line,
        )
    start = best_start(hunk, source)
    old = [line.rstrip() for line in hunk.old]
    window = source.stripped[start : start + len(old)]
    same = _common_prefix(old, window)
    if hunk.cut and same == len(old) - 1 < len(window) and window[same].startswith(old[same]):
        return Problem(Code.TRUNCATED, "the answer breaks off in the middle of a line", path, hunk.line)
    removed = _differs_only_in_removed(hunk, window)
    code = Code.REMOVED_LINE_MISMATCH if removed is not None else Code.CONTEXT_NOT_FOUND
    where = same if removed is None else removed
    kind = "removes a line" if removed is not None else "has a line"
    message = f"a hunk {kind} that {path} does not have at this place"
    if same == len(old) and "?" in hunk.marks:
        where = [line[0] for line in hunk.body if line[0] != "+"].index("?")
        message = "a line has no mark: begin each line that stays with a blank"
    return Problem(
        code,
        message,
        path,
        hunk.line,
        wrote=hunk.old[where] if where < len(hunk.old) else None,
        found=source.lines[start + where] if start + where < len(source.lines) else None,
        excerpts=(source.excerpt(start, start + len(old)),),
    )


def _stands(new: list[str], hunk: Hunk, source: Source) -> bool:
    """The new side is there. Where lines only go, what remains proves nothing unless it is at the place."""
    if not new:
        return False
    if any(line[0] == "+" for line in hunk.body):
        return bool(source.find_stripped(new))
    starts = {start - 1 for start in (hunk.stated, hunk.stated_new) if start}
    return any(source.stripped[start : start + len(new)] == new for start in starts)


def _common_prefix(one: list[str], other: list[str]) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def best_start(hunk: Hunk, source: Source) -> int:
    """Where most of the hunk's old lines stand: votes of each line that the file has, rare ones first."""
    votes: dict[int, float] = {}
    for offset, line in enumerate(hunk.old[:_VOTERS]):
        places = source.places_stripped(line.rstrip())
        for place in places[:50]:
            votes[place - offset] = votes.get(place - offset, 0.0) + 1 / len(places)
    stated = (hunk.stated or 1) - 1
    if not votes:
        return max(min(stated, len(source.lines) - 1), 0)
    return max(max(votes, key=lambda start: (votes[start], -abs(start - stated))), 0)


def _differs_only_in_removed(hunk: Hunk, window: list[str]) -> int | None:
    """Index of the first removed line that differs, when all context lines agree; else None."""
    old = [line for line in hunk.body if line[0] != "+"]
    if len(window) < len(old):
        return None
    differing = [index for index, line in enumerate(old) if line[1:].rstrip() != window[index]]
    if not differing or any(old[index][0] != "-" for index in differing):
        return None
    return differing[0] if len(differing) < len(old) else None
