"""What mills and other formats make of a diff that leaves no sure reading: each must be refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from random import Random

from tests.diffs.generator import Edited, Piece
from tests.diffs.slips_form import Slip, per_piece, text_of


def _old_lines(piece: Piece) -> list[str]:
    return [line for line in piece.lines if line[0] in " -"]


def _changes_only(edit: Edited) -> bool:
    return not any(section.created or section.deleted for section in edit.sections)


def _each_line(edit: Edited, change: Callable[[str], str], *, most: int) -> str | None:
    """Every body line changed by a mill; None where no hunk shows it in more than ``most`` of its old lines."""
    shown = [
        sum(change(line[1:]) != line[1:] for line in _old_lines(piece))
        for section in edit.sections
        for piece in section.pieces
    ]
    if not _changes_only(edit) or max(shown, default=0) <= most:
        return None
    return per_piece(
        lambda piece: [
            piece.header(),
            *(line if line[0] == "\\" else line[0] + change(line[1:]) for line in piece.lines),
        ],
        edit,
    )


def escaped_for_markdown(edit: Edited, dice: Random) -> str | None:
    return _each_line(edit, lambda text: re.sub(r"([_*])", r"\\\1", text), most=0)


def marks_doubled(edit: Edited, dice: Random) -> str | None:
    """As JSON in JSON, templates and SQL want them."""
    marks = dice.sample([r"\\", "[{}]", "'"], 3)
    answers = (
        _each_line(edit, lambda text, mark=mark: re.sub(mark, r"\g<0>\g<0>", text), most=0) for mark in marks
    )
    return next((answer for answer in answers if answer is not None), None)


def quotes_typeset(edit: Edited, dice: Random) -> str | None:
    """In one old line too: that of the added ones are meant so, nobody believes."""
    table = str.maketrans({"'": "\u2019", '"': "\u201d", "-": "\u2013"})
    return _each_line(edit, lambda text: text.translate(table), most=0)


def a_no_break_blank(edit: Edited, dice: Random) -> str | None:
    return _each_line(edit, lambda text: text.replace(" (", "\u00a0("), most=0)


def typeset_minus(edit: Edited, dice: Random) -> str | None:
    """U+2212 for the mark of every line that goes."""
    if not _changes_only(edit) or not any(line[:1] == "-" for p in _pieces(edit) for line in p.lines):
        return None
    return per_piece(
        lambda piece: [piece.header(), *(re.sub("^-", "\u2212", line) for line in piece.lines)], edit
    )


def numbers_before_the_marks(edit: Edited, dice: Random) -> str | None:
    if not _changes_only(edit) or not all(_old_lines(piece) for piece in _pieces(edit)):
        return None
    form = dice.choice(["{:>4} {}", "{}: {}", "{:>3}|{}", "{}\t{}"])
    return per_piece(
        lambda piece: [
            piece.header(),
            *(form.format(piece.old_start + at, line) for at, line in enumerate(piece.lines)),
        ],
        edit,
    )


def normal_diff(edit: Edited, dice: Random) -> str | None:
    """The format of plain ``diff``."""
    if not _changes_only(edit):
        return None
    lines: list[str] = []
    for section in edit.sections:
        lines.append(f"diff -r old/{section.path} new/{section.path}")
        for piece in section.pieces:
            gone = [line[1:] for line in piece.lines if line[0] == "-"]
            come = [line[1:] for line in piece.lines if line[0] == "+"]
            if any(line.startswith(("@@", "diff --git ", "--- ", "+++ ")) for line in gone + come):
                return None
            lines += [f"{piece.old_start}c{piece.new_start}", *(f"< {line}" for line in gone), "---"]
            lines += [f"> {line}" for line in come]
    return "\n".join(lines) + "\n"


def conflict_markers_below_the_names(edit: Edited, dice: Random) -> str | None:
    if not _changes_only(edit):
        return None
    lines: list[str] = []
    for section in edit.sections:
        lines += section.names()
        for piece in section.pieces:
            old = [line[1:] for line in _old_lines(piece)]
            new = [line[1:] for line in piece.lines if line[0] in " +"]
            lines += ["<<<<<<< SEARCH", *old, "=======", *new, ">>>>>>> REPLACE"]
    return "\n".join(lines) + "\n"


def backslashes_in_paths(edit: Edited, dice: Random) -> str | None:
    if not any("/" in section.path for section in edit.sections):
        return None
    return text_of([replace(section, path=section.path.replace("/", "\\")) for section in edit.sections])


def rename_marked_in_part(edit: Edited, dice: Random) -> str | None:
    """A word is another in the lines that come, and in one line that is shown as if it stayed."""
    for s, section in enumerate(edit.sections):
        for p, piece in enumerate(section.pieces):
            gone = _words(line for line in piece.lines if line[0] == "-")
            spots = [
                (at, word)
                for at, line in enumerate(piece.lines)
                if line[0] == " "
                for word in sorted(_words([line]) & gone & _words(x for x in piece.lines if x[0] == "+"))
            ]
            if section.created or section.deleted or not spots:
                continue
            kept, word = dice.choice(spots)
            other = word[:-1] if len(word) > 4 else word + "s"
            lines = [
                re.sub(rf"\b{word}\b", other, line) if line[0] == "+" or at == kept else line
                for at, line in enumerate(piece.lines)
            ]
            pieces = [*section.pieces[:p], replace(piece, lines=lines), *section.pieces[p + 1 :]]
            sections = list(edit.sections)
            sections[s] = replace(section, pieces=pieces)
            return text_of(sections)
    return None


def _words(lines: Iterable[str]) -> set[str]:
    return {word for line in lines for word in re.findall(r"\b[a-z]{4,}\b", line[1:])}


def _pieces(edit: Edited) -> list[Piece]:
    return [piece for section in edit.sections for piece in section.pieces]


_MISPLACED = frozenset({"context_not_found", "removed_line_mismatch"})
MISREAD: Mapping[str, tuple[Slip, frozenset[str]]] = {
    "escaped_for_markdown": (escaped_for_markdown, _MISPLACED),
    "marks_doubled": (marks_doubled, _MISPLACED),
    "quotes_typeset": (quotes_typeset, _MISPLACED),
    "a_no_break_blank": (a_no_break_blank, _MISPLACED),
    "typeset_minus": (typeset_minus, _MISPLACED),
    "numbers_before_the_marks": (numbers_before_the_marks, _MISPLACED),
    "normal_diff": (normal_diff, frozenset({"no_diff"})),
    "conflict_markers_below_the_names": (conflict_markers_below_the_names, _MISPLACED | {"no_diff", "truncated"}),
    "backslashes_in_paths": (backslashes_in_paths, frozenset({"unsafe_path"})),
    "rename_marked_in_part": (rename_marked_in_part, _MISPLACED),
}  # fmt: skip
