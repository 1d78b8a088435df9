"""File headers: the lines that name what the following hunks belong to, in every way they are written.

``names_at`` reads them where no hunk is open; ``is_header`` says whether they end an open hunk, for
which more is asked: ``--- x`` and ``+++ y`` may just as well be lines that go and come.
"""

from __future__ import annotations

import re

import msgspec

from cfx_flow.diffs.paths import DEV_NULL, header_path, without_prefix, without_remarks

ENVELOPE = re.compile(r"^\*\*\* (Update|Add|Delete) File: *(\S.*)$")
"""**Source**: the patch format of OpenAI's ``apply_patch`` tool, which their models write unasked."""
_BOUNDARY = re.compile(
    r"^(?:diff |Index: |Only in |From [0-9a-f]{7,40} |<\|\w+\|>|\]\]>"
    r"|\*\*\* (?:End|Begin|Update|Add|Delete|Move) |</(?:diff|patch|answer|code|output|s)>)"
)


class Names(msgspec.Struct, frozen=True):
    """What ``---`` and ``+++`` say, and the index of the line after them."""

    old: str | None
    new: str | None
    end: int


def names_at(lines: list[str], at: int) -> Names | None:
    """The ``---`` and ``+++`` lines at ``at``, in either order, of which one may be missing before ``@@``."""
    line = lines[at]
    if line[:3] not in {"---", "+++"} or not _is_name(line):
        return None
    other = _next_written(lines, at + 1)
    pair = other < len(lines) and _is_name(lines[other]) and lines[other][0] != line[0]
    if pair and (other == at + 1 or _hunk_follows(lines, other + 1)):
        old, new = (line, lines[other]) if line[0] == "-" else (lines[other], line)
        if line[0] == "-" or (_agree(old, new) and _hunk_follows(lines, other + 1)):
            return Names(*_paths(old, new), other + 1)
    if at + 1 < len(lines) and lines[at + 1].startswith("@@"):
        path = header_path(line[3:])
        return Names(path, None, at + 1) if line[0] == "-" else Names(None, path, at + 1)
    return None


def is_header(lines: list[str], at: int) -> bool:
    """A line at which an open hunk ends, whatever its counts say."""
    line = lines[at]
    mark = line[:1]
    if mark == "@":
        return line.startswith("@@")
    if mark in {"-", "+"}:
        return _is_name(line) and _is_pair(lines, at)
    return mark not in {" ", ""} and _BOUNDARY.match(line) is not None


def swallows_header(lines: list[str], at: int) -> bool:
    """Counts that are too big by one take the next file's header for a changed line."""
    names = names_at(lines, at) if lines[at].startswith("---") else None
    return (
        names is not None
        and names.old is not None
        and names.new is not None
        and _hunk_follows(lines, names.end)
        and _paths_agree(names.old, names.new)
    )


def is_lone_header(lines: list[str], at: int) -> bool:
    """A file header of which one line was forgotten, right where the counts end."""
    return _is_name(lines[at]) and at + 1 < len(lines) and lines[at + 1].startswith("@@")


def _is_name(line: str) -> bool:
    return line.startswith(("--- ", "+++ ", "---a/", "+++b/", "---/dev/null", "+++/dev/null"))


def _is_pair(lines: list[str], at: int) -> bool:
    """In a row they can be content; with ``@@`` after them, or one same path, they are not.

    Apart from each other, or the wrong way round, they need both.
    """
    names = names_at(lines, at)
    if names is None or names.old is None or names.new is None:
        return False
    in_order = lines[at][0] == "-" and names.end == at + 2
    agree = _paths_agree(names.old, names.new)
    hunk = _hunk_follows(lines, names.end)
    return (agree or hunk) if in_order else (agree and hunk)


def _paths(old_line: str, new_line: str) -> tuple[str, str]:
    return without_remarks(header_path(old_line[3:]), header_path(new_line[3:]))


def _agree(old_line: str, new_line: str) -> bool:
    return _paths_agree(*_paths(old_line, new_line))


def _paths_agree(old: str, new: str) -> bool:
    return DEV_NULL in {old, new} or without_prefix(old) == without_prefix(new)


def _next_written(lines: list[str], at: int) -> int:
    """The next line that is not empty, within two."""
    below = at + 1
    return below if below < len(lines) and not lines[at].strip() and lines[below].strip() else at


def _hunk_follows(lines: list[str], at: int) -> bool:
    at = _next_written(lines, at)
    return at < len(lines) and lines[at].startswith("@@")
