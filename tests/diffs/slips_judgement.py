"""Slips that leave one reading, but need a judgement to find it: each comes back exactly or is refused."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

from tests.diffs.generator import Edited, Piece
from tests.diffs.slips_form import Slip, all_unique, per_piece


def unmarked_context(edit: Edited, dice: Random) -> str | None:
    """The blank before context lines is gone, where what is left cannot be taken for another mark."""
    if not all_unique(edit):
        return None
    context = [line[1:] for line in edit.lines() if line[:1] == " "]
    risky = ("+", "-", "\\", "@@", "diff ", "```", "~~~", "Index", "*** ")
    if not context or any(line.startswith(risky) for line in context):
        return None
    if all(line[:1] in {" ", ""} for line in context):
        return None
    return f"```diff\n{chr(10).join(line[1:] if line[:1] == ' ' else line for line in edit.lines())}\n```\n"


def html_escaped(edit: Edited, dice: Random) -> str | None:
    before = [line for s in edit.sections for p in s.pieces for line in p.lines if line[0] in " -"]
    if not any(set(line) & set("<>&") for line in before) or any("&" in html.unescape(b) for b in before):
        return None
    if re.search(r"&(?:lt|gt|amp|quot|#)", edit.text()):
        return None
    return "".join(
        html.escape(line, quote=False) + "\n" if line[:1] in {" ", "+", "-"} else line + "\n"
        for line in edit.lines()
    )


def tabs_as_blanks(edit: Edited, dice: Random) -> str | None:
    width = dice.choice([2, 4, 8])
    body = [line for s in edit.sections for p in s.pieces for line in p.lines]
    if any(re.match(r"[ +-]\t* +\S", line) for line in body) or not all_unique(edit):
        return None
    known = {len(m[0]) for line in body if line[0] in " -" and (m := re.match(r"\t*(?=\S)", line[1:]))}
    needed = {len(m[0]) for line in body if line[0] == "+" and (m := re.match(r"\t*(?=\S)", line[1:]))}
    if max(known, default=0) == 0 or any(s.created for s in edit.sections) or not needed <= known:
        return None
    return (
        "\n".join(
            line[0] + re.sub(r"^\t+", lambda m: " " * width * len(m[0]), line[1:])
            if line[:1] in {" ", "+", "-"}
            else line
            for line in edit.lines()
        )
        + "\n"
    )


def _body_lines(edit: Edited) -> list[str]:
    return [line for s in edit.sections for p in s.pieces for line in p.lines]


def _each_text(edit: Edited, change: Callable[[str], str]) -> str | None:
    """The text of every body line changed, its mark kept; None where some hunk's old lines do not show it."""
    for piece in (piece for section in edit.sections for piece in section.pieces):
        changed = {
            line[0]
            for line in piece.lines
            if line[0] != "\\" and change(line[1:]).rstrip() != line[1:].rstrip()
        }
        if changed == {"+"}:
            return None
    return per_piece(
        lambda piece: [
            piece.header(),
            *(line if line[0] == "\\" else line[0] + change(line[1:]) for line in piece.lines),
        ],
        edit,
    )


def _no_new_files(edit: Edited) -> bool:
    return not any(section.created for section in edit.sections)


def one_context_line_unmarked(edit: Edited, dice: Random) -> str | None:
    if not all_unique(edit):
        return None

    def first(piece: Piece) -> list[str]:
        at = [
            n
            for n, line in enumerate(piece.lines)
            if line[0] == " " and line[1:2].strip() and line[1] not in "+-\\@`~"
        ]
        if not at:
            return piece.text()
        n = dice.choice(at)
        return [piece.header(), *piece.lines[:n], piece.lines[n][1:], *piece.lines[n + 1 :]]

    return f"```diff\n{per_piece(first, edit)}```\n"


