"""From lines to file sections and hunks. What a section is decides its headers; what a hunk is, its body."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import takewhile

from cfx_flow.diffs import cut
from cfx_flow.diffs.body import Body, Stretch, read_body
from cfx_flow.diffs.extract import BULLET, Answer, Section
from cfx_flow.diffs.headers import ENVELOPE, Names, names_at
from cfx_flow.diffs.model import Code, FileDiff, Hunk, Policy, Problem, Refused, Repair
from cfx_flow.diffs.paths import DEV_NULL, git_paths, header_path

HUNK_HEADER = re.compile(
    r"^@@+\s*-\s*(\d{1,9})(?:\s*,\s*(\d{1,9}))?\s*\+\s*(\d{1,9})(?:\s*,\s*(\d{1,9}))?(?!\d)"
)
_COMBINED = re.compile(r"^@@@+ (?:-\d+(?:,\d+)? ){2,}\+")
_MODE = re.compile(r"^(old|new|new file|deleted file) mode (\d+)\s*$")
_INDEX = re.compile(r"^index \S+\.\.\S+(?: (\d+))?\s*$")
"""the hashes are often made up, and not even hexadecimal"""
_RENAME = re.compile(r"^(?:rename|copy) (?:from|to) |^(?:dis)?similarity index |^\*\*\* Move to: ")
_BINARY = re.compile(r"^GIT binary patch|^Binary files? .* differ")
_FRAME = re.compile(
    r"^\s*$|^(?:Index: |={10,}$|-- ?$|\d+\.\d"
    r"|\*\*\* (?:Begin Patch|End Patch|End of File)|</?(?:diff|patch)>)"
)
"""lines of tools that write diffs, which say nothing that matters"""
_BEGUN_HEADER = re.compile(r"@@?(?: -?[\d,]*(?: \+?[\d,]*)?)?|d(?:i(?:f(?:f(?: .*)?)?)?)?")
"""what is left of a header where an answer was cut in it"""


def parse(answer: Answer, policy: Policy, files: list[FileDiff]) -> None:
    """Puts all file sections of the answer into ``files``, in order; what was read stays there.

    Raises ``Refused`` with ``truncated``, ``no_diff`` or ``oversize``.
    """
    budget = _Budget(policy)
    for section in answer.sections:
        _Reader(section, answer.repairs, budget, last=section is answer.sections[-1]).read(files)
    if not files:
        raise Refused(Problem(Code.NO_DIFF, "the answer holds no unified diff"))
    _trust_counts([hunk for file in files for hunk in file.hunks])


def _trust_counts(hunks: list[Hunk]) -> None:
    """Where the answer may have been cut, in its last hunk, it matters whether it counts right elsewhere."""
    if hunks and hunks[-1].left is not None:
        others = hunks[:-1]
        hunks[-1].others_count = all(h.counted and h.counts_hold for h in others) if others else None


@dataclass(slots=True)
class _Budget:
    """How many sections and hunks have come, and how many may."""

    policy: Policy
    files: int = 0
    hunks: int = 0

    def take_file(self) -> None:
        self.files += 1
        self._hold(self.files, self.policy.max_files, "files")

    def take_hunk(self) -> None:
        self.hunks += 1
        self._hold(self.hunks, self.policy.max_hunks, "hunks")

    @staticmethod
    def _hold(number: int, most: int, what: str) -> None:
        if number > most:
            message = f"the diff has more than {most:,} {what}, and no more are taken: change less at a time"
            raise Refused(Problem(Code.OVERSIZE, message))


class _Reader:
    """Walks one section of the answer, line by line."""

    def __init__(self, section: Section, repairs: list[Repair], budget: _Budget, *, last: bool) -> None:
        self.section, self.repairs, self.budget, self.last = section, repairs, budget, last
        self.lines = section.lines
        self.stretch = Stretch(section.lines, section.marks, prose_follows=not section.fenced)
        self.at = 0
        self.prose = False
        self.in_hunk = False
        self.current: FileDiff | None = None

    def read(self, files: list[FileDiff]) -> None:
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.startswith("diff --git "):
                self._git_header(line, files)
            elif names := names_at(self.lines, self.at):
                self._headers(names, files)
            elif match := ENVELOPE.match(line):
                self._envelope(match[1], match[2], files)
            elif line.startswith("@@"):
                self._hunk(files, line)
            elif self._starts_bare_body(line):
                self._bare_hunk()
            else:
                self._require_no_change(line)
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
        if section.fenced and section.closed:
            return False
        if section.cut_mid_line and not self.in_hunk and _BEGUN_HEADER.fullmatch(self.lines[-1]):
            return True
        current = self.current
        if current is not None and not current.hunks:
            cut = section.fenced or section.cut_mid_line
            return cut or (current.promises_hunks and not current.astray)
        return section.fenced and section.cut_mid_line and not self.in_hunk

    @property
    def number(self) -> int:
        """1-based line of the answer."""
        return self.section.first_line + self.at

    # -- headers -------------------------------------------------------------------------

    def _git_header(self, line: str, files: list[FileDiff]) -> None:
        self._start(files).git_paths = git_paths(line.removeprefix("diff --git "))
        self.at += 1

    def _start(self, files: list[FileDiff]) -> FileDiff:
        if not files and self._stands_below_a_hunk():
            message = "the answer begins in the middle of a hunk: write it from its first line on"
            raise Refused(Problem(Code.TRUNCATED, message, line=self.section.first_line))
        self.in_hunk = False
        self.current = FileDiff(self.number)
        self.budget.take_file()
        files.append(self.current)
        return self.current

    def _stands_below_a_hunk(self) -> bool:
        """The answer has lost its beginning: changed lines, and no bullets, lead to its first header."""
        above = takewhile(lambda line: line[:1] in {"+", "-", " "}, reversed(self.lines[: self.at]))
        return any(line[0] != " " and not BULLET.match(line) and line.strip(" -+") for line in above)

    def _headers(self, names: Names, files: list[FileDiff]) -> None:
        """``---`` and ``+++``, or the only one of them that was written."""
        self.in_hunk = False
        current = self.current
        if current is None or current.hunks or current.old_path or current.new_path:
            current = self._start(files)
        current.old_path, current.new_path = names.old, names.new
        if names.old is None or names.new is None:
            self._repair("missing_header", "one of the --- and +++ lines was missing", current)
        self.at = names.end

    def _envelope(self, kind: str, path: str, files: list[FileDiff]) -> None:
        current = self._start(files)
        path = header_path(path)
        current.old_path = DEV_NULL if kind == "Add" else path
        current.new_path = DEV_NULL if kind == "Delete" else path
        current.bare_names = True
        self._repair("envelope", f"read *** {kind} File as the headers of a diff", current)
        self.at += 1

    def _extended(self, line: str) -> None:
        """git's own header lines; anything else between sections is prose."""
        if not (self._is_git_header(line) or _FRAME.match(line)):
            self._note_prose()
            if self.current is not None and not self.current.hunks:
                self.current.astray = True

    def _require_no_change(self, line: str) -> None:
        """What ended a hunk without counts, as ``</code>`` does, may be its own line that lost its blank."""
        if self.current is None or not self.current.hunks or self.current.hunks[-1].counts_hold:
            return
        if line[:1] in {"+", "-"} and not BULLET.match(line) and line.strip(" -+"):
            message = "changed lines stand below the end of a hunk: begin each line that stays with a blank"
            path = next(iter(self.current.names), None)
            raise Refused(Problem(Code.CONTEXT_NOT_FOUND, message, path, self.number, wrote=line))

    def _is_git_header(self, line: str) -> bool:
        current = self.current
        if current is None or current.hunks:
            return False
        if match := _MODE.match(line):
            current.modes.append((match.group(1), match.group(2)))
        elif match := _INDEX.match(line):
            current.modes += [("index", match.group(1))] if match.group(1) else []
        elif _RENAME.match(line):
            current.renames = True
        elif _BINARY.match(line):
            current.binary = True
        else:
            return False
        return True

    def _note_prose(self) -> None:
        if not self.prose:
            self.prose = True
            self.repairs.append(Repair("prose", "left out the text around the diff", None, self.number))

    # -- hunks ---------------------------------------------------------------------------

    def _hunk(self, files: list[FileDiff], header: str) -> None:
        if self.current is None:
            self.current = FileDiff(self.number)
            files.append(self.current)
        self.budget.take_hunk()
        if _COMBINED.match(header):
            message = "the combined diff of a merge has no one old side; write a plain one"
            raise Refused(Problem(Code.NO_DIFF, message, line=self.number))
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
        return line[:1] in {"+", "-", " "} and above.startswith(("+++ ", "--- ", "*** "))

    def _bare_hunk(self) -> None:
        assert self.current is not None  # noqa: S101 - _starts_bare_body says so
        hunk = Hunk(self.number, [])
        if self.current.old_path == DEV_NULL:
            hunk.stated = 0
        self._repair("hunk_header", "a hunk had no header line", self.current)
        self._take_body(hunk)

    def _take_body(self, hunk: Hunk) -> None:
        assert self.current is not None  # noqa: S101
        body = read_body(self.stretch, self.at, hunk.counted)
        hunk.body = body.lines
        if hunk.body:
            self.current.hunks.append(hunk)
        if body.end >= len(self.lines):
            self._end_in(hunk, body)
        self.in_hunk = True
        hunk.old_at_eof, hunk.new_at_eof = body.old_at_eof, body.new_at_eof
        hunk.counts_hold = body.counts_hold
        self._note_body(hunk, body, self.current)
        if not hunk.body and (hunk.counted not in {None, (0, 0)} or self._ends_open(body.end)):
            raise Refused(Problem(Code.TRUNCATED, "a hunk has a header and no lines", line=hunk.line))
        self.at = body.end

    def _note_body(self, hunk: Hunk, body: Body, current: FileDiff) -> None:
        if hunk.counted and not body.counts_hold:
            self._repair("counts", "the line counts of a hunk header were wrong", current, hunk.line)
        if body.blanks_unmarked:
            self._repair("blank_context", "empty context lines had lost their blank", current, hunk.line)
        if body.blank_first:
            self._repair("blank_first", "an empty line stood below a hunk's header", current, hunk.line)

    def _ends_open(self, at: int) -> bool:
        """Nothing but the end of the answer comes, and no fence says that it is the end."""
        section = self.section
        return self.last and not (section.fenced and section.closed) and not "".join(self.lines[at:]).strip()

    def _end_in(self, hunk: Hunk, body: Body) -> None:
        """The section ends with this hunk: is that its end, or where the answer was cut off?"""
        section = self.section
        if section.goes_on and body.short:
            raise Refused(
                Problem(Code.TRUNCATED, "a code fence closes in the middle of a hunk", line=hunk.line)
            )
        if not self.last or (section.fenced and section.closed):
            return
        hunk.cut = section.cut_mid_line
        if section.cut_mid_line and len(body.lines) > 1 and all(x.endswith("\r") for x in body.lines[:-1]):
            body.lines[-1] = body.lines[-1].removesuffix("\r") + "\r"  # stripped with the answer's end
        if hunk.counted is not None:
            hunk.left = (body.old_left, body.new_left)
        hunk.unclosed = section.fenced
        if cut.is_cut_off(hunk, body.lines):
            raise Refused(cut.problem(hunk))

    def _repair(self, kind: str, message: str, file: FileDiff, line: int | None = None) -> None:
        path = file.new_path if file.new_path not in {None, DEV_NULL} else file.old_path
        self.repairs.append(Repair(kind, message, path, line or self.number))
