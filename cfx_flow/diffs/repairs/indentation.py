"""One and the same change of indentation in every line: tabs as blanks, blanks as tabs, a common shift.

The mapping is learned from context and removed lines, whose true indentation the file knows, and then
applied to the added ones. Wherever an added line could be meant in two ways, there is no repair.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from cfx_flow.diffs.diagnose import not_placed
from cfx_flow.diffs.model import Hunk, Refused
from cfx_flow.diffs.place import Fitted, Placed
from cfx_flow.diffs.repairs.search import sole_start, with_file_lines
from cfx_flow.diffs.source import BLANKS, Source

Rule = Callable[[str], str | None]
_WIDTHS = (2, 4, 8)
_REPAIR = ("indentation", "the indentation differed from the file's in the same way throughout")


def indentation(hunk: Hunk, source: Source) -> Placed | None:
    old = hunk.old
    if hunk.unmarked or not any(line.strip() for line in old):
        return None
    start = sole_start(hunk, source.find_unindented([line.strip(BLANKS) for line in old], stated=hunk.stated))
    if start is None:
        return None
    learned = _learn(old, source.lines[start : start + len(old)])
    if learned is None:
        return None
    body = _rewritten(hunk, learned, list(_rules(learned, source)))
    if body is None:
        return None
    return with_file_lines(replace(hunk, body=body), start, source, *_REPAIR)


def settle(modified: list[Fitted], created: list[Hunk]) -> None:
    """One slip goes through the whole answer: its other hunks follow it, or nothing is believed.

    A hunk whose context has no indentation fits either way, and a new file has no context at all; what
    they add is mapped as the same file's other hunks were, in place. Raises ``Refused`` where that is
    not sure.
    """
    for fitted in modified:
        for hunk, placed in fitted.hunks:
            if any(kind == "indentation" for kind, _ in placed.repairs):
                learned = _learned_in(fitted)
                if learned is None or not (
                    _follow(fitted, learned) and _others_agree(fitted, learned, modified, created)
                ):
                    raise Refused(not_placed(hunk, fitted.source, fitted.path))
                break


def _learned_in(fitted: Fitted) -> dict[str, str] | None:
    """What all of the file's repaired hunks say together."""
    old: list[str] = []
    true: list[str] = []
    for hunk, placed in fitted.hunks:
        if _is_repaired(placed):
            old += hunk.old
            true += fitted.source.lines[placed.start : placed.end]
    return _learn(old, true)


def _is_repaired(placed: Placed) -> bool:
    return any(kind == "indentation" for kind, _ in placed.repairs)


def _follow(fitted: Fitted, learned: dict[str, str]) -> bool:
    """Maps the added lines of the hunks that fitted as they were; False where that contradicts them."""
    rules = list(_rules(learned, fitted.source))
    for index, (hunk, placed) in enumerate(fitted.hunks):
        if _is_repaired(placed) or not _indented(hunk, " -+?"):
            continue
        stays = _indented(hunk, " -?") or (learned.get("", "") and any(line.strip() for line in hunk.old))
        body = None if stays else _rewritten(hunk, learned, rules)
        if body is None:
            return False
        read = with_file_lines(replace(hunk, body=body), placed.start, fitted.source, *_REPAIR)
        if read is None:
            return False
        fitted.hunks[index] = (hunk, read)
    return True


def _others_agree(
    fitted: Fitted, learned: dict[str, str], modified: list[Fitted], created: list[Hunk]
) -> bool:
    """No added line elsewhere is indented the same way without a neighbour to tell what is meant."""
    marks = {indent[0] for indent in learned if indent} or {true[0] for true in learned.values() if true}
    unsure = created + [
        hunk
        for other in modified
        if other is not fitted
        for hunk, placed in other.hunks
        if not _is_repaired(placed) and not _indented(hunk, " -?")
    ]
    return not any(
        line[0] == "+" and line[1:2] in marks for hunk in unsure for line in hunk.body if line[1:].strip()
    )


