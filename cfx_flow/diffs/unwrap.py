"""Diffs inside of something: a JSON string, a list item, a quotation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_MARGIN = re.compile(r"^([ \t]+|(?:> ?)+)(?:`{3,}|~{3,}|diff --git |--- )")
_HEADER = re.compile(r"^(?:diff --git |--- .*\n\+\+\+ |@@ )", re.MULTILINE)
_MAX_DEPTH = 4


def margin_removed(lines: list[str]) -> list[str] | None:
    """The lines without the indentation or ``>`` that the first line of a diff has; None without one."""
    margin = next((match.group(1) for line in lines if (match := _MARGIN.match(line))), None)
    if margin is None:
        return None
    bare = margin.rstrip()
    return ["" if line.rstrip() == bare else line.removeprefix(margin) for line in lines]


def from_json(text: str) -> str | None:
    """The only string of a JSON answer that holds a diff; None if the answer is no such thing."""
    if text.lstrip()[:1] not in {"{", "[", '"'}:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    found = [string for string in _strings(value, _MAX_DEPTH) if _HEADER.search(string)]
    return found[0] if len(found) == 1 else None


def _strings(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth and isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item, depth - 1)
