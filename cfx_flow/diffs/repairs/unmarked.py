"""Context lines that lost their leading blank, all of them or some."""

from __future__ import annotations

from cfx_flow.diffs.model import Hunk
from cfx_flow.diffs.place import Placed
from cfx_flow.diffs.repairs.search import sole_start, starts_where, with_file_lines
from cfx_flow.diffs.source import Source


def unmarked_context(hunk: Hunk, source: Source) -> Placed | None:
    """Reads each context line with and without a marker; removed lines stay exact."""
    forms = [_forms(line) for line in hunk.body if line[0] != "+"]
    if not forms or not any(form.strip() for line in forms for form in line):
        return None
    hits = starts_where(
        forms, source, lambda start: all(source.stripped[start + i] in line for i, line in enumerate(forms))
    )
    start = sole_start(hunk, hits or [])
    if start is None or not (_surely_unmarked(hunk) or _added_lines_agree(hunk, source)):
        return None
    return with_file_lines(
        hunk, start, source, "unmarked_context", "context lines had lost their leading blank"
    )


def _forms(line: str) -> tuple[str, ...]:
    """A line that starts with a blank may be marked, or indented code that is not."""
    bare = line[1:].rstrip(" \t\r")
    return (bare, line.rstrip(" \t\r")) if line[0] == " " and bare else (bare,)


def _surely_unmarked(hunk: Hunk) -> bool:
    """A line without any marker shows it, and so does a removed line: that one is where it should be."""
    return hunk.unmarked or any(line[0] == "-" and line[1:].strip() for line in hunk.body)


def _added_lines_agree(hunk: Hunk, source: Source) -> bool:
    """Otherwise the hunk may as well be shifted by a blank, ``+`` lines too.

    Their indentation tells: it must be one that the file uses.
    """
    used = {_indent(line) for line in source.lines if line.strip()}
    return all(_indent(line[1:]) in used for line in hunk.body if line[0] == "+" and line[1:].strip())


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]
