"""More slips in file and hunk headers, as models write them. Each must come back whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from random import Random

from tests.diffs.generator import Edited, Piece, Section
from tests.diffs.slips_form import Slip, all_unique, per_piece, text_of, with_names


def _git_line(edit: Edited, old: str, new: str) -> str:
    lines: list[str] = []
    for section in edit.sections:
        a, b = old + section.path, new + section.path
        lines += [f"diff --git {a} {b}", *section.git()[1:]]
        lines.append("--- " + ("/dev/null" if section.created else a))
        lines.append("+++ " + ("/dev/null" if section.deleted else b))
        lines += [line for piece in section.pieces for line in piece.text()]
    return "\n".join(lines) + "\n"


def git_line_without_prefixes(edit: Edited, dice: Random) -> str:
    return _git_line(edit, "", "")


def same_prefix_twice(edit: Edited, dice: Random) -> str:
    return _git_line(edit, "a/", "a/")


def prefixes_swapped(edit: Edited, dice: Random) -> str:
    return _git_line(edit, "b/", "a/")


def names_swapped(edit: Edited, dice: Random) -> str:
    """``+++`` before ``---``."""
    return re.sub(r"^(--- .*)\n(\+\+\+ .*)\n(?=@@)", r"\2\n\1\n", edit.text(), flags=re.MULTILINE)


def names_without_blank(edit: Edited, dice: Random) -> str:
    return re.sub(r"^--- (.*)\n\+\+\+ (.*)\n(?=@@)", r"---\1\n+++\2\n", edit.text(), flags=re.MULTILINE)


def blank_line_between_names(edit: Edited, dice: Random) -> str:
    text = with_names(edit, "a/{}".format, "b/{}".format, git=dice.random() < 0.5)
    return re.sub(r"^(--- .*\n)(\+\+\+ .*\n)(?=@@)", r"\1\n\2", text, flags=re.MULTILINE)


def blank_line_before_hunks(edit: Edited, dice: Random) -> str:
    text = with_names(edit, "a/{}".format, "b/{}".format, git=dice.random() < 0.5)
    return re.sub(r"^(\+\+\+ .*\n)(?=@@)", r"\1\n", text, flags=re.MULTILINE)


def dev_null_with_prefix(edit: Edited, dice: Random) -> str | None:
    if not any(section.created or section.deleted for section in edit.sections):
        return None
    old, new = dice.choice(
        [("a/dev/null", "b/dev/null"), ("dev/null", "dev/null"), ("/dev/null ", "/dev/null ")]
    )
    return edit.text().replace("--- /dev/null\n", f"--- {old}\n").replace("+++ /dev/null\n", f"+++ {new}\n")


def stamps_after_blanks(edit: Edited, dice: Random) -> str:
    stamp = dice.choice(
        [
            " 2026-01-31 12:00:00.000000000 +0100",
            "  2026-01-31 12:00:00",
            " 2026-01-31T12:00:00Z",
            "\t2026-01-31",
        ]
    )
    return with_names(edit, f"a/{{}}{stamp}".format, f"b/{{}}{stamp}".format, git=False)


def remarks_after_names(edit: Edited, dice: Random) -> str:
    old, new = dice.choice(
        [("original", "modified"), ("old", "new"), ("before", "after"), ("current", "updated")]
    )
    return with_names(edit, f"a/{{}} ({old})".format, f"b/{{}} ({new})".format, git=False)


def new_file_with_its_own_name_twice(edit: Edited, dice: Random) -> str | None:
    """``new file mode`` says it, ``--- /dev/null`` does not; and the same for what goes."""
    if not any(section.created or section.deleted for section in edit.sections):
        return None
    lines: list[str] = []
    for section in edit.sections:
        lines += [*section.git(), f"--- a/{section.path}", f"+++ b/{section.path}"]
        lines += [line for piece in section.pieces for line in piece.text()]
    return "\n".join(lines) + "\n"


def new_file_counted_otherwise(edit: Edited, dice: Random) -> str | None:
    if not any(section.created for section in edit.sections):
        return None
    header = dice.choice(
        ["@@ -1,0 +1,{} @@", "@@ -0,0 +0,{} @@", "@@ -1 +1,{} @@", "@@ -0,0 +1 @@", "@@ +1,{} @@"]
    )
    return re.sub(r"^@@ -0,0 \+1,(\d+) @@$", lambda m: header.format(m[1]), edit.text(), flags=re.MULTILINE)


def new_file_in_parts(edit: Edited, dice: Random) -> str | None:
    """A new file as several hunks, each of which says where it goes on."""
    if not any(section.created and len(section.pieces[0].lines) > 8 for section in edit.sections):
        return None

    def parts(section: Section) -> Section:
        if not section.created:
            return section
        lines = section.pieces[0].lines
        cut = dice.randint(2, max(len(lines) - 3, 2))
        return replace(section, pieces=[Piece(0, 1, lines[:cut]), Piece(0, cut + 1, lines[cut:])])

    return text_of([parts(section) for section in edit.sections])


def placeholder_hashes(edit: Edited, dice: Random) -> str:
    return (
        re.sub(r"^(?=--- )", "index 1234567..abcdefg 100644\n", edit.text(), flags=re.MULTILINE)
        if not any(line.startswith("--- ") for s in edit.sections for p in s.pieces for line in p.lines)
        else edit.text()
    )


def sections_repeated_per_hunk(edit: Edited, dice: Random) -> str:
    """Each hunk under headers of its own."""
    return text_of(
        [
            replace(section, pieces=[piece])
            for section in edit.sections
            for piece in section.pieces or [None]
            if piece
        ]
        + [section for section in edit.sections if not section.pieces]
    )


def at_signs_doubled(edit: Edited, dice: Random) -> str | None:
    form = dice.choice(["@@ {} @@ @@", "@@ @@ {} @@", "@@@ {} @@@", "@@ {} @@ -1,3 +1,3 @@", "@@{}", "@@ {}"])

    def header(piece: Piece) -> list[str]:
        return [form.format(piece.header().removeprefix("@@ ").removesuffix(" @@")), *piece.lines]

    if form.startswith("@@ @@") and not all_unique(edit):
        return None
    return per_piece(header, edit)


def line_numbers_only(edit: Edited, dice: Random) -> str | None:
    """``@@ line 12 @@``, ``@@ 12 @@``, ``@@ -12 @@``: numbers that do not say what they are."""
    if not all_unique(edit):
        return None
    form = dice.choice(["@@ line {} @@", "@@ {} @@", "@@ -{} @@", "@@ {},{} @@", "@@ Lines {}-{} @@"])
    return per_piece(lambda piece: [form.format(piece.old_start, piece.old_start + 3), *piece.lines], edit)


def first_context_on_the_header(edit: Edited, dice: Random) -> str | None:
    """The first context line stands on the hunk's header too, as git's function names do."""
    return per_piece(lambda piece: [f"{piece.header()} {piece.lines[0][1:].strip()}", *piece.lines], edit)


def openai_envelope(edit: Edited, dice: Random) -> str | None:
    """``*** Begin Patch``: hunks without numbers, sections without ``---`` and ``+++``."""
    if any(section.deleted for section in edit.sections) or not all_unique(edit):
        return None
    if any(line[:1] == "\\" for line in edit.lines()):
        return None
    lines = ["*** Begin Patch"]
    for section in edit.sections:
        lines.append(f"*** {'Add' if section.created else 'Update'} File: {section.path}")
        for piece in section.pieces:
            lines += [*([] if section.created else ["@@"]), *piece.lines]
    lines.append("*** End Patch")
    text = "\n".join(lines) + "\n"
    return f"```\n{text}```\n" if dice.random() < 0.5 else text


def envelope_around_a_diff(edit: Edited, dice: Random) -> str:
    return f"*** Begin Patch\n{edit.text()}*** End Patch\n"


HEADERS: Mapping[str, Slip] = {
    slip.__name__: slip
    for slip in (
        git_line_without_prefixes, same_prefix_twice, prefixes_swapped, names_swapped, names_without_blank,
        blank_line_between_names, blank_line_before_hunks, dev_null_with_prefix, stamps_after_blanks,
        remarks_after_names, new_file_with_its_own_name_twice, new_file_counted_otherwise, new_file_in_parts,
        placeholder_hashes, sections_repeated_per_hunk, at_signs_doubled, line_numbers_only,
        first_context_on_the_header, openai_envelope, envelope_around_a_diff,
    )
}  # fmt: skip
