"""Slips of form: what was meant is still there, exactly and in one way. Each must come back whole.

A slip takes an edit and dice and gives the answer as a model would have written it, or None where the
edit gives no occasion for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

from tests.diffs.generator import Edited, Piece, Section, edited, lines_of

Slip = Callable[[Edited, Random], str | None]


def text_of(sections: list[Section]) -> str:
    return "\n".join(line for section in sections for line in section.text()) + "\n"


def per_piece(change: Callable[[Piece], list[str]], edit: Edited) -> str:
    """The diff with each hunk written by ``change``."""
    lines: list[str] = []
    for section in edit.sections:
        lines += section.git() + section.names()
        for piece in section.pieces:
            lines += change(piece)
    return "\n".join(lines) + "\n"


def none(edit: Edited, dice: Random) -> str:
    return edit.text()


# -- around the diff


def fenced(edit: Edited, dice: Random) -> str:
    ticks = dice.choice(["```", "````", "~~~"])
    info = dice.choice(["diff", "patch", "", "udiff", "diff title=change"])
    opening, closing = dice.choice(_PROSE), dice.choice(_PROSE)
    return f"{opening}\n\n{ticks}{info}\n{edit.text()}{ticks}\n\n{closing}\n"


_PROSE = [
    "Here is the patch:",
    "## Summary\n\n- updated the behaviour\n- kept the interface\n+ no new dependencies",
    "I changed `total` - and nothing else.\n\n```sh\nmake test\n```",
    "Note: 1 < 2 && 3 > 2; the rest --- as far as I can see --- stays.",
    "@someone asked for this.",
]


def prose_without_fence(edit: Edited, dice: Random) -> str:
    return f"{dice.choice(_PROSE)}\n\n{edit.text()}\n{dice.choice(_PROSE)}\n"


def prose_between_files(edit: Edited, dice: Random) -> str:
    parts = [f"Now `{section.path}`:\n\n{text_of([section])}" for section in edit.sections]
    return "\n".join(parts)


def fence_per_file(edit: Edited, dice: Random) -> str:
    parts = [f"Now `{section.path}`:\n\n```diff\n{text_of([section])}```\n" for section in edit.sections]
    return "\n".join(parts)


def fence_per_hunk(edit: Edited, dice: Random) -> str:
    parts: list[str] = []
    for section in edit.sections:
        pieces = [replace(section, pieces=[piece]) for piece in section.pieces] or [section]
        if section.created or section.deleted:
            pieces = [section]
        parts += [f"```diff\n{text_of([piece])}```\n" for piece in pieces]
    return "\n".join(parts)


def fence_never_closed(edit: Edited, dice: Random) -> str:
    return f"Here you are:\n\n```diff\n{edit.text()}"


def no_final_newline(edit: Edited, dice: Random) -> str:
    return edit.text().rstrip("\n")


def closing_fence_only(edit: Edited, dice: Random) -> str:
    return f"{edit.text()}```\n"


def thinking_first(edit: Edited, dice: Random) -> str:
    draft = edit.text().replace("+", "+draft ", 3)
    return f"<think>\nFirst try:\n```diff\n{draft}```\nNo.\n</think>\n\n{edit.text()}"


def tags_around(edit: Edited, dice: Random) -> str:
    tag = dice.choice(["diff", "patch", "answer"])
    return f"<{tag}>\n{edit.text()}</{tag}>\n"


def mail(edit: Edited, dice: Random) -> str:
    """As ``git format-patch`` writes it."""
    return (
        "From 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001\n"
        "From: A <a@example.org>\nSubject: [PATCH] change\n\n---\n README.md | 4 ++--\n"
        f" 1 file changed, 2 insertions(+), 2 deletions(-)\n\n{edit.text()}-- \n2.39.5\n\n"
    )


def crlf_everywhere(edit: Edited, dice: Random) -> str | None:
    return None if "\r" in edit.text() else edit.text().replace("\n", "\r\n")


def byte_order_mark(edit: Edited, dice: Random) -> str:
    return "\ufeff" + edit.text()


def indented_in_a_list(edit: Edited, dice: Random) -> str:
    width = dice.choice([2, 3, 4])
    inside = "".join(" " * width + line + "\n" for line in ["```diff", *edit.lines(), "```"])
    return f"1. Apply this:\n\n{inside}\n2. Done.\n"


def quoted(edit: Edited, dice: Random) -> str:
    return "As you asked:\n\n" + "".join(f"> {line}\n" for line in edit.lines())


def in_json(edit: Edited, dice: Random) -> str:
    import json

    return json.dumps({"explanation": "see the diff", "diff": edit.text()})


# -- file headers


def with_names(edit: Edited, old: Callable[[str], str], new: Callable[[str], str], *, git: bool) -> str:
    lines: list[str] = []
    for section in edit.sections:
        lines += section.git() if git or not section.pieces else []
        if section.pieces:
            lines.append("--- " + ("/dev/null" if section.created else old(section.path)))
            lines.append("+++ " + ("/dev/null" if section.deleted else new(section.path)))
        lines += [line for piece in section.pieces for line in piece.text()]
    return "\n".join(lines) + "\n"


def no_git_line(edit: Edited, dice: Random) -> str:
    return with_names(edit, "a/{}".format, "b/{}".format, git=False)


def no_prefix(edit: Edited, dice: Random) -> str:
    return with_names(edit, str, str, git=False)


def prefix_on_one_side(edit: Edited, dice: Random) -> str:
    return with_names(edit, str, "b/{}".format, git=False)


def other_prefix(edit: Edited, dice: Random) -> str:
    old, new = dice.choice([("i/", "w/"), ("c/", "i/"), ("./", "./"), ("a/./", "b/./"), ("o/", "w/")])
    return with_names(edit, (old + "{}").format, (new + "{}").format, git=False)


def timestamps(edit: Edited, dice: Random) -> str:
    stamp = "\t2026-01-31 12:00:00.000000000 +0100"
    return with_names(edit, f"a/{{}}{stamp}".format, f"b/{{}}{stamp}".format, git=False)


def decorated_names(edit: Edited, dice: Random) -> str:
    mark = dice.choice(["`", '"', "**", " "])
    return with_names(edit, f"{mark}a/{{}}{mark}".format, f"{mark}b/{{}}{mark}".format, git=False)


def names_missing(edit: Edited, dice: Random) -> str:
    """Only the ``diff --git`` line."""
    return (
        "\n".join(
            line
            for section in edit.sections
            for line in [*section.git(), *(text for piece in section.pieces for text in piece.text())]
        )
        + "\n"
    )


def one_name_missing(edit: Edited, dice: Random) -> str | None:
    if any(section.created or section.deleted for section in edit.sections):
        return None
    return re.sub(r"^--- a/.*\n(?=\+\+\+ )", "", no_git_line(edit, dice), flags=re.MULTILINE)


def new_file_unsaid(edit: Edited, dice: Random) -> str | None:
    if not any(section.created for section in edit.sections):
        return None
    return (
        no_git_line(edit, dice)
        .replace("--- /dev/null\n+++ b/new/", "--- a/new/x\n+++ b/new/")
        .replace("--- a/new/x", "--- a/" + next(s.path for s in edit.sections if s.created))
    )


def new_file_without_hunk_header(edit: Edited, dice: Random) -> str | None:
    if not any(section.created for section in edit.sections):
        return None
    return re.sub(r"^@@ -0,0 .*\n", "", edit.text(), flags=re.MULTILINE)


def svn(edit: Edited, dice: Random) -> str:
    lines: list[str] = []
    for section in edit.sections:
        lines += [f"Index: {section.path}", "=" * 67, *section.names()]
        lines += [line for piece in section.pieces for line in piece.text()]
    return "\n".join(lines) + "\n"


def files_in_other_order(edit: Edited, dice: Random) -> str:
    return text_of(list(reversed(edit.sections)))


# -- hunk headers


def wrong_counts(edit: Edited, dice: Random) -> str:
    """Never so that one more change could follow, or just to the file's end: it looks as if it was cut."""
    totals = {id(p): len(lines_of(edit.before.get(s.path))) for s in edit.sections for p in s.pieces}

    def header(piece: Piece) -> list[str]:
        most = min(5, max(len(piece.lines) // 3, 1))
        more = sorted((dice.randint(-3, min(most, 2)), dice.randint(-3, most)), key=lambda _: dice.random())
        old, new = (max(count + n, 0) for count, n in zip(piece.counts(), more, strict=True))
        old += piece.old_start - 1 + old == totals.get(id(piece))
        return [f"@@ -{piece.old_start},{old} +{piece.new_start},{new} @@", *piece.lines]

    return per_piece(header, edit)


def wrong_counts_fenced(edit: Edited, dice: Random) -> str:
    return f"So:\n\n```diff\n{wrong_counts(edit, dice)}```\n\nThat is all.\n"


def wrong_offsets(edit: Edited, dice: Random) -> str | None:
    if not all_unique(edit):
        return None
    shift = dice.choice([-40, -3, 2, 17, 400])

    def header(piece: Piece) -> list[str]:
        old, new = piece.counts()
        if not piece.old_start:
            return piece.text()
        return [f"@@ -{max(piece.old_start + shift, 1)},{old} +{piece.new_start},{new} @@", *piece.lines]

    return per_piece(header, edit)


def no_line_numbers(edit: Edited, dice: Random) -> str | None:
    if not all_unique(edit):
        return None
    header = dice.choice(
        ["@@", "@@ @@", "@@ ... @@", "@@ -,+ @@", "@@ -X,X +X,X @@", "@@ def total():", "@@ -??? +??? @@"]
    )
    return per_piece(lambda piece: [header, *piece.lines], edit)


def counts_left_out(edit: Edited, dice: Random) -> str:
    return per_piece(lambda piece: [f"@@ -{piece.old_start} +{piece.new_start} @@", *piece.lines], edit)


def header_untidy(edit: Edited, dice: Random) -> str:
    def header(piece: Piece) -> list[str]:
        old, new = piece.counts()
        form = dice.choice(
            [
                "@@ -{},{} +{},{}",
                "@@-{},{} +{},{}@@",
                "@@ -{}, {} +{}, {} @@ def f():",
                "@@  -{},{}  +{},{}  @@",
            ]
        )
        return [form.format(piece.old_start, old, piece.new_start, new), *piece.lines]

    return per_piece(header, edit)


def section_headings(edit: Edited, dice: Random) -> str:
    return per_piece(lambda piece: [piece.header() + " class Total(Count):", *piece.lines], edit)


def all_unique(edit: Edited) -> bool:
    """Each hunk's old side stands in one place only, so that no number is needed."""
    for section in edit.sections:
        if section.created or section.deleted:
            continue
        if any(len(stands_at(edit, section.path, piece)) != 1 for piece in section.pieces):
            return False
    return True


def stands_at(edit: Edited, path: str, piece: Piece, *, exact: bool = False) -> list[int]:
    """Every line, from 0, at which the hunk's old side stands; unless exact, trailing blanks aside."""
    lines = edit.before.get(path, "").removesuffix("\n").split("\n")
    old = [line[1:] for line in piece.lines if line[0] in " -"]
    if not exact:
        lines, old = [line.rstrip() for line in lines], [line.rstrip() for line in old]
    return [at for at in range(len(lines)) if old and lines[at : at + len(old)] == old]


# -- hunk bodies


def blank_context_stripped(edit: Edited, dice: Random) -> str:
    return "\n".join("" if line == " " else line for line in edit.lines()) + "\n"


def blank_context_stripped_fenced(edit: Edited, dice: Random) -> str:
    return f"```diff\n{blank_context_stripped(edit, dice)}```\n"


def blank_lines_between_hunks(edit: Edited, dice: Random) -> str:
    return per_piece(lambda piece: [*piece.text(), ""], edit)


def trailing_blanks_differ(edit: Edited, dice: Random) -> str:
    lines = (line + dice.choice(["", " ", "  ", "\t"]) if line[:1] == " " else line for line in edit.lines())
    return "\n".join(lines) + "\n"


def trailing_blanks_gone(edit: Edited, dice: Random) -> str:
    return "\n".join(line.rstrip() or "" if line[:1] == " " else line for line in edit.lines()) + "\n"


def hunks_in_other_order(edit: Edited, dice: Random) -> str:
    return text_of([replace(section, pieces=section.pieces[::-1]) for section in edit.sections])


def hunk_twice(edit: Edited, dice: Random) -> str:
    return text_of(
        [
            replace(section, pieces=[*section.pieces, dice.choice(section.pieces)])
            if section.pieces and not section.deleted
            else section
            for section in edit.sections
        ]
    )


def whole_diff_twice(edit: Edited, dice: Random) -> str | None:
    if any(section.deleted for section in edit.sections):
        return None
    return f"First:\n```diff\n{edit.text()}```\nIn full:\n```diff\n{edit.text()}```\n"


def more_context(edit: Edited, dice: Random) -> str:
    return edited(edit.before, edit.after, dice.choice([4, 6, 10])).text()


def less_context(edit: Edited, dice: Random) -> str | None:
    less = edited(edit.before, edit.after, dice.choice([1, 2]))
    if any(
        not any(line[0] in " -" for line in p.lines) for s in less.sections for p in s.pieces if not s.created
    ):
        return None
    return less.text()


def end_of_file_marker_missing(edit: Edited, dice: Random) -> str | None:
    if not _keeps_line_end(edit):
        return None
    return "\n".join(line for line in edit.lines() if not line.startswith("\\")) + "\n"


def _keeps_line_end(edit: Edited) -> bool:
    return all(
        before is None or after is None or before.endswith("\n") == after.endswith("\n")
        for path in edit.before.keys() | edit.after.keys()
        if (before := edit.before.get(path)) != (after := edit.after.get(path))
    ) and all(edit.after.get(s.path, "\n").endswith("\n") for s in edit.sections if s.created)


def end_of_file_marker_everywhere(edit: Edited, dice: Random) -> str | None:
    """After each hunk that ends before the file does."""
    if "\\ No newline" in edit.text():
        return None

    def marked(section: Section) -> Section:
        total = len(edit.before.get(section.path, "").split("\n")) - 1
        pieces = [
            replace(piece, lines=[*piece.lines, "\\ No newline at end of file"])
            if piece.old_start - 1 + piece.counts()[0] < total and not section.created
            else piece
            for piece in section.pieces
        ]
        return replace(section, pieces=pieces)

    return text_of([marked(section) for section in edit.sections])


FRAME: Mapping[str, Slip] = {
    slip.__name__: slip
    for slip in (
        none, fenced, prose_without_fence, prose_between_files, fence_per_file, fence_per_hunk,
        fence_never_closed, no_final_newline, closing_fence_only, thinking_first, tags_around, mail,
        crlf_everywhere, byte_order_mark, indented_in_a_list, quoted, in_json, no_git_line, no_prefix,
        prefix_on_one_side, other_prefix, timestamps, decorated_names, names_missing, one_name_missing,
        new_file_unsaid, new_file_without_hunk_header, svn, files_in_other_order, wrong_counts,
        wrong_counts_fenced, wrong_offsets, no_line_numbers, counts_left_out, header_untidy,
        section_headings, blank_context_stripped, blank_context_stripped_fenced, blank_lines_between_hunks,
        trailing_blanks_differ, trailing_blanks_gone, hunks_in_other_order, hunk_twice, whole_diff_twice,
        more_context, less_context, end_of_file_marker_missing, end_of_file_marker_everywhere,
    )
}  # fmt: skip
