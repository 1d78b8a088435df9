"""A refusal in words that the CODE stage can act on: what was wrong, and the file's true lines to copy."""

from __future__ import annotations

import unicodedata

from cfx_flow.diffs.model import Code, Excerpt, Problem, Refusal

_MAX_PROBLEMS = 8
_MAX_LINES = 60
_MAX_LENGTH = 1_000
"""characters of a line; no one copies a longer one by hand"""
_FORM = (
    "  Write one like this, for each file that changes:",
    "    --- a/PATH",
    "    +++ b/PATH",
    "    @@ -LINE,COUNT +LINE,COUNT @@",
    "     a line that stays",
    "    -a line that goes",
    "    +a line that comes",
)


def feedback(refusal: Refusal) -> str:
    head = f"The diff was refused ({refusal.code}); nothing was applied."
    parts = [head, *(_problem(problem) for problem in refusal.problems[:_MAX_PROBLEMS])]
    if (rest := len(refusal.problems) - _MAX_PROBLEMS) > 0:
        parts.append(f"{rest} more problems of this kind are not listed.")
    parts.append("Write the whole diff again, with every file and hunk, against the files as they are.")
    return "\n\n".join(parts)


def _problem(problem: Problem) -> str:
    where = f"{problem.path}: " if problem.path else ""
    line = f" (line {problem.line} of your answer)" if problem.line else ""
    lines = [f"- [{problem.code}]{line} {where}{problem.message}."]
    lines += _FORM if problem.code is Code.NO_DIFF else ()
    if problem.wrote is not None:
        lines.append(f"  You wrote:     {problem.wrote}")
    if problem.found is not None:
        lines.append(f"  The file has:  {problem.found}")
    lines += _unseen(problem.wrote, problem.found)
    for excerpt in dict.fromkeys(problem.excerpts):
        lines.append(f"  True lines of {problem.path} from line {excerpt.start} on, to be copied exactly:")
        lines += _numbered(excerpt)
    return "\n".join(line[:_MAX_LENGTH] for line in lines)


def _unseen(wrote: str | None, found: str | None) -> list[str]:
    """The first difference, where it is one that nobody sees: a tab, a no-break blank, another quote."""
    if wrote is None or found is None:
        return []
    at = next((n for n, pair in enumerate(zip(wrote, found, strict=False)) if pair[0] != pair[1]), None)
    if at is None or all(" " < char < "\x7f" for char in (wrote[at], found[at])):
        return []
    return [f"  They differ at column {at + 1}: {_named(wrote[at])} where the file has {_named(found[at])}."]


def _named(char: str) -> str:
    return f"U+{ord(char):04X} {unicodedata.name(char, 'CONTROL CHARACTER')}"


def _numbered(excerpt: Excerpt) -> list[str]:
    shown = [f"{number:>6}|{line}" for number, line in enumerate(excerpt.lines[:_MAX_LINES], excerpt.start)]
    if len(excerpt.lines) > _MAX_LINES:
        shown.append(f"      … {len(excerpt.lines) - _MAX_LINES} more lines")
    return shown
