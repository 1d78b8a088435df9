"""The nouns of the diff room: what comes out (patch or refusal) and what stands between.

A *diff* is text as a model wrote it; a *patch* is a diff that was parsed, placed and accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, get_args

import msgspec


class Code(StrEnum):
    """Why a diff is refused. **Source**: SPEC section 6."""

    NO_DIFF = "no_diff"
    NOT_TEXT = "not_text"
    OVERSIZE = "oversize"
    TRUNCATED = "truncated"
    UNSAFE_PATH = "unsafe_path"
    SYMLINK = "symlink"
    MODE_CHANGE = "mode_change"
    BINARY = "binary"
    RENAME_OR_COPY = "rename_or_copy"
    PATH_NOT_ALLOWED = "path_not_allowed"
    PROTECTED_PATH = "protected_path"
    MISSING_TARGET = "missing_target"
    NEW_FILE_EXISTS = "new_file_exists"
    PATHS_DISAGREE = "paths_disagree"
    NO_ANCHOR = "no_anchor"
    AMBIGUOUS_MATCH = "ambiguous_match"
    CONTEXT_NOT_FOUND = "context_not_found"
    REMOVED_LINE_MISMATCH = "removed_line_mismatch"
    ALREADY_APPLIED = "already_applied"
    CONFLICTING_HUNKS = "conflicting_hunks"
    OVERLAPPING_HUNKS = "overlapping_hunks"
    NO_CHANGE = "no_change"


Judgement = Literal["unmarked_context", "indentation", "elided_context", "context_typo", "html_escaped"]
JUDGEMENT_REPAIRS: frozenset[str] = frozenset(get_args(Judgement))
"""Repairs that interpret what was meant, not only how it was written down."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a diff may be and touch. Patterns are ``fnmatch`` globs over the whole path."""

    max_bytes: int = 8 * 1024 * 1024
    max_lines: int = 1_000_000
    max_files: int = 5_000
    max_hunks: int = 50_000
    allowed: tuple[str, ...] | None = None
    """when given, every path must match one of these (``path_not_allowed``)"""
    protected: tuple[str, ...] = ()
    """no path may match any of these (``protected_path``)"""
    judgement: frozenset[str] = JUDGEMENT_REPAIRS
    """the judgement repairs that may be used; take a name out to switch it off"""


class Repair(msgspec.Struct, frozen=True):
    """One slip of form that was mended."""

    kind: str
    message: str
    path: str | None = None
    line: int | None = None
    """1-based, in the answer"""

    @property
    def judgement(self) -> bool:
        return self.kind in JUDGEMENT_REPAIRS

    def to_dict(self) -> dict[str, Any]:
        body = {"kind": self.kind, "message": self.message, "path": self.path, "line": self.line}
        return {key: value for key, value in body.items() if value is not None} | {
            "judgement": self.judgement
        }


class Excerpt(msgspec.Struct, frozen=True):
    """True lines of a file, for the one who has to write the hunk again."""

    start: int
    """1-based number of the first line"""
    lines: tuple[str, ...]


