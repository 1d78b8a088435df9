"""One and the same change of indentation in every line: tabs as blanks, blanks as tabs, a common shift.

The mapping is learned from context and removed lines, whose true indentation the file knows, and then
applied to the added ones. Wherever an added line could be meant in two ways, there is no repair.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from cfx_flow.diffs.model import Hunk
from cfx_flow.diffs.place import Placed
from cfx_flow.diffs.repairs.search import sole_start, with_file_lines
from cfx_flow.diffs.source import Source

Rule = Callable[[str], str | None]
_WIDTHS = (2, 4, 8)


def indentation(hunk: Hunk, source: Source) -> Placed | None:
    old = hunk.old
    if hunk.unmarked or not any(line.strip() for line in old):
        return None
    start = sole_start(hunk, source.find_unindented([line.strip() for line in old], stated=hunk.stated))
    if start is None:
        return None
    learned = _learn(old, source.lines[start : start + len(old)])
    if learned is None:
        return None
    body = _rewritten(hunk, learned, list(_rules(learned, source)))
    if body is None:
        return None
    read = Hunk(hunk.line, body, hunk.stated, old_at_eof=hunk.old_at_eof, new_at_eof=hunk.new_at_eof)
    return with_file_lines(
        read,
        start,
        source,
        "indentation",
        "the indentation differed from the file's in the same way throughout",
    )


def _learn(old: list[str], true: list[str]) -> dict[str, str] | None:
    """Indentation in the hunk → in the file; None unless it is one to one."""
    learned: dict[str, str] = {}
    for line, file_line in zip(old, true, strict=True):
        if line.strip() and learned.setdefault(_indent(line), _indent(file_line)) != _indent(file_line):
            return None
    return learned if len(set(learned.values())) == len(learned) else None


def _rewritten(hunk: Hunk, learned: dict[str, str], rules: list[Rule]) -> list[str] | None:
    """The body with every added line's indentation mapped; None if one of them cannot be, for sure."""
    body: list[str] = []
    for line in hunk.body:
        text = line[1:]
        if line[0] != "+" or not text.strip():
            body.append(line)
            continue
        indent = _mapped(_indent(text), learned, rules)
        if indent is None:
            return None
        body.append("+" + indent + text.lstrip(" \t"))
    return body


def _mapped(indent: str, learned: dict[str, str], rules: list[Rule]) -> str | None:
    if indent in learned:
        return learned[indent]
    meant = {rule(indent) for rule in rules}
    return meant.pop() if len(meant) == 1 else None


def _rules(learned: dict[str, str], source: Source) -> Iterator[Rule]:
    """The regular mappings that explain all that was learned."""
    for rule in (*_tab_rules(learned, source), *_shift_rules(learned)):
        if all(rule(indent) == true for indent, true in learned.items()):
            yield rule


def _tab_rules(learned: dict[str, str], source: Source) -> Iterator[Rule]:
    """Blanks for tabs and tabs for blanks, at most one level deeper than what was seen."""
    for width in _WIDTHS:
        if any(re.match(rf"\t+ {{{width},}}", line) for line in source.lines):
            continue  # tabs and then blanks to align: so many blanks may mean either
        deepest = max(len(indent.expandtabs(width)) for indent in learned) + width
        yield partial(_tabs, width=width, deepest=deepest)
        yield partial(_blanks, width=width, deepest=deepest)


def _tabs(indent: str, *, width: int, deepest: int) -> str | None:
    if "\t" in indent or len(indent) > deepest or len(indent) % width:
        return None
    return "\t" * (len(indent) // width)


def _blanks(indent: str, *, width: int, deepest: int) -> str | None:
    if " " in indent or len(indent) * width > deepest:
        return None
    return " " * (len(indent) * width)


def _shift_rules(learned: dict[str, str]) -> Iterator[Rule]:
    """The same blanks too few, or too many, in front of every line."""
    indent, true = min(learned.items(), key=lambda item: len(item[0]))
    if true.endswith(indent):
        missing = true[: len(true) - len(indent)]
        yield lambda other: missing + other
    if indent.endswith(true):
        surplus = indent[: len(indent) - len(true)]
        yield lambda other: other.removeprefix(surplus) if other.startswith(surplus) else None


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]
