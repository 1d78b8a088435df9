"""Context lines that lost their leading blank, all of them or some."""

from __future__ import annotations

from cfx_flow.diffs.model import Hunk
from cfx_flow.diffs.place import Placed
from cfx_flow.diffs.repairs.search import sole_start, starts_where, with_file_lines
from cfx_flow.diffs.source import Source


def unmarked_context(hunk: Hunk, source: Source) -> Placed | None:
    """Reads each context line with and without a marker; removed lines stay exact."""
    if hunk.counted and not hunk.counts_hold:
        return None  # two slips at once: a "+" may be the first character of an unmarked line
    forms = [_forms(line) for line in hunk.body if line[0] != "+"]
    if not forms or not any(form.strip() for line in forms for form in line):
        return None
    hits = starts_where(
        forms, source, lambda start: all(source.stripped[start + i] in line for i, line in enumerate(forms))
    )
    start = sole_start(hunk, hits or [])
    if start is None or not _added_lines_agree(hunk, source):
        return None
    return with_file_lines(
        hunk, start, source, "unmarked_context", "context lines had lost their leading blank"
    )


def _forms(line: str) -> tuple[str, ...]:
    """A line that starts with a blank may be marked, or indented code that is not."""
    bare = line[1:].rstrip(" \t\r")
    return (bare, line.rstrip(" \t\r")) if line[0] == " " and bare else (bare,)


def _added_lines_agree(hunk: Hunk, source: Source) -> bool:
    """What looks added is neither an unmarked line that starts with ``+``, nor short of its first column.

    A removed line, which is exact, shows that marks do not stand in the place of a first character.
    Otherwise the indentation tells: it must be one that the file uses.
    """
    added = [line for line in hunk.body if line[0] == "+" and line[1:].strip()]
    if any(source.places_stripped(line.rstrip(" \t\r")) for line in added):
        return False
    if any(line[0] == "-" and line[1:].strip() for line in hunk.body):
        return True
    used = {_indent(line) for line in source.lines if line.strip()}
    return all(_indent(line[1:]) in used for line in added)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]
