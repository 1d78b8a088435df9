"""Diffs as they come out of a terminal or go into a shell: coloured, or as a here-document."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from cfx_flow.diffs.model import Repair

_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_COLOURED_HEADER = re.compile(r"^(?:\x1b\[[\d;]*m)+(?:diff --git |--- |@@ )", re.MULTILINE)
_OPENING = re.compile(r"^[^\s+\-@].*<<-?\s*(['\"]?)([A-Za-z_]\w*)\1\s*$")
_LONGEST_COMMAND = 1_000
_DIFF = ("diff --git ", "--- ", "*** ", "@@", "Index: ", "From ")


def is_coloured(text: str) -> bool:
    """As git prints it: then colours are the terminal's. Elsewhere they are what some file holds."""
    return _COLOURED_HEADER.search(text) is not None


def without_colours(text: str) -> str:
    """Only where git puts them: around lines, after the mark, and at blanks that end a line."""
    return "\n".join(_plain(line) if "\x1b" in line else line for line in text.split("\n"))


def _plain(line: str) -> str:
    """The line as it is, where colours stand within what may be a file's text."""
    texts = [text for text in _COLOUR.split(line) if text.strip()]
    marks = sum(text in {"+", "-"} or text.startswith("@@") for text in texts[:1])
    return _COLOUR.sub("", line) if len(texts) <= 1 + marks else line


def take_out_here_documents(lines: list[str], repairs: list[Repair]) -> None:
    """Blanks ``git apply <<'EOF'`` and the ``EOF`` that ends it: they frame the diff, they are none of it."""
    closing: dict[str, list[int]] = {match[2]: [] for _, match in _openings(lines)}
    if not closing:
        return
    for at, line in enumerate(lines):
        if (word := line.strip()) in closing:
            closing[word].append(at)
    for at, match in list(_openings(lines)):
        ends = closing[match[2]]
        if (first := bisect_right(ends, at)) < len(ends):
            lines[at] = lines[ends[first]] = ""
            repairs.append(
                Repair("here_document", "took the diff out of a shell's here-document", None, at + 1)
            )


def _openings(lines: list[str]) -> Iterator[tuple[int, re.Match[str]]]:
    for at, line in enumerate(lines):
        match = _OPENING.match(line) if "<<" in line and len(line) < _LONGEST_COMMAND else None
        if match and any(below.startswith(_DIFF) for below in lines[at + 1 : at + 3]):
            yield at, match
