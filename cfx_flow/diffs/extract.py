"""From an answer to the stretches of it that hold a diff: fences first, else the text itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from cfx_flow.diffs import shell, unwrap
from cfx_flow.diffs.headers import ENVELOPE
from cfx_flow.diffs.model import Code, Policy, Problem, Refused, Repair

FENCES = ("```", "~~~")
FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*([^`]*)")
_FENCE_MARK = re.compile("[`~]")
_MAX_MARGINS = 3
BULLET = re.compile(r"^[-+] \S")
THINKING = re.compile(r"\A\s*<(think|thinking|reasoning)>.*?</\1>", re.DOTALL)
_THOUGHT = ("\n</think>", "\n</thinking>", "\n</reasoning>")
_BEGUN = (*FENCES, "--- ", "+++ ", "@@", "diff ", "*** ")


@dataclass(slots=True)
class Section:
    """Consecutive lines of the answer that hold a diff."""

    first_line: int
    """1-based, in the answer"""
    lines: list[str]
    marks: str
    """the first character of every line, a line end for those that have none"""
    fenced: bool
    closed: bool = True
    """False for a fence that the answer never closed"""
    cut_mid_line: bool = False
    """the answer ends in this section, and not with a line end"""
    goes_on: bool = False
    """what follows the closing fence looks like more of the same hunk"""


@dataclass(slots=True)
class Answer:
    sections: list[Section]
    repairs: list[Repair] = field(default_factory=list)


def extract(text: str, policy: Policy) -> Answer:
    """The diff-like sections of an answer, in order.

    Raises ``Refused`` with ``oversize``, ``not_text`` or ``no_diff``.
    """
    _require_text(text, policy)
    answer = Answer([])
    text = _without_thinking(text, answer)
    if (inner := unwrap.from_json(text)) is not None:
        return _unwrapped(inner, answer, policy)
    lines = _lines(_without_colours(text, answer), answer)
    if "<<" in text:
        shell.take_out_here_documents(lines, answer.repairs)
    marks = first_characters(lines)
    sections = list(_sections(lines, marks, 0, answer, _MAX_MARGINS))
    if not sections and (inner := unwrap.from_json_fence(_blocks(lines, marks))) is not None:
        return _unwrapped(inner, answer, policy)
    if not any(section.fenced for section in sections) and is_diff_like(lines):
        answer.sections = [Section(1, lines, marks, fenced=False)]
    elif sections:
        answer.sections = sections
        answer.repairs.append(Repair("fence", "took the diff out of its code fence"))
    else:
        raise Refused(Problem(Code.NO_DIFF, "the answer holds no unified diff"))
    _note_the_end(answer, text)
    return answer


def _sections(lines: list[str], marks: str, offset: int, answer: Answer, margins: int) -> Iterator[Section]:
    """The blocks that hold a diff: fences, and bare ones too, since leaving one out would apply half."""
    for block in _blocks(lines, marks):
        block.first_line += offset
        if block.lines[0].endswith("\r"):
            block.lines = _without_returns(block.lines, answer)
            block.marks = first_characters(block.lines)
        if (is_diff_like if block.fenced else has_file_header)(block.lines):
            yield block
        elif (
            not block.fenced
            and margins
            and not is_diff_like(block.lines)
            and (inner := unwrap.margin_removed(block.lines)) is not None
        ):
            found = list(_sections(inner, first_characters(inner), block.first_line - 1, answer, margins - 1))
            if found:
                answer.repairs.append(
                    Repair("margin", "the diff was indented or quoted", None, block.first_line)
                )
            yield from found


def _require_text(text: str, policy: Policy) -> None:
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError as error:
        byte = "\udc80" <= text[error.start] <= "\udcff"  # as Python reads what is not UTF-8
        what = "a byte that is not UTF-8" if byte else "half of a surrogate pair"
        raise Refused(_not_text(what, text, error.start)) from None
    lines = text.count("\n")
    fences = sum([text.count("\n" + fence) for fence in FENCES])
    for number, most, what in (
        (size, policy.max_bytes, "bytes"),
        (lines, policy.max_lines, "lines"),
        (fences, policy.max_hunks, "code fences"),
    ):
        if number > most:
            message = (
                f"the answer has {number:,} {what}, {most:,} are allowed: change less at a time, "
                "with no more than three lines of context around each change"
            )
            raise Refused(Problem(Code.OVERSIZE, message))
    if "\0" in text:
        raise Refused(_not_text("a NUL character", text, text.index("\0")))


def _not_text(what: str, text: str, at: int) -> Problem:
    line = text.count("\n", 0, at) + 1
    return Problem(
        Code.NOT_TEXT, f"the answer holds {what}, first in its line {line}: leave it out", line=line
    )


def _without_colours(text: str, answer: Answer) -> str:
    if "\x1b[" not in text or not shell.is_coloured(text):
        return text
    plain = shell.without_colours(text)
    if "\x1b" in plain:
        message = "a terminal's colours within a line, which may be the file's own"
        raise Refused(_not_text(message, plain, plain.index("\x1b")))
    answer.repairs.append(Repair("colours", "left out the colours of a terminal"))
    return plain


def _without_thinking(text: str, answer: Answer) -> str:
    """Blanks a leading ``<think>`` block, keeping line numbers: drafts in it are not the answer."""
    match = THINKING.match(text)
    end = match.end() if match else _end_of_thought(text)
    if not end:
        return text
    answer.repairs.append(Repair("thinking", "left out the reasoning before the answer"))
    return "\n" * text.count("\n", 0, end) + text[end:]


def _end_of_thought(text: str) -> int:
    """Many a model's template opens the block itself, so that the answer shows only where it ends.

    Not within a diff, where it would be a line of some file.
    """
    ends = [(at, at + len(tag)) for tag in _THOUGHT if (at := text.find(tag)) >= 0]
    if not ends:
        return 0
    at, end = min(ends)
    within = text[:200].lstrip().startswith(_BEGUN) or sum(text.count("\n" + f, 0, at) for f in FENCES) % 2
    return 0 if within else end


def _unwrapped(inner: str, outer: Answer, policy: Policy) -> Answer:
    """What was written as a JSON string, as if it had been the answer."""
    answer = extract(inner, policy)
    json = Repair("json", "the diff was a string inside JSON")
    return Answer(answer.sections, [*outer.repairs, json, *answer.repairs])


def _lines(text: str, answer: Answer) -> list[str]:
    text = text.removeprefix("\ufeff")
    if "\r" in text and "\n" not in text:
        answer.repairs.append(Repair("cr_answer", "the answer had carriage returns for line ends"))
        text = text.replace("\r", "\n")
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    return lines if "\r" not in text else _without_returns(lines, answer)


def _without_returns(lines: list[str], answer: Answer) -> list[str]:
    """Where lines that belong to no file end in a carriage return, none is meant as a file's line end.

    That is so if all lines do, but for the last one, which may have lost its end; or if a header does.
    """
    if len(lines) < 2:
        return lines
    headers = any(line.endswith("\r") and line.startswith(("@@", "diff --git ")) for line in lines)
    if not headers and not all(line.endswith("\r") for line in lines[:-1]):
        return lines
    note = Repair("crlf_answer", "the whole answer had CRLF line ends")
    if note not in answer.repairs:
        answer.repairs.append(note)
    return [line.removesuffix("\r") for line in lines]


def _blocks(lines: list[str], marks: str) -> list[Section]:
    """The answer cut at its fences; fence lines themselves belong to no block.

    A fence counts only at the margin: further in it is far more often a diff's own context line.
    """
    blocks: list[Section] = []
    start, opened = 0, None
    for mark in _FENCE_MARK.finditer(marks):
        number = mark.start()
        if not (match := FENCE.fullmatch(lines[number])):
            continue
        if opened is None:
            blocks.append(Section(start + 1, lines[start:number], marks[start:number], fenced=False))
            start, opened = number + 1, match
        elif not match[2].strip() and match[1].startswith(opened[1]):
            goes_on = _goes_on(lines, number + 1)
            block = Section(start + 1, lines[start:number], marks[start:number], fenced=True, goes_on=goes_on)
            blocks.append(block)
            start, opened = number + 1, None
    unclosed = opened is not None
    blocks.append(Section(start + 1, lines[start:], marks[start:], fenced=unclosed, closed=not unclosed))
    return [block for block in blocks if block.lines]


def first_characters(lines: list[str]) -> str:
    return "".join([line[:1] or "\n" for line in lines])


def _goes_on(lines: list[str], after: int) -> bool:
    """A fence line inside of a hunk that lost its marker closes the fence too early.

    What comes then are more changed lines; a list of bullets has one blank after its mark.
    """
    if after < len(lines) and lines[after][:1] in {"+", "-", " ", "@"} and lines[after].strip():
        return True
    for at in range(after, len(lines)):
        line = lines[at]
        if line.startswith(FENCES):
            return False
        if line[:1] in {"+", "-"} and not BULLET.match(line) and line.strip(" -+"):
            return True
    return False


def is_diff_like(lines: list[str]) -> bool:
    return has_file_header(lines) or any(line.startswith("@@") for line in lines)


def has_file_header(lines: list[str]) -> bool:
    """``diff --git``, or ``---`` and ``+++``, of which one may be missing before ``@@``."""
    for number, line in enumerate(lines):
        if line.startswith("diff --git ") or ENVELOPE.match(line):
            return True
        if line.startswith(("--- ", "+++ ")) and number + 1 < len(lines):
            following = lines[number + 1]
            if following.startswith("@@") or (line[0] == "-" and following.startswith("+++ ")):
                return True
    return False


def _note_the_end(answer: Answer, text: str) -> None:
    last = answer.sections[-1]
    if last.fenced and not last.closed:
        answer.repairs.append(Repair("unclosed_fence", "the last code fence was never closed"))
    if not text.endswith("\n") and (not last.closed or not last.fenced):
        last.cut_mid_line = True
