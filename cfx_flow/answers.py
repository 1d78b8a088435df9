"""JSON objects in what a model wrote: fences, prose around them and trailing commas are forgiven."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

MAX_TRIES = 500
"""places at which an object might begin; each try costs time in proportion to the text"""

Pairs = list[tuple[str, Any]]

_OBJECT_START = re.compile(r'\{(?=\s*")')
_TRAILING = re.compile(r",(?=\s*[}\]])")
_STRING_OR_COMMA = re.compile(rf'("(?:[^"\\]|\\.)*+")|(".*)|{_TRAILING.pattern}', re.DOTALL)
"""a quote that nothing closes takes the rest: no later one is closed either, nor may each look for it"""


class UnreadableAnswer(ValueError):
    """Its text says exactly what is wrong, for the model to mend."""


def objects_in(text: str, *, build: Callable[[Pairs], dict[str, Any]] = dict) -> Iterator[dict[str, Any]]:
    """Every outermost JSON object in the text. ``build`` makes one of its pairs, and may refuse them.

    Raises UnreadableAnswer when there are too many braces to look at.
    """
    text = _without_trailing_commas(text)
    decoder = _decoder(build)
    end = tries = 0
    for brace in _OBJECT_START.finditer(text):
        if brace.start() < end:
            continue
        tries += 1
        if tries > MAX_TRIES:
            raise UnreadableAnswer("there are too many braces around the JSON object")
        try:
            value, end = decoder.raw_decode(text, brace.start())
        except (json.JSONDecodeError, RecursionError):
            continue
        yield value


@lru_cache(maxsize=16)
def _decoder(build: Callable[[Pairs], dict[str, Any]]) -> json.JSONDecoder:
    return json.JSONDecoder(object_pairs_hook=build)


def _without_trailing_commas(text: str) -> str:
    """Outside of strings only."""
    if _TRAILING.search(text) is None:
        return text
    return _STRING_OR_COMMA.sub(lambda match: match[1] or _TRAILING.sub("", match[2] or ""), text)
