"""What a patch takes away from the tests: tests that are gone, skip marks that came, assertions that went.

Python is parsed; of other languages the usual words are counted. Both see form only: a test that is
rewritten into nonsense is the reviewer's to find.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

SKIPS = re.compile(
    r"pytest\.(?:mark\.)?(?:skip|skipif|xfail|importorskip)\b|unittest\.skip|@skip|\.skipTest\(|expectedFailure"
    r"|collect_ignore|pytest_ignore_collect|--deselect"
    r"|\b(?:it|test|describe|context)\.(?:skip|todo|only)\b|(?<![.\w])(?:xit|xdescribe|xtest|fit|fdescribe)\s*\("
    r"|\bt\.Skip(?:f|Now)?\(|#\[ignore|@Disabled\b|@Ignore\b|\[Ignore|Skip\s*=\s*\"|markTestSkipped|^[^\S\n]*skip(?:\s+[\"']|$)",
    re.M,
)
_TESTS = re.compile(
    r"""^[^\S\n]*(?:(?:it|test)(?:\.\w+)*\s*\(\s*|it\s+)(["'`])(?P<js>.+?)\1"""
    r"|^func\s+(?P<go>Test\w+)\(|#\[(?:\w+::)?test\][\s\S]{0,200}?\bfn\s+(?P<rust>\w+)"
    r"|@(?:Test|ParameterizedTest)\b[\s\S]{0,300}?\b(?:void|fun)\s+(?P<java>`?\w[\w ]*`?)\s*\("
    r"|\[(?:Fact|Theory|Test|TestMethod)\b[\s\S]{0,300}?\b(?:void|Task)\s+(?P<cs>\w+)\s*\("
    r"|function\s+(?P<php>test\w+)\s*\(|^[^\S\n]*def\s+(?P<py>test\w*)",
    re.M,
)
_ASSERTIONS = re.compile(
    r"\bassert\w*!?[\s(.]|\bexpect\s*\(|\bshould\b|\bt\.(?:Error|Fatal)f?\(|\brequire\.\w+\(|\bAssert\.\w+"
)


@dataclass(frozen=True, slots=True)
class Inventory:
    """Of one file."""

    assertions: Mapping[str, int]
    """test → how many; all of a file that cannot be parsed under the empty name"""
    names: frozenset[str]
    skips: Sequence[int]
    """the lines of its skip marks"""
    lines: Mapping[str, int] = field(default_factory=dict)
    """test → its line"""


@dataclass(frozen=True, slots=True)
class Loss:
    """``gone``: the test or file is no more; else it is weaker, and why."""

    path: str
    gone: bool
    message: str
    line: int | None = None
    names: tuple[str, ...] = ()
    """of the tests that are gone"""


def losses(changes: Mapping[str, tuple[str | None, str | None]]) -> Iterator[Loss]:
    """``changes``: test files by path, before and after. A test that moved to another file is not gone."""
    before = {path: inventory(path, old or "") for path, (old, _) in changes.items()}
    after = {path: inventory(path, new or "") for path, (_, new) in changes.items()}
    for path, (old, new) in changes.items():
        others = [file for other, file in after.items() if other != path]
        moved = frozenset(name for file in others for name in _simple(file.names))
        if old is not None and new is None:
            if not before[path].names or not _simple(before[path].names) <= moved:
                yield Loss(path, True, "the test file is deleted")
        elif old is not None:
            yield from _lost(path, before[path], after[path], moved)
        else:
            yield from _skipped(path, before[path], after[path])


def inventory(path: str, text: str) -> Inventory:
    if path.endswith(".py"):
        try:
            return _python(ast.parse(text), text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass  # then by its words, as any other text
    names = [match.group(match.lastgroup or 0) for match in _TESTS.finditer(text)]
    return Inventory({"": len(_ASSERTIONS.findall(text))}, frozenset(names), _skip_lines(text))


def _lost(path: str, before: Inventory, after: Inventory, moved: frozenset[str]) -> Iterator[Loss]:
    gone = sorted(name for name in before.names - after.names if _last(name) not in moved)
    if gone and len(after.names) < len(before.names):
        what = "tests are" if len(gone) > 1 else "a test is"
        yield Loss(path, True, f"{what} gone: {', '.join(gone[:10])}", names=tuple(gone))
    elif gone and sum(after.assertions.values()) < sum(before.assertions.values()):
        yield Loss(
            path, False, f"other tests with fewer assertions stand in the place of {', '.join(gone[:10])}"
        )
    yield from _skipped(path, before, after)
    for name, count in before.assertions.items():
        left = after.assertions.get(name)
        if left is not None and left < count:
            where = name or "the file"
            yield Loss(
                path,
                False,
                f"{where} asserts {left} times, not {count} times as before",
                after.lines.get(name),
            )


def _skipped(path: str, before: Inventory, after: Inventory) -> Iterator[Loss]:
    if len(after.skips) > len(before.skips):
        yield Loss(path, False, "a mark was added that skips or excuses tests", after.skips[-1])


def _python(tree: ast.Module, text: str) -> Inventory:
    assertions: dict[str, int] = {}
    lines: dict[str, int] = {}
    for name, function in _functions(tree, ""):
        assertions[name] = sum(map(_asserts, ast.walk(function)))
        lines[name] = function.lineno
    return Inventory(assertions, frozenset(assertions), _skip_lines(text), lines)


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and child.name.startswith("test"):
            yield f"{prefix}{child.name}", child


def _asserts(node: ast.AST) -> bool:
    """``assert True`` is none."""
    if isinstance(node, ast.Assert):
        return not isinstance(node.test, ast.Constant)
    if not isinstance(node, ast.Call):
        return False
    called = str(getattr(node.func, "attr", "") or getattr(node.func, "id", ""))
    return called.startswith("assert") or called in ("raises", "warns", "fail")


def _skip_lines(text: str) -> list[int]:
    return [text.count("\n", 0, match.start()) + 1 for match in SKIPS.finditer(text)]


def _simple(names: frozenset[str]) -> frozenset[str]:
    return frozenset(map(_last, names))


def _last(name: str) -> str:
    return name.rpartition(".")[2]
