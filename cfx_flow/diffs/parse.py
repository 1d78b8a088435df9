"""From lines to file sections and hunks. What a section is decides its headers; what a hunk is, its body."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cfx_flow.diffs.body import read_body
from cfx_flow.diffs.extract import Answer, Section
from cfx_flow.diffs.model import Code, FileDiff, Hunk, Policy, Problem, Refused, Repair
from cfx_flow.diffs.paths import DEV_NULL, git_paths, header_path

HUNK_HEADER = re.compile(
    r"^@@+\s*-\s*(\d{1,9})(?:\s*,\s*(\d{1,9}))?\s*\+\s*(\d{1,9})(?:\s*,\s*(\d{1,9}))?(?!\d)"
)
_MODE = re.compile(r"^(old|new|new file|deleted file) mode (\d+)\s*$")
_INDEX = re.compile(r"^index [0-9a-f]+\.\.[0-9a-f]+(?: (\d+))?\s*$")
_RENAME = re.compile(r"^(?:rename|copy) (?:from|to) |^(?:dis)?similarity index ")
_BINARY = re.compile(r"^GIT binary patch|^Binary files? .* differ")


def parse(answer: Answer, policy: Policy) -> list[FileDiff]:
    """All file sections of the answer, in order.

    Raises ``Refused`` with ``truncated``, ``no_diff`` or ``oversize``.
    """
    files: list[FileDiff] = []
    budget = _Budget(policy.max_files, policy.max_hunks)
    for section in answer.sections:
        _Reader(section, answer.repairs, budget, last=section is answer.sections[-1]).read(files)
    if not files:
        raise Refused(Problem(Code.NO_DIFF, "the answer holds no unified diff"))
    return files


@dataclass(slots=True)
class _Budget:
    """How many sections and hunks may still come."""

    files: int
    hunks: int

    def take_file(self) -> None:
        self.files -= 1
        if self.files < 0:
            raise Refused(Problem(Code.OVERSIZE, "the diff touches more files than are allowed"))

    def take_hunk(self) -> None:
        self.hunks -= 1
        if self.hunks < 0:
            raise Refused(Problem(Code.OVERSIZE, "the diff has more hunks than are allowed"))


class _Reader:
    """Walks one section of the answer, line by line."""

    def __init__(self, section: Section, repairs: list[Repair], budget: _Budget, *, last: bool) -> None:
        self.section, self.repairs, self.budget, self.last = section, repairs, budget, last
        self.lines = section.lines
        self.at = 0
        self.in_hunk = False
        self.current: FileDiff | None = None

    def read(self, files: list[FileDiff]) -> None:
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.startswith("diff --git "):
                self._git_header(line, files)
            elif self._starts_headers(line):
                self._headers(files)
            elif line.startswith("@@"):
                self._hunk(files, line)
            elif self._starts_bare_body(line):
                self._bare_hunk()
            else:
                self._extended(line)
                self.at += 1
                self.in_hunk = self.in_hunk and not line.strip()
        if self.last and self._ends_in_headers():
            raise Refused(
                Problem(Code.TRUNCATED, "the answer breaks off before a hunk", line=self.number - 1)
            )

    def _ends_in_headers(self) -> bool:
        """An answer that was cut after a hunk shows the beginning of what should have come."""
        section = self.section
        if (section.fenced and section.closed) or (not section.fenced and not section.cut_mid_line):
            return False
        if self.current is not None and not self.current.hunks:
            return True
        return section.fenced and section.cut_mid_line and not self.in_hunk

    @property
    def number(self) -> int:
        """1-based line of the answer."""
        return self.section.first_line + self.at

    def _next(self) -> str:
        return self.lines[self.at + 1] if self.at + 1 < len(self.lines) else ""

    # -- headers -------------------------------------------------------------------------

    def _git_header(self, line: str, files: list[FileDiff]) -> None:
        self.in_hunk = False
        self.current = FileDiff(self.number, git_paths=git_paths(line.removeprefix("diff --git ")))
        self.budget.take_file()
        files.append(self.current)
        self.at += 1

    def _starts_headers(self, line: str) -> bool:
        if line.startswith("--- "):
            following = self._next()
            return following.startswith(("+++ ", "@@"))
        return line.startswith("+++ ") and self._next().startswith("@@")

    def _headers(self, files: list[FileDiff]) -> None:
        """``---`` and ``+++``, or the only one of them that was written."""
        self.in_hunk = False
        if self.current is None or self.current.hunks or self.current.old_path or self.current.new_path:
            self.current = FileDiff(self.number)
            self.budget.take_file()
            files.append(self.current)
        current = self.current
        if (line := self.lines[self.at]).startswith("--- "):
            current.old_path = header_path(line[4:])
            self.at += 1
        if self.at < len(self.lines) and (line := self.lines[self.at]).startswith("+++ "):
            current.new_path = header_path(line[4:])
            self.at += 1
        if current.old_path is None or current.new_path is None:
            self._repair("missing_header", "one of the --- and +++ lines was missing", current)

    def _extended(self, line: str) -> None:
        """git's own header lines; anything else between sections is prose."""
        if self.current is None or self.current.hunks:
            return
        if match := _MODE.match(line):
            self.current.modes.append((match.group(1), match.group(2)))
        elif match := _INDEX.match(line):
            if match.group(1):
                self.current.modes.append(("index", match.group(1)))
        elif _RENAME.match(line):
            self.current.renames = True
        elif _BINARY.match(line):
            self.current.binary = True

    # -- hunks ---------------------------------------------------------------------------

    def _hunk(self, files: list[FileDiff], header: str) -> None:
        if self.current is None:
            self.current = FileDiff(self.number)
            files.append(self.current)
        self.budget.take_hunk()
        hunk = Hunk(self.number, [])
        if match := HUNK_HEADER.match(header):
            start, old, new_start, new = match.groups()
            hunk.stated, hunk.stated_new = int(start), int(new_start)
            hunk.counted = (int(old or 1), int(new or 1))
        else:
            self._repair("hunk_header", "a hunk header had no line numbers", self.current)
        self.at += 1
        self._take_body(hunk)

    def _starts_bare_body(self, line: str) -> bool:
        """Body lines straight after the file headers, without any ``@@`` line."""
        current = self.current
        if current is None or current.hunks or not (current.old_path or current.new_path):
            return False
        above = self.lines[self.at - 1] if self.at else ""
        return line[:1] in {"+", "-", " "} and above.startswith(("+++ ", "--- "))

    def _bare_hunk(self) -> None:
        assert self.current is not None  # noqa: S101 - _starts_bare_body says so
        hunk = Hunk(self.number, [])
        if self.current.old_path == DEV_NULL:
            hunk.stated = 0
        self._repair("hunk_header", "a hunk had no header line", self.current)
        self._take_body(hunk)

    def _take_body(self, hunk: Hunk) -> None:
        assert self.current is not None  # noqa: S101
        body = read_body(self.lines, self.at, hunk.counted, prose_follows=not self.section.fenced)
        at_end = body.end >= len(self.lines)
        if at_end and self.last and self._is_cut(hunk, body.old_left, body.new_left, body.lines):
            raise Refused(
                Problem(
                    Code.TRUNCATED, "the answer breaks off in the middle of its last hunk", line=hunk.line
                )
            )
        if at_end and self.section.goes_on and body.short:
            raise Refused(
                Problem(Code.TRUNCATED, "a code fence closes in the middle of a hunk", line=hunk.line)
            )
        self.in_hunk = True
        hunk.cut = at_end and self.last and self.section.cut_mid_line
        hunk.body = body.lines
        hunk.old_at_eof, hunk.new_at_eof = body.old_at_eof, body.new_at_eof
        hunk.counts_hold = body.counts_hold
        if hunk.counted and not body.counts_hold:
            self._repair("counts", "the line counts of a hunk header were wrong", self.current, hunk.line)
        if body.blanks_unmarked:
            self._repair("blank_context", "empty context lines had lost their blank", self.current, hunk.line)
        if hunk.body:
            self.current.hunks.append(hunk)
        self.at = body.end

    def _is_cut(self, hunk: Hunk, old_left: int, new_left: int, lines: list[str]) -> bool:
        section = self.section
        short = hunk.counted is not None and old_left >= 0 and new_left >= 0 and old_left + new_left > 0
        if section.fenced and not section.closed:
            return short or (section.cut_mid_line and lines[-1:] != [] and lines[-1][0] == "+")
        if section.cut_mid_line and not section.fenced:
            return short and _trailing_context(lines) < 3
        return False

    def _repair(self, kind: str, message: str, file: FileDiff, line: int | None = None) -> None:
        path = file.new_path if file.new_path not in {None, DEV_NULL} else file.old_path
        self.repairs.append(Repair(kind, message, path, line or self.number))


def _trailing_context(lines: list[str]) -> int:
    count = 0
    for line in reversed(lines):
        if line[0] != " ":
            break
        count += 1
    return count
