"""Slips of place or content: what was meant can no longer be known. Each must be refused, however formed.

A slip gives the edit with its sections spoilt, so that any slip of form can be laid on top.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random

from tests.diffs.generator import Edited, Piece, Section
from tests.diffs.slips_form import stands_at

Slip = Callable[[Edited, Random], Edited | None]


@dataclass(frozen=True)
class Kind:
    spoil: Slip
    codes: frozenset[str]
    """any of these is right; more than one where the slip can be read in two ways"""


def _spots(edit: Edited, wanted: Callable[[str], bool]) -> list[tuple[int, int, int]]:
    """Section, hunk and line of every line of a changed (not new, not deleted) file that is wanted."""
    return [
        (s, p, at)
        for s, section in enumerate(edit.sections)
        if not section.created and not section.deleted
        for p, piece in enumerate(section.pieces)
        for at, line in enumerate(piece.lines)
        if wanted(line)
    ]


def _rewrite(edit: Edited, spot: tuple[int, int, int], lines: list[str]) -> Edited:
    s, p, at = spot
    section = edit.sections[s]
    piece = section.pieces[p]
    changed = replace(piece, lines=[*piece.lines[:at], *lines, *piece.lines[at + 1 :]])
    return _with_piece(edit, s, p, [changed])


def _with_piece(edit: Edited, s: int, p: int, pieces: list[Piece]) -> Edited:
    section = edit.sections[s]
    new = replace(section, pieces=[*section.pieces[:p], *pieces, *section.pieces[p + 1 :]])
    return replace(edit, sections=[*edit.sections[:s], new, *edit.sections[s + 1 :]])


def _pick(
    edit: Edited, dice: Random, wanted: Callable[[str], bool]
) -> tuple[tuple[int, int, int], str] | None:
    if not (spots := _spots(edit, wanted)):
        return None
    s, p, at = spot = dice.choice(spots)
    return spot, edit.sections[s].pieces[p].lines[at]


def _said(mark: str) -> Callable[[str], bool]:
    return lambda line: line.startswith(mark) and len(line.strip()) > 3


def removed_line_differs(edit: Edited, dice: Random) -> Edited | None:
    if (pick := _pick(edit, dice, _said("-"))) is None:
        return None
    spot, line = pick
    return _rewrite(
        edit, spot, [dice.choice([line + "_value", "-" + line[1:].replace(line[2], "zq", 1), line[:-2]])]
    )


def context_differs(edit: Edited, dice: Random) -> Edited | None:
    if (pick := _pick(edit, dice, _said(" "))) is None:
        return None
    spot, line = pick
    return _rewrite(
        edit, spot, [dice.choice([f"{line} and more", line[: len(line) // 2], " something else"])]
    )


def context_number_differs(edit: Edited, dice: Random) -> Edited | None:
    pick = _pick(edit, dice, lambda line: line.startswith(" ") and any(map(str.isdigit, line)))
    if pick is None:
        return None
    spot, line = pick
    other = "".join(str((int(c) + 1) % 10) if c in "0123456789" else c for c in line)
    spoilt = _rewrite(edit, spot, [other])
    section = spoilt.sections[spot[0]]
    return None if stands_at(edit, section.path, section.pieces[spot[1]]) else spoilt


def context_line_twice(edit: Edited, dice: Random) -> Edited | None:
    if (pick := _pick(edit, dice, _said(" "))) is None:
        return None
    return _rewrite(edit, pick[0], [pick[1], pick[1]])


def _inner(edit: Edited, spot: tuple[int, int, int], marks: str) -> bool:
    """Old lines stand on both sides of the spot."""
    s, p, at = spot
    lines = edit.sections[s].pieces[p].lines
    return any(line[0] in marks for line in lines[:at]) and any(line[0] in marks for line in lines[at + 1 :])


def old_line_left_out(edit: Edited, dice: Random) -> Edited | None:
    """From the middle of the old side, so that what remains is not in the file."""
    spots = [
        spot
        for spot in _spots(edit, lambda line: line[0] in " -" and len(line) > 4)
        if _inner(edit, spot, " -")
    ]
    return _rewrite(edit, dice.choice(spots), []) if spots else None


def plus_lost(edit: Edited, dice: Random) -> Edited | None:
    if (pick := _pick(edit, dice, _said("+"))) is None:
        return None
    spot, line = pick
    return _rewrite(edit, spot, [" " + line[1:]])


def every_plus_lost(edit: Edited, dice: Random) -> Edited | None:
    if (pick := _pick(edit, dice, _said("+"))) is None:
        return None
    s, p, _ = pick[0]
    piece = edit.sections[s].pieces[p]
    return _with_piece(
        edit,
        s,
        p,
        [
            replace(
                piece, lines=[line.replace("+", " ", 1) if line[0] == "+" else line for line in piece.lines]
            )
        ],
    )


def context_swapped(edit: Edited, dice: Random) -> Edited | None:
    spots = [
        (s, p, at)
        for s, p, at in _spots(edit, _said(" "))
        if at + 1 < len(lines := edit.sections[s].pieces[p].lines)
        and lines[at + 1][0] == " "
        and lines[at + 1].strip() != lines[at].strip()
    ]
    if not spots:
        return None
    s, p, at = dice.choice(spots)
    lines = list(edit.sections[s].pieces[p].lines)
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    return _with_piece(edit, s, p, [replace(edit.sections[s].pieces[p], lines=lines)])


def conflicting_hunks(edit: Edited, dice: Random) -> Edited | None:
    if (pick := _pick(edit, dice, _said("+"))) is None:
        return None
    s, p, at = pick[0]
    piece = edit.sections[s].pieces[p]
    other = replace(piece, lines=[*piece.lines[:at], piece.lines[at] + " || other", *piece.lines[at + 1 :]])
    return _with_piece(edit, s, p, [piece, other])


def another_files_hunk(edit: Edited, dice: Random) -> Edited | None:
    """A hunk under the name of a file that has none of its lines."""
    changed = [s for s, section in enumerate(edit.sections) if not section.created and not section.deleted]
    others = [path for path in edit.before if path not in {section.path for section in edit.sections}]
    changed = [
        s
        for s in changed
        if any(line[0] in " -" and line.strip() for line in edit.sections[s].pieces[0].lines)
    ]
    if not changed or not others:
        return None
    s = dice.choice(changed)
    section = replace(edit.sections[s], path=dice.choice(others))
    if any(stands_at(edit, section.path, piece) for piece in section.pieces):
        return None
    return replace(edit, sections=[*edit.sections[:s], section, *edit.sections[s + 1 :]])


def missing_target(edit: Edited, dice: Random) -> Edited | None:
    changed = [s for s, section in enumerate(edit.sections) if not section.created and not section.deleted]
    if not changed:
        return None
    s = dice.choice(changed)
    section = edit.sections[s]
    path = dice.choice(
        [f"lib/{section.path}", section.path + "x", section.path.upper(), section.path.split("/")[-1][1:]]
    )
    if not any(line[0] in " -" for piece in section.pieces for line in piece.lines) or path in edit.before:
        return None
    return replace(edit, sections=[*edit.sections[:s], replace(section, path=path), *edit.sections[s + 1 :]])


def new_file_exists(edit: Edited, dice: Random) -> Edited | None:
    path = dice.choice(sorted(edit.before))
    if any(section.path == path for section in edit.sections):
        return None
    return replace(
        edit, sections=[*edit.sections, Section(path, True, False, [Piece(0, 1, ["+one", "+two"])])]
    )


def part_of_a_deletion(edit: Edited, dice: Random) -> Edited | None:
    gone = [s for s, section in enumerate(edit.sections) if section.deleted]
    if not gone:
        return None
    s = gone[0]
    piece = edit.sections[s].pieces[0]
    keep = dice.randint(1, max(len(piece.lines) - 2, 1))
    return _with_piece(edit, s, 0, [replace(piece, lines=piece.lines[:keep])])


def unsafe_path(edit: Edited, dice: Random) -> Edited | None:
    path = dice.choice(UNSAFE)
    return replace(edit, sections=[*edit.sections, Section(path, True, False, [Piece(0, 1, ["+owned"])])])


UNSAFE = (
    "../outside", "src/../../outside", "/etc/passwd", "/../etc/passwd", ".git/hooks/pre-commit", ".GIT/config",
    "src/.git/config", ".git\\hooks\\x", "C:\\Windows\\x", "c:/windows/x", "~/.ssh/authorized_keys", "~root/x",
    "\u200b.git/config", ".g\u200cit/config", "．．/outside", ".git./config", ".git /config", "git~1/config",
    "a/../../x", "src/\u202egnp.exe", "x\x07y", ".git::$INDEX_ALLOCATION/config", "..\\x", "//server/share/x", "src//../x",
)  # fmt: skip


def no_anchor(edit: Edited, dice: Random) -> Edited | None:
    paths = [path for path in edit.before if path not in {section.path for section in edit.sections}]
    if not paths:
        return None
    piece = Piece(dice.choice([0, 1, 5]), 1, ["+one", "+two"])
    return replace(edit, sections=[*edit.sections, Section(dice.choice(paths), False, False, [piece])])


def ambiguous(edit: Edited, dice: Random) -> Edited | None:
    """A hunk that stands in several places, and whose number is none of them."""
    for s, section in enumerate(edit.sections):
        if section.created or section.deleted:
            continue
        for p, piece in enumerate(section.pieces):
            for short in _shorter(piece):
                places = stands_at(edit, section.path, short, exact=True)
                if len(places) > 1 and (number := _other_line(places, dice)):
                    spoilt = _with_piece(edit, s, p, [replace(short, old_start=number)])
                    return replace(spoilt, sections=[spoilt.sections[s]])
    return None


def _shorter(piece: Piece) -> Iterator[Piece]:
    lines = list(piece.lines)
    while lines and lines[0][0] == " ":
        lines = lines[1:]
        yield replace(piece, lines=lines)
    while lines and lines[-1][0] == " ":
        lines = lines[:-1]
        yield replace(piece, lines=lines)


def _other_line(places: list[int], dice: Random) -> int | None:
    return next((line for line in dice.sample(range(2, 400), 50) if line - 1 not in places), None)


def _codes(*codes: str) -> frozenset[str]:
    return frozenset(codes)


CONTENT: Mapping[str, Kind] = {
    "removed_line_differs": Kind(removed_line_differs, _codes("removed_line_mismatch", "context_not_found")),
    "context_differs": Kind(context_differs, _codes("context_not_found")),
    "context_number_differs": Kind(context_number_differs, _codes("context_not_found")),
    "context_line_twice": Kind(context_line_twice, _codes("context_not_found", "removed_line_mismatch")),
    "old_line_left_out": Kind(old_line_left_out, _codes("context_not_found", "removed_line_mismatch")),
    "plus_lost": Kind(plus_lost, _codes("context_not_found", "removed_line_mismatch")),
    "every_plus_lost": Kind(every_plus_lost, _codes("context_not_found", "removed_line_mismatch")),
    "context_swapped": Kind(context_swapped, _codes("context_not_found")),
    "conflicting_hunks": Kind(conflicting_hunks, _codes("conflicting_hunks")),
    "another_files_hunk": Kind(another_files_hunk, _codes("context_not_found", "removed_line_mismatch")),
    "missing_target": Kind(missing_target, _codes("missing_target")),
    "new_file_exists": Kind(new_file_exists, _codes("new_file_exists")),
    "part_of_a_deletion": Kind(part_of_a_deletion, _codes("removed_line_mismatch")),
    "unsafe_path": Kind(unsafe_path, _codes("unsafe_path")),
    "no_anchor": Kind(no_anchor, _codes("no_anchor")),
    "ambiguous": Kind(ambiguous, _codes("ambiguous_match")),
}
