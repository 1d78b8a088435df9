"""Tests that are weakened without being touched: what collects and runs them is told to leave some out.

The usual words are looked for where pytest, Jest, Vitest and Mocha are told what to do. A runner that is
replaced altogether (a Makefile, a script) is the reviewer's to find.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from cfx_flow.contract.weakened import SKIPS, Loss

_PLACES = re.compile(
    r"(?:^|/)(?:conftest\.py|pytest\.(?:ini|toml)|\.pytest\.(?:ini|toml)|tox\.ini|setup\.cfg|pyproject\.toml|noxfile\.py"
    r"|package\.json|(?:jest|vitest|vite|karma)\.conf(?:ig)?\.\w+|\.mocharc(?:\.\w+)?)$"
)
_LEAVES_OUT = re.compile(
    r"--ignore(?:-glob)?(?![\w-])(?![\s=]+['\"]?[A-Z]{1,4}\d{3})|--deselect\b|norecursedirs|collect_ignore"
    r"|(?<![\w-])(?:-k(?:\s|=|['\"])|(?<!deselect with ['\"])-m[\s='\"\\]*not\b)"
    r"|pytest_(?:ignore_collect|collection_modifyitems|pyfunc_call|runtest_protocol|runtest_call|runtest_makereport)"
    r"|(?:test|coverage)PathIgnorePatterns|passWithNoTests|\|\|\s*true\b"
)
"""but no option of npm, Prettier, ESLint, mypy or flake8, nor how pytest's manual describes a marker"""
_SETS_UP = re.compile(r'\s*"(?:(?:pre|post)?install|prepare)":\s*"[^"]*",?\s*')
"""a script of package.json that runs no tests: ``husky || true`` is the usual one"""
_CHOOSES = re.compile(r"\b(?:testpaths|python_(?:files|classes|functions)|testMatch|testRegex|addopts)\b")
"""where there was a choice before: a first one is how a project begins"""


def is_place(path: str) -> bool:
    return _PLACES.search(path) is not None


def steered(changes: Mapping[str, tuple[str | None, str | None]]) -> Iterator[Loss]:
    """``changes``: files by path, before and after."""
    for path, (before, after) in changes.items():
        if not is_place(path) or after is None:
            continue
        known = Counter(line.strip() for line in (before or "").splitlines())
        for number, line in enumerate(after.splitlines(), 1):
            words = _LEAVES_OUT.search(line) or SKIPS.search(line)
            if words is None and before is not None and _CHOOSES.search(before):
                words = _CHOOSES.search(line)
            if words is not None and not known[line.strip()] and _SETS_UP.fullmatch(line) is None:
                yield Loss(path, False, f"tests may be left out by {words.group().strip()!r}", number)
                break
