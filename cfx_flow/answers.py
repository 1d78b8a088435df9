"""JSON objects in what a model wrote: fences, prose around them and trailing commas are forgiven."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

_THINKING = re.compile(r"\s*<(think|thinking|reasoning)>.*?</\1>", re.DOTALL)

MAX_TRIES = 500
"""places at which an object might begin; each try costs time in proportion to the text"""

Pairs = list[tuple[str, Any]]

_OBJECT_START = re.compile(r'\{(?=\s*")')
_TRAILING = re.compile(r",(?=\s*[}\]])")
_STRING_OR_COMMA = re.compile(rf'("(?:[^"\\]|\\.)*+")|(".*)|{_TRAILING.pattern}', re.DOTALL)
"""a quote that nothing closes takes the rest: no later one is closed either, nor may each look for it"""


class UnreadableAnswer(ValueError):
    """Its text says exactly what is wrong, for the model to mend."""


Build = Callable[[Pairs], dict[str, Any]]


class Found(NamedTuple):
    value: dict[str, Any]
    start: int
    end: int


class Objects(NamedTuple):
    answer: str
    text: str
    """that was read: the answer with blanks in the place of trailing commas"""
    found: Sequence[Found]
    rest: str
    """the same text with blanks in the place of the objects"""

    def written(self, one: Found) -> str:
        return self.answer[one.start : one.end]

    def fault_near(self, at: int) -> str:
        """Why the object that is open there cannot be read, in words for the one who has written it, to be
        put behind a sentence; empty where it can."""
        begins = max(self.text.rfind("{", 0, at), 0)
        try:
            _decoder(dict).raw_decode(self.text, begins)
        except json.JSONDecodeError as error:
            near = self.text[max(error.pos - 40, 0) : error.pos + 10]
            return f": {error.msg[:1].lower()}{error.msg[1:]}, near {near!r}"
        except (ValueError, RecursionError) as error:
            return f": {str(error)[:100]}"
        return ""


def objects_in(text: str) -> Iterator[dict[str, Any]]:
    """Every outermost JSON object in the text. Raises UnreadableAnswer when there are too many braces to
    look at."""
    return (found.value for found in _found(_without_trailing_commas(text), dict))


def objects_and_rest(text: str, build: Build = dict) -> Objects:
    """The same, and what stands around them. ``build`` makes an object of its pairs, and may refuse them."""
    answer, text = text, _without_trailing_commas(text)
    found, rest, end = list(_found(text, build)), [], 0
    for one in found:
        rest += [text[end : one.start], " " * (one.end - one.start)]
        end = one.end
    return Objects(answer, text, found, "".join([*rest, text[end:]]))


def without_thinking(text: str) -> str:
    """Without the reasoning that some models write before their answer."""
    block = _THINKING.match(text)
    return text[block.end() :].lstrip() if block else text


def _found(text: str, build: Build) -> Iterator[Found]:
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
        except UnreadableAnswer:
            raise
        except (ValueError, RecursionError):  # also for a number of too many digits
            continue
        yield Found(value, brace.start(), end)


@lru_cache(maxsize=16)
def _decoder(build: Build) -> json.JSONDecoder:
    """Line ends within strings are forgiven too."""
    return json.JSONDecoder(object_pairs_hook=build, strict=False)


def _without_trailing_commas(text: str) -> str:
    """Outside of strings only. A blank for each: all else keeps its place."""
    if _TRAILING.search(text) is None:
        return text
    return _STRING_OR_COMMA.sub(lambda match: match[1] or _TRAILING.sub(" ", match[2] or " "), text)