def _indented(hunk: Hunk, marks: str) -> bool:
    return any(line[0] in marks and line[1:2] in {" ", "\t"} and line[1:].strip() for line in hunk.body)


def _learn(old: list[str], true: list[str]) -> dict[str, str] | None:
    """Indentation in the hunk → in the file; None unless it is one to one."""
    learned: dict[str, str] = {}
    for line, file_line in zip(old, true, strict=True):
        if line.strip() and learned.setdefault(_indent(line), _indent(file_line)) != _indent(file_line):
            return None
    return learned if len(set(learned.values())) == len(learned) else None


def _rewritten(hunk: Hunk, learned: dict[str, str], rules: list[Rule]) -> list[str] | None:
    """The body with every added line's indentation mapped; None if one of them cannot be, for sure."""
    body: list[str] = []
    for line in hunk.body:
        text = line[1:]
        if line[0] != "+" or not text:
            body.append(line)
            continue
        indent = _mapped(_indent(text), learned, rules)
        if indent is None or not (text.strip() or _is_sure(text, indent)):
            return None
        body.append("+" + indent + text.lstrip(" \t"))
    return body


def _is_sure(blanks: str, mapped: str) -> bool:
    """Nobody knows whether a line of mere blanks went through the same mill.

    Unless it is the one blank that some put after every mark.
    """
    return mapped == blanks or (mapped == "" and blanks == " ")


def _mapped(indent: str, learned: dict[str, str], rules: list[Rule]) -> str | None:
    if indent in learned:
        return learned[indent]
    meant = {rule(indent) for rule in rules}
    return meant.pop() if len(meant) == 1 else None


def _rules(learned: dict[str, str], source: Source) -> Iterator[Rule]:
    """The regular mappings that explain all that was learned."""
    for rule in (*_tab_rules(learned, source), *_shift_rules(learned), _halved, _doubled):
        if all(rule(indent) == true for indent, true in learned.items()):
            yield rule


def _tab_rules(learned: dict[str, str], source: Source) -> Iterator[Rule]:
    """Blanks for tabs and tabs for blanks, at most one level deeper than what was seen."""
    for width in _WIDTHS:
        if any(re.match(rf"\t+ {{{width},}}", line) for line in source.lines):
            continue  # tabs and then blanks to align: so many blanks may mean either
        deepest = max(len(indent.expandtabs(width)) for indent in learned) + width
        yield partial(_tabs, width=width, deepest=deepest)
        yield partial(_blanks, width=width, deepest=deepest)


def _tabs(indent: str, *, width: int, deepest: int) -> str | None:
    if "\t" in indent or len(indent) > deepest or len(indent) % width:
        return None
    return "\t" * (len(indent) // width)


def _blanks(indent: str, *, width: int, deepest: int) -> str | None:
    if " " in indent or len(indent) * width > deepest:
        return None
    return " " * (len(indent) * width)


def _shift_rules(learned: dict[str, str]) -> Iterator[Rule]:
    """The same blanks too few, or too many, in front of every line."""
    indent, true = min(learned.items(), key=lambda item: len(item[0]))
    if true.endswith(indent):
        yield partial(_shifted, least=indent, gain=true[: len(true) - len(indent)], loss="")
    elif indent.endswith(true):
        yield partial(_shifted, least=indent, gain="", loss=indent[: len(indent) - len(true)])


def _shifted(indent: str, *, least: str, gain: str, loss: str) -> str | None:
    """Lines that start further left than any that was seen may have been cut off at the margin."""
    if not indent.startswith(least) or not indent.startswith(loss):
        return None
    return gain + indent.removeprefix(loss)


def _halved(indent: str) -> str | None:
    """Where only one level was seen, half as deep and so many less look the same: neither is sure."""
    return None if "\t" in indent or len(indent) % 2 else indent[: len(indent) // 2]


def _doubled(indent: str) -> str | None:
    return None if "\t" in indent else indent * 2


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]
