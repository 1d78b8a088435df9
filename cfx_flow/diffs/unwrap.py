"""Diffs inside of something: a JSON string, a list item, a quotation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

_MARGIN = re.compile(r"^([ \t]+|(?:> ?)+)(?:`{3,}|~{3,}|diff --git |--- )")
_HEADER = re.compile(r"^(?:diff --git |--- .*\n\+\+\+ |@@ )", re.MULTILINE)
_MAX_DEPTH = 4


class Block(Protocol):
    """Lines between fences, or outside of them."""

    lines: list[str]
    fenced: bool


def margin_removed(lines: list[str]) -> list[str] | None:
    """The lines without the indentation or ``>`` that the first line of a diff has; None without one."""
    margin = next((match.group(1) for line in lines if (match := _MARGIN.match(line))), None)
    if margin is None:
        return None
    bare = margin.rstrip()
    return ["" if line.rstrip() == bare else line.removeprefix(margin) for line in lines]


def from_json(text: str) -> str | None:
    """The strings that hold a diff, one after another, of an answer that is JSON; None if it is not."""
    if text.lstrip()[:1] not in {"{", "[", '"'}:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    found = [string for string in _strings(value, _MAX_DEPTH) if _HEADER.search(string)]
    return "".join(string if string.endswith("\n") else string + "\n" for string in found) or None


def from_json_fence(blocks: Iterable[Block]) -> str | None:
    """The same for the only code fence of an answer."""
    fenced = [block for block in blocks if block.fenced]
    return from_json("\n".join(fenced[0].lines)) if len(fenced) == 1 else None


def _strings(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth and isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item, depth - 1)
