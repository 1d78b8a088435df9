"""A change carried over to a file that has been edited since: line by line, or refused.

Both sides of the change are known in full, so this is a three-way merge, stricter than git's: what the
change replaces and the lines beside it must stand untouched, and must not have become ambiguous.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from cfx_flow.workspace.edits.change import Drifted

CONTEXT = 3
MOST_PAIRS = 4_000_000
"""of equal lines on both sides; beyond it the comparison takes longer than anyone waits"""
SHOWN_CHARS = 120

Lines = Sequence[bytes]


@dataclass(frozen=True, slots=True)
class _Hunk:
    """Lines ``[start, end)`` (0-based) of the file before give way to ``new``."""

    start: int
    end: int
    new: Lines


@dataclass(frozen=True, slots=True)
class _Kept:
    """``size`` lines that stand in both files, from ``old`` on before and from ``now`` on now."""

    old: int
    now: int
    size: int

    def holds(self, start: int, end: int) -> bool:
        return self.old <= start and end <= self.old + self.size


def carry(before: bytes | None, after: bytes | None, now: bytes | None) -> bytes | None:
    """What the change from ``before`` to ``after`` makes of ``now``. Raises Drifted.

    A file whose line ends are all of the other kind is the same file, checked out otherwise: it keeps them.
    """
    before, after = _with_line_ends_of(now, before, after)
    if now == before:
        return after
    if now == after:
        return now
    if now is None:
        raise Drifted("is gone")
    if before is None:
        raise Drifted("exists by now, with other content")
    if after is None:
        raise Drifted(f"would be deleted, and has been edited: {_first_difference(before, now)}")
    return b"".join(_merged(_lines(before), _lines(after), _lines(now)))


def is_edited(before: bytes | None, after: bytes | None, now: bytes | None) -> bool:
    """Somebody has been at it since; a checkout with other line ends is nobody's edit."""
    return now not in _with_line_ends_of(now, before, after)


def _merged(before: Lines, after: Lines, now: Lines) -> list[bytes]:
    kept = _kept(before, now)
    merged: list[bytes] = []
    done, problems = 0, []
    for hunk in _hunks(before, after):
        try:
            shift = _shift(hunk, kept, before, now)
        except Drifted as drifted:
            problems.append(drifted.why)
            continue
        merged += [*now[done : hunk.start + shift], *hunk.new]
        done = hunk.end + shift
    if problems:
        raise Drifted(f"has changed since: {'; '.join(problems)}")
    return [*merged, *now[done:]]


def _shift(hunk: _Hunk, kept: Sequence[_Kept], before: Lines, now: Lines) -> int:
    """By how many lines the hunk's place has moved. Raises Drifted."""
    start, end = max(hunk.start - 1, 0), min(hunk.end + 1, len(before))
    home = next((block for block in kept if block.holds(start, end)), None)
    if home is None or not _has_its_ends(hunk, home, before, now):
        raise Drifted(_conflict(hunk, kept, before, now))
    shift = home.now - home.old
    first = max(hunk.start - CONTEXT, home.old)
    around = before[first : min(hunk.end + CONTEXT, home.old + home.size)]
    if _count(around, now) != _count(around, before):
        raise Drifted(f"{_named(hunk)} has become ambiguous: its lines stand there more than once")
    return shift


def _has_its_ends(hunk: _Hunk, home: _Kept, before: Lines, now: Lines) -> bool:
    """Lines put at the very start or end are held by it: nobody may have put others there meanwhile."""
    if hunk.start < hunk.end:
        return True
    at_start = hunk.start > 0 or home.now == 0
    at_end = hunk.start < len(before) or home.now + home.size == len(now)
    return at_start and at_end


def _hunks(before: Lines, after: Lines) -> list[_Hunk]:
    """What stands between the lines that are kept."""
    hunks, at, new_at = [], 0, 0
    for block in [*_kept(before, after), _Kept(len(before), len(after), 0)]:
        if (at, new_at) != (block.old, block.now):
            hunks.append(_Hunk(at, block.old, after[new_at : block.now]))
        at, new_at = block.old + block.size, block.now + block.size
    return hunks


