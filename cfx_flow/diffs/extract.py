"""From an answer to the stretches of it that hold a diff: fences first, else the text itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from cfx_flow.diffs import unwrap
from cfx_flow.diffs.model import Code, Policy, Problem, Refused, Repair

FENCE = re.compile(r"^([ \t]*)(`{3,}|~{3,})[ \t]*([^`]*)$")
_BULLET = re.compile(r"^[-+] \S")
THINKING = re.compile(r"\A\s*<(think|thinking|reasoning)>.*?</\1>", re.DOTALL)


@dataclass(slots=True)
class Section:
    """Consecutive lines of the answer that hold a diff."""

    first_line: int
    """1-based, in the answer"""
    lines: list[str]
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
    _require_text(text, policy.max_bytes)
    answer = Answer([])
    text = _without_thinking(text, answer)
    if (inner := unwrap.from_json(text)) is not None:
        answer.repairs.append(Repair("json", "the diff was a string inside JSON"))
        text = inner
    lines = _lines(text, answer)
    sections = list(_sections(lines, 0, answer))
    if any(section.fenced for section in sections) or (sections and not is_diff_like(lines)):
        answer.sections = sections
        answer.repairs.append(Repair("fence", "took the diff out of its code fence"))
    elif is_diff_like(lines):
        answer.sections = [Section(1, lines, fenced=False)]
    else:
        raise Refused(Problem(Code.NO_DIFF, "the answer holds no unified diff"))
    _note_the_end(answer, text)
    return answer


def _sections(lines: list[str], offset: int, answer: Answer) -> Iterator[Section]:
    """The blocks that hold a diff: fences, and bare ones too, since leaving one out would apply half."""
    for block in _blocks(lines):
        block.first_line += offset
        if (is_diff_like if block.fenced else has_file_header)(block.lines):
            yield block
        elif (
            not block.fenced
            and not is_diff_like(block.lines)
            and (inner := unwrap.margin_removed(block.lines)) is not None
        ):
            found = list(_sections(inner, block.first_line - 1, answer))
            if found:
                answer.repairs.append(
                    Repair("margin", "the diff was indented or quoted", None, block.first_line)
                )
            yield from found


def _require_text(text: str, max_bytes: int) -> None:
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError:
        raise Refused(Problem(Code.NOT_TEXT, "the answer is not valid Unicode text")) from None
    if size > max_bytes:
        raise Refused(Problem(Code.OVERSIZE, f"the answer has {size:,} bytes, {max_bytes:,} are allowed"))
    if "\0" in text:
        raise Refused(Problem(Code.NOT_TEXT, "the answer holds NUL characters"))


def _without_thinking(text: str, answer: Answer) -> str:
    """Blanks a leading ``<think>`` block, keeping line numbers: drafts in it are not the answer."""
    if not (match := THINKING.match(text)):
        return text
    answer.repairs.append(Repair("thinking", "left out the reasoning before the answer"))
    return "\n" * match.group().count("\n") + text[match.end() :]


def _lines(text: str, answer: Answer) -> list[str]:
    lines = text.removeprefix("\ufeff").split("\n")
    if lines and not lines[-1]:
        lines.pop()
    if "\r" in text and all(line.endswith("\r") for line in lines[:-1]):
        answer.repairs.append(Repair("crlf_answer", "the whole answer had CRLF line ends"))
        lines = [line.removesuffix("\r") for line in lines]
    return lines


def _blocks(lines: list[str]) -> list[Section]:
    """The answer cut at its fences; fence lines themselves belong to no block."""
    blocks: list[Section] = []
    start, opened = 0, None
    for number, line in enumerate(lines):
        match = FENCE.match(line) if "`" in line or "~" in line else None
        if not match or (opened is None and not _opens(match)):
            continue
        if opened is None:
            blocks.append(Section(start + 1, lines[start:number], fenced=False))
            start, opened = number + 1, match
        elif _closes(match, opened):
            blocks.append(_fence(lines, start, number, opened))
            start, opened = number + 1, None
    if opened is None:
        blocks.append(Section(start + 1, lines[start:], fenced=False))
    else:
        block = _fence(lines, start, len(lines), opened)
        block.closed = False
        blocks.append(block)
    return [block for block in blocks if block.lines]


def _opens(match: re.Match[str]) -> bool:
    """Only at the margin: an indented fence is far more often a diff's context line than a fence."""
    return match.group(1) == ""


def _closes(match: re.Match[str], opened: re.Match[str]) -> bool:
    indent, ticks, info = match.groups()
    return indent == opened.group(1) and not info.strip() and ticks.startswith(opened.group(2))


def _fence(lines: list[str], start: int, end: int, opened: re.Match[str]) -> Section:
    return Section(start + 1, lines[start:end], fenced=True, goes_on=_goes_on(lines[end + 1 :]))


def _goes_on(following: list[str]) -> bool:
    """A fence line inside of a hunk that lost its marker closes the fence too early.

    What comes then are more changed lines; a list of bullets has one blank after its mark.
    """
    if following and following[0][:1] in {"+", "-", " ", "@"} and following[0].strip():
        return True
    prose = takewhile(lambda line: not line.startswith(("```", "~~~")), following)
    return any(line[:1] in {"+", "-"} and not _BULLET.match(line) and line.strip(" -+") for line in prose)


def is_diff_like(lines: list[str]) -> bool:
    return has_file_header(lines) or any(line.startswith("@@") for line in lines)


def has_file_header(lines: list[str]) -> bool:
    """``diff --git``, or ``---`` and ``+++``, of which one may be missing before ``@@``."""
    for number, line in enumerate(lines):
        if line.startswith("diff --git "):
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