class Problem(msgspec.Struct, frozen=True):
    """One reason for a refusal, and where."""

    code: Code
    message: str
    path: str | None = None
    line: int | None = None
    """1-based, in the answer"""
    wrote: str | None = None
    """the first line of the diff that the file does not have"""
    found: str | None = None
    """what the file has in its place"""
    excerpts: tuple[Excerpt, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        body: dict[str, Any] = {"code": str(self.code), "message": self.message}
        for name in ("path", "line", "wrote", "found"):
            if (value := getattr(self, name)) is not None:
                body[name] = value
        if self.excerpts:
            body["excerpts"] = [{"start": e.start, "lines": list(e.lines)} for e in self.excerpts]
        return body


class Refused(Exception):
    """Carries problems from any depth of the room to ``check``; it never leaves the room."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__(self.problems[0].message)


class Refusal(msgspec.Struct, frozen=True):
    """Nothing was applied; ``code`` is that of the first problem."""

    code: str
    problems: tuple[Problem, ...]
    repairs: tuple[Repair, ...] = ()

    def feedback(self) -> str:
        """What CODE must be told to do better: reason, first differing line, the file's true lines."""
        from cfx_flow.diffs.feedback import feedback

        return feedback(self)

    def to_dict(self) -> dict[str, Any]:
        return {"refuse": self.code, "problems": [problem.to_dict() for problem in self.problems]}


class Edit(msgspec.Struct, frozen=True):
    """Old lines ``[start, end)`` (0-based) give way to ``new``."""

    start: int
    end: int
    new: tuple[str, ...]


class Side(msgspec.Struct, frozen=True):
    """The lines of a file, cut at ``\\n``; ``ended`` says whether the last one has a line end."""

    lines: list[str]
    ended: bool


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file before and after; ``before`` is None for a new file, ``after`` for a deleted one."""

    path: str
    before: str | None
    after: str | None
    edits: tuple[Edit, ...] = ()
    """against the lines of ``before``, in order; none when an empty file comes or goes"""
    sides: tuple[Side, Side] | None = field(default=None, repr=False, compare=False)
    """both texts as lines, where the check has them already"""

    @property
    def added(self) -> int:
        return sum([len(edit.new) for edit in self.edits])

    @property
    def removed(self) -> int:
        return sum([edit.end - edit.start for edit in self.edits])


class Patch(msgspec.Struct, frozen=True):
    """An accepted diff: canonical text, and each file before and after."""

    diff: str
    changes: tuple[FileChange, ...]
    repairs: tuple[Repair, ...] = ()

    def files_after(self, files: Mapping[str, str]) -> dict[str, str]:
        after = dict(files)
        for change in self.changes:
            if change.after is None:
                after.pop(change.path, None)
            else:
                after[change.path] = change.after
        return after


@dataclass(frozen=True, slots=True)
class FormReport:
    """What can be said of a diff without the files: form and path safety."""

    status: str
    """``valid``, ``repaired`` or ``refused``"""
    repairs: tuple[Repair, ...] = ()
    problems: tuple[Problem, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "checked": "form",
            "repairs": [repair.to_dict() for repair in self.repairs],
            "problems": [problem.to_dict() for problem in self.problems],
        }


@dataclass(slots=True)
class Hunk:
    """One hunk as parsed: ``body`` lines keep their marker as first character.

    Markers are those of a diff (space, ``-``, ``+``) and ``?`` for a line that had none.
    """

    line: int
    """of its header, 1-based, in the answer"""
    body: list[str]
    stated: int | None = None
    """1-based old start from the header, None if it had no numbers"""
    stated_new: int | None = None
    counted: tuple[int, int] | None = None
    """old and new count from the header"""
    old_at_eof: bool = False
    """"\\ No newline at end of file" stood after the last old line"""
    new_at_eof: bool = False
    cut: bool = False
    """the answer ends in its last line, and not with a line end"""
    left: tuple[int, int] | None = None
    """old and new lines that the counts promise beyond the body (negative: it is longer), where the
    answer ends here and nothing says that it is whole"""
    unclosed: bool = False
    """the answer ends here in a code fence that was never closed"""
    counts_hold: bool = True
    """the header's counts equal the body"""
    others_count: bool | None = None
    """whether the counts of all the answer's other hunks hold; None if it has no others"""
    _marks: str | None = field(init=False, default=None, repr=False, compare=False)

    @property
    def old(self) -> list[str]:
        return [line[1:] for line in self.body if line[0] != "+"]

    @property
    def new(self) -> list[str]:
        return [line[1:] for line in self.body if line[0] != "-"]

    @property
    def marks(self) -> str:
        """The first character of every body line; the body is final once they have been asked for."""
        if self._marks is None:
            self._marks = "".join([line[0] for line in self.body])
        return self._marks

    @property
    def unmarked(self) -> bool:
        return "?" in self.marks

    @property
    def changes(self) -> bool:
        return "+" in self.marks or "-" in self.marks


@dataclass(slots=True)
class FileDiff:
    """One file's section as parsed; paths are raw, with whatever prefix they came with."""

    line: int
    old_path: str | None = None
    """from ``---``"""
    new_path: str | None = None
    """from ``+++``"""
    git_paths: tuple[str, str] | None = None
    """from ``diff --git``"""
    modes: list[tuple[str, str]] = field(default_factory=list)
    """(``new file`` | ``deleted file`` | ``old`` | ``new`` | ``index``, octal mode)"""
    bare_names: bool = False
    """the names stand as they are, without a prefix"""
    renames: bool = False
    binary: bool = False
    astray: bool = False
    """lines that are no hunk stand where the first one should"""
    hunks: list[Hunk] = field(default_factory=list)

    @property
    def names(self) -> tuple[str | None, ...]:
        return (self.old_path, self.new_path) if self.old_path or self.new_path else self.git_paths or ()

    @property
    def promises_hunks(self) -> bool:
        """``---`` and ``+++`` do; a new or deleted file that is empty has none of these lines."""
        if self.renames or self.binary:
            return False
        return self.old_path is not None or self.new_path is not None or not self.modes

    def has_mode(self, kind: str) -> bool:
        return bool(self.modes) and any(name == kind for name, _ in self.modes)

    @property
    def creates(self) -> bool:
        return self.old_path == "/dev/null" or self.has_mode("new file")

    @property
    def deletes(self) -> bool:
        return self.new_path == "/dev/null" or self.has_mode("deleted file")