def _kept(one: Lines, other: Lines) -> list[_Kept]:
    """The equal runs of lines, in order; what is equal at both ends is found without comparing the rest."""
    shorter = min(len(one), len(other))
    head = next((at for at in range(shorter) if one[at] != other[at]), shorter)
    tail = next((at for at in range(shorter - head) if one[-1 - at] != other[-1 - at]), shorter - head)
    middle = _compared(one[head : len(one) - tail], other[head : len(other) - tail])
    blocks = [
        _Kept(0, 0, head),
        *(_Kept(head + block.a, head + block.b, block.size) for block in middle.get_matching_blocks()),
        _Kept(len(one) - tail, len(other) - tail, tail),
    ]
    return _joined([block for block in blocks if block.size])


def _joined(blocks: Sequence[_Kept]) -> list[_Kept]:
    """Runs that touch on both sides are one run."""
    joined: list[_Kept] = []
    for block in blocks:
        last = joined[-1] if joined else _Kept(0, 0, 0)
        if joined and (last.old + last.size, last.now + last.size) == (block.old, block.now):
            joined[-1] = _Kept(last.old, last.now, last.size + block.size)
        else:
            joined.append(block)
    return joined


def _compared(one: Lines, other: Lines) -> SequenceMatcher[bytes]:
    """Raises Drifted rather than compare for minutes."""
    others = Counter(other)
    if sum(others[line] for line in one) > MOST_PAIRS:
        raise Drifted("has changed since, and holds too many equal lines to be sure of a place in it")
    return SequenceMatcher(None, one, other, autojunk=False)


def _count(block: Lines, lines: Lines) -> int:
    """At how many places the block stands."""
    if not block:
        return 1
    size, first = len(block), block[0]
    return sum(line == first and lines[at : at + size] == list(block) for at, line in enumerate(lines))


def _lines(content: bytes) -> list[bytes]:
    """With their ends, so that a missing final newline is a difference like any other."""
    lines = [line + b"\n" for line in content.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _with_line_ends_of(
    now: bytes | None, before: bytes | None, after: bytes | None
) -> tuple[bytes | None, bytes | None]:
    style, own = _line_ends(now), _line_ends(before)
    if style == own or b"\r\n" not in (style, own) or None in (style, own):
        return before, after
    return _rewritten(before, style), _rewritten(after, style)


def _line_ends(content: bytes | None) -> bytes | None:
    """``\\r\\n`` or ``\\n`` where every line ends so, else None."""
    total = 0 if content is None else content.count(b"\n")
    if content is None or not total:
        return None
    returns = content.count(b"\r\n")
    if returns == total:
        return b"\r\n"
    return b"\n" if not returns else None


def _rewritten(content: bytes | None, style: bytes | None) -> bytes | None:
    if content is None or style is None:
        return content
    plain = content.replace(b"\r\n", b"\n")
    return plain if style == b"\n" else plain.replace(b"\n", style)


# -- what a person is told


def _named(hunk: _Hunk) -> str:
    return f"the hunk at line {hunk.start + 1} (-{hunk.end - hunk.start} +{len(hunk.new)})"


def _conflict(hunk: _Hunk, kept: Sequence[_Kept], before: Lines, now: Lines) -> str:
    """Names the first line, from the hunk's neighbour on, that is not what it was."""
    start, end = max(hunk.start - 1, 0), min(hunk.end + 1, len(before))
    above = [block for block in kept if block.old <= start]
    shift = above[-1].now - above[-1].old if above else 0
    for at in range(start, end):
        found = now[at + shift] if 0 <= at + shift < len(now) else None
        if found != before[at]:
            return (
                f"{_named(hunk)} does not fit any more: "
                f"line {at + 1} was {_shown(before[at])}, and there is {_shown(found)}"
            )
    return f"{_named(hunk)} does not fit any more: lines were put beside it"


def _first_difference(before: bytes, now: bytes) -> str:
    old, new = _lines(before), _lines(now)
    same = next((at for at, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), None)
    at = min(len(old), len(new)) if same is None else same
    was, found = (lines[at] if at < len(lines) else None for lines in (old, new))
    return f"line {at + 1} was {_shown(was)}, and there is {_shown(found)}"


def _shown(line: bytes | None) -> str:
    if line is None:
        return "nothing"
    text = ascii(line.decode("utf-8", "replace").rstrip("\r\n")[:SHOWN_CHARS])
    return f"{text} without its line end" if not line.endswith(b"\n") else text