def blanks_as_tabs(edit: Edited, dice: Random) -> str | None:
    body = _body_lines(edit)
    if any(re.match(r"[ +-](?:    )* {1,3}\S|[ +-] *\t", line) for line in body) or not all_unique(edit):
        return None
    if not any(re.match(r"[ -]    ", line) for line in body) or not _no_new_files(edit):
        return None
    return _each_text(edit, lambda text: re.sub(r"^(?:    )+", lambda m: "\t" * (len(m[0]) // 4), text))


def dedented(edit: Edited, dice: Random) -> str | None:
    """Each hunk loses its common indentation."""
    if not all_unique(edit) or not _no_new_files(edit):
        return None
    shifted = False

    def shift(piece: Piece) -> list[str]:
        nonlocal shifted
        texts = [line[1:] for line in piece.lines if line[0] != "\\" and line[1:].strip()]
        least = min((len(t) - len(t.lstrip(" ")) for t in texts), default=0)
        shifted = shifted or least > 0
        return [
            piece.header(),
            *(
                line if line[0] == "\\" or not line[1:].strip() else line[0] + line[1 + least :]
                for line in piece.lines
            ),
        ]

    text = per_piece(shift, edit)
    return text if shifted else None


def indented_more(edit: Edited, dice: Random) -> str | None:
    if not all_unique(edit) or not _no_new_files(edit):
        return None
    more = dice.choice([" ", "  ", "    "])
    return _each_text(edit, lambda text: more + text if text.strip() else text)


def mark_and_a_blank(edit: Edited, dice: Random) -> str | None:
    """``+ x`` for ``+x``, in empty lines too."""
    if not all_unique(edit) or not _no_new_files(edit):
        return None
    return _each_text(edit, lambda text: " " + text)


def indented_twice_as_deep(edit: Edited, dice: Random) -> str | None:
    if not all_unique(edit) or not _no_new_files(edit) or any("\t" in line for line in _body_lines(edit)):
        return None
    if not any(re.match(r"[ -] {2,}\S", line) for line in _body_lines(edit)):
        return None
    return _each_text(edit, lambda text: re.sub(r"^ +", lambda m: m[0] * 2, text))


def html_escaped_quotes(edit: Edited, dice: Random) -> str | None:
    body = [line for line in _body_lines(edit) if line[0] in " -"]
    if not any(set(line) & set("<>&\"'") for line in body) or re.search(
        r"&(?:lt|gt|amp|quot|#)", edit.text()
    ):
        return None
    return _each_text(edit, lambda text: html.escape(text, quote=True))


_DOTS = (
    "...", " ...", "# ...", "// ...", "# ... existing code ...", "// ... rest of the code ...", "/* ... */",
    "<!-- ... -->", "…", "# …", "[...]", "(...)", "// ...existing code...", "# (unchanged)", "... (unchanged) ...",
    "# ... rest of function unchanged ...", "# [... unchanged ...]", "-- ...", "    # ... other methods ...", "⋮",
    "// … existing code …", "# existing code", "// unchanged", "... lines omitted ...", "{/* ... */}",
)  # fmt: skip


def elided(edit: Edited, dice: Random) -> str | None:
    """Context between two changes, left out in favour of dots."""
    if not all_unique(edit):
        return None
    for s, section in enumerate(edit.sections):
        if section.created or section.deleted or len(section.pieces) < 2:
            continue
        lines = list(section.pieces[0].lines)
        if any(line[0] == "\\" for piece in section.pieces for line in piece.lines):
            continue
        for piece in section.pieces[1:]:
            lines += [dice.choice(["", " "]) + dice.choice(_DOTS), *piece.lines]
        sections = list(edit.sections)
        sections[s] = replace(section, pieces=[replace(section.pieces[0], lines=lines)])
        return replace(edit, sections=sections).text()
    return None


def elided_at_the_edges(edit: Edited, dice: Random) -> str | None:
    if not all_unique(edit) or any(line[0] == "\\" for line in _body_lines(edit)) or not _no_new_files(edit):
        return None
    if any(section.deleted for section in edit.sections):
        return None
    dots = dice.choice(_DOTS)
    where = dice.choice(["above", "below", "both"])

    def edged(piece: Piece) -> list[str]:
        above = [" " + dots] if where != "below" else []
        return [piece.header(), *above, *piece.lines, *([" " + dots] if where != "above" else [])]

    return per_piece(edged, edit)


def _misspelt(line: str, dice: Random) -> str | None:
    spots = [m.start() for m in re.finditer(r"[a-z]", line)]
    if len(spots) < 8:
        return None
    at = dice.choice(spots[1:])
    return dice.choice(
        [
            line[:at] + line[at + 1 :],
            line[:at] + line[at] + line[at:],
            line[:at] + line[at].upper() + line[at + 1 :],
        ]
    )


def _punctuation(line: str, dice: Random) -> str | None:
    spots = [m.start() for m in re.finditer(r"[,;:.()]", line)]
    if len(line.strip()) < 8 or not spots:
        return None
    at = dice.choice(spots)
    return line[:at] + line[at + 1 :]


def _off(edit: Edited, dice: Random, change: Callable[[str, Random], str | None]) -> str | None:
    """One context line of one hunk changed; the hunk is unique without it."""
    for s, section in enumerate(edit.sections):
        if section.created or section.deleted:
            continue
        for p, piece in enumerate(section.pieces):
            spots = [n for n, line in enumerate(piece.lines) if line[0] == " " and len(line.strip()) > 8]
            dice.shuffle(spots)
            for n in spots:
                wrote = change(piece.lines[n], dice)
                old = [line for m, line in enumerate(piece.lines) if line[0] in " -" and m != n]
                if wrote is None or len(old) < 3 or not any(len(line.strip()) > 8 for line in old):
                    continue
                pieces = list(section.pieces)
                pieces[p] = replace(piece, lines=[*piece.lines[:n], wrote, *piece.lines[n + 1 :]])
                sections = list(edit.sections)
                sections[s] = replace(section, pieces=pieces)
                return replace(edit, sections=sections).text()
    return None


def context_misspelt(edit: Edited, dice: Random) -> str | None:
    return _off(edit, dice, _misspelt)


def context_punctuation(edit: Edited, dice: Random) -> str | None:
    return _off(edit, dice, _punctuation)


JUDGED: Mapping[str, Slip] = {
    slip.__name__: slip
    for slip in (
        unmarked_context, html_escaped, tabs_as_blanks, one_context_line_unmarked, blanks_as_tabs, dedented, indented_more, mark_and_a_blank,
        indented_twice_as_deep, html_escaped_quotes, elided, elided_at_the_edges, context_misspelt,
        context_punctuation,
    )
}  # fmt: skip
