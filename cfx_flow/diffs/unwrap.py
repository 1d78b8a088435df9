"""Diffs inside of something: a JSON string, a list item, a quotation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

_MARGIN = re.compile(r"^([ \t]+|(?:> ?)+)(?:`{3,}|~{3,}|diff --git |--- )")
_HEADER = re.compile(r"^(?:diff --git |--- .*\n\+\+\+ |@@ )", re.MULTILINE)
_JSON_FENCE = re.compile(r"^```[^`\n]*\n[ \t]*([\[{\"].*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
_MAX_DEPTH = 4


def margin_removed(lines: list[str]) -> list[str] | None:
    """The lines without the indentation or ``>`` that the first line of a diff has; None without one."""
    margin = next((match.group(1) for line in lines if (match := _MARGIN.match(line))), None)
    if margin is None:
        return None
    bare = margin.rstrip()
    return ["" if line.rstrip() == bare else line.removeprefix(margin) for line in lines]


def from_json(text: str) -> str | None:
    """The strings that hold a diff, one after another, of an answer that is JSON; None if it is not.

    It may stand in the answer's only code fence.
    """
    if text.lstrip()[:1] not in {"{", "[", '"'}:
        fences = list(islice(_JSON_FENCE.finditer(text), 2))
        if len(fences) != 1:
            return None
        text = fences[0][1]
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    found = [string for string in _strings(value, _MAX_DEPTH) if _HEADER.search(string)]
    return "".join(string if string.endswith("\n") else string + "\n" for string in found) or None


def _strings(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth and isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item, depth - 1)
