"""A file as lines that can be searched, and put together again with its own line ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice

from cfx_flow.diffs.model import Excerpt

BYTE_ORDER_MARK = "\ufeff"
BLANKS = " \t\r"
"""at a line's ends; a no-break blank is none of them, for added lines may have it too"""
_MAX_COMPARED = 100_000
"""lines; beyond it the search goes over the text, whose cost does not grow with the product"""


class Source:
    """``lines`` are without line ends; a carriage return stays in a line unless every line has one.

    A byte order mark is no part of the first line either, for models do not see it.
    """

    def __init__(self, text: str, *, keep_returns: bool = False, keep_mark: bool = False) -> None:
        self.text = text
        self.mark = "" if keep_mark or not text.startswith(BYTE_ORDER_MARK) else BYTE_ORDER_MARK
        lines = text.removeprefix(self.mark).split("\n")
        self.final_newline = not lines[-1]
        if self.final_newline:
            lines.pop()
        self.newline = "\n"
        ended = lines if self.final_newline else lines[:-1]
        if not keep_returns and ended and "\r" in text and all(line.endswith("\r") for line in ended):
            lines = [line.removesuffix("\r") for line in lines]
            self.newline = "\r\n"
        self.lines = lines

    @cached_property
    def stripped(self) -> list[str]:
        return [line.rstrip(BLANKS) for line in self.lines]

    def stripped_from(self, start: int, count: int) -> list[str]:
        return [line.rstrip(BLANKS) for line in self.lines[start : start + count]]

    @cached_property
    def _stripped_places(self) -> dict[str, list[int]]:
        return _index(self.stripped)

    def find_stripped(self, block: list[str]) -> list[int]:
        """The first two 0-based lines at which ``block`` stands, trailing blanks left out on both sides: more
        than one is too many."""
        return _find(self.stripped, self._stripped_places, block)

    @cached_property
    def words(self) -> frozenset[str]:
        return frozenset(re.findall(r"\w+", self.text))

    @cached_property
    def _unindented(self) -> list[str]:
        return [line.strip(BLANKS) for line in self.lines]

    @cached_property
    def _unindented_places(self) -> dict[str, list[int]]:
        return _index(self._unindented)

    def find_unindented(self, block: list[str], *, stated: int | None) -> list[int]:
        """The same with blanks at both ends left out; the ``stated`` line (1-based) settles it."""
        if stated and self._unindented[stated - 1 : stated - 1 + len(block)] == block:
            return [stated - 1]
        return _find(self._unindented, self._unindented_places, block)

    def places_stripped(self, line: str) -> list[int]:
        return self._stripped_places.get(line, [])

    def excerpt(self, start: int, end: int, around: int = 3) -> Excerpt:
        """The true lines ``[start, end)``, 0-based, with some on either side."""
        first = max(start - around, 0)
        return Excerpt(first + 1, tuple(self.lines[first : end + around]))

    def join(self, lines: list[str], *, final_newline: bool) -> str:
        if not lines:
            return ""
        return self.mark + self.newline.join(lines) + (self.newline if final_newline else "")


def _index(lines: Iterable[str]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        places.setdefault(line, []).append(number)
    return places


def _find(lines: list[str], places: dict[str, list[int]], block: list[str]) -> list[int]:
    """Looks only where the block's rarest line stands: a hunk of blank lines must not cost a scan."""
    if not block or any(line not in places for line in block):
        return []
    offset, rarest = min(enumerate(block), key=lambda item: len(places[item[1]]))
    if len(places[rarest]) * len(block) > _MAX_COMPARED:
        return list(islice(_find_in_text(lines, block), 2))
    starts = (place - offset for place in places[rarest] if place >= offset)
    return list(islice((start for start in starts if lines[start : start + len(block)] == block), 2))


def _find_in_text(lines: list[str], block: list[str]) -> Iterator[int]:
    haystack = "\n".join(["", *lines, ""])
    needle = "\n".join(["", *block, ""])
    at = haystack.find(needle)
    while at >= 0:
        yield haystack.count("\n", 0, at)
        at = haystack.find(needle, at + 1)
