"""JUnit's report, as pytest, Jest, Go's, Maven's and most others write it: which tests failed, and how.

It was written by the code under test, so it is read as anything else that a stranger sends: bounded, and
without declarations of its own (no entity is ever expanded).

**Source**: https://github.com/testmoapp/junitxml; all that is common to the dialects is ``testcase`` with
``classname`` and ``name``, in it ``failure``, ``error`` or ``skipped``.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from xml.parsers import expat

import msgspec

MAX_NAME_CHARS = 300
MAX_STORY_CHARS = 8_000
"""of what is told about one failure"""
MAX_SUITES = 8
"""around a test, that are part of its name"""
_CLASS_OF_ALL = "test"
"""Node says it of each test: only its suites and its file tell it from others of the same name."""


class Cases(msgspec.Struct, frozen=True):
    passed: int
    skipped: int
    failed: Mapping[str, str]
    """name → what the report tells of it. Of several tests of one name each but the first has its number
    behind it: that another of them fails is news."""


def read_report(report: bytes) -> Cases | None:
    """None for what is no report, or lists no test at all."""
    reader = _Reader()
    try:
        reader.parser.Parse(report, True)
    except (expat.ExpatError, LookupError, ValueError, _Declares):  # two of them for the encoding it names
        return None
    return reader.cases()


class _Declares(Exception):
    """A document type, which a report has no need of."""


class _Reader:
    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._declares
        self.parser.StartElementHandler = self._begins
        self.parser.EndElementHandler = self._ends
        self.parser.CharacterDataHandler = self._says
        self._failed: dict[str, str] = {}
        self._times: Counter[str] = Counter()
        """that there is a test of a name"""
        self._suites: list[str] = []
        self._passed = self._skipped = 0
        self._name: str | None = None
        self._is_skipped = False
        self._story: list[str] | None = None
        """of the failure that is open"""
        self._told: list[str] = []
        """of the case that is open"""

    def cases(self) -> Cases | None:
        if not (self._passed or self._skipped or self._failed):
            return None
        return Cases(self._passed, self._skipped, self._failed)

    def _declares(self, *_: object) -> None:
        raise _Declares

    def _begins(self, kind: str, told: dict[str, str]) -> None:
        if kind == "testsuite":
            self._suites.append(told.get("name", "")[:MAX_NAME_CHARS])
        elif kind == "testcase":
            self._name = _name_of(told, self._suites[-MAX_SUITES:])
            self._is_skipped, self._told, self._story = False, [], None
        elif self._name is not None and kind in ("failure", "error"):
            self._story = [told.get("message", "")]
        elif self._name is not None and kind == "skipped":
            self._is_skipped = True

    def _says(self, text: str) -> None:
        if self._story is not None:
            self._story.append(text)

    def _ends(self, kind: str) -> None:
        if self._story is not None and kind in ("failure", "error"):
            self._told.append("\n".join(part.strip("\n") for part in self._story if part.strip()))
            self._story = None
        elif kind == "testsuite":
            self._suites.pop()
        elif kind == "testcase" and self._name is not None:
            self._count(self._name)
            self._name = None

    def _count(self, name: str) -> None:
        self._times[name] += 1
        if self._told:
            number = f" ({self._times[name]})" if self._times[name] > 1 else ""
            self._failed[name + number] = "\n".join(self._told).strip("\n")[:MAX_STORY_CHARS]
        elif self._is_skipped:
            self._skipped += 1
        else:
            self._passed += 1


def _name_of(told: Mapping[str, str], suites: Sequence[str]) -> str:
    file, kind = told.get("file"), told.get("classname")
    where = [file, *suites] if kind == _CLASS_OF_ALL else [kind or file]
    name = " ".join("::".join(part for part in (*where, told.get("name")) if part).split())
    return _bounded(name) or "(a test without a name)"


def _bounded(name: str) -> str:
    """Long ones that differ at their end only, as pytest's with parameters do, stay apart."""
    if len(name) <= MAX_NAME_CHARS:
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: MAX_NAME_CHARS - len(mark) - 1]}…{mark}"
