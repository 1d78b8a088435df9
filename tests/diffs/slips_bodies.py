"""More slips around the diff and in hunk bodies. Each must come back whole."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from random import Random

from tests.diffs.generator import Edited, Piece, Section
from tests.diffs.slips_form import Slip, per_piece, text_of


def fence_in_a_fence(edit: Edited, dice: Random) -> str:
    return f"````markdown\nThe change:\n\n```diff\n{edit.text()}```\n\nDone.\n````\n"


def fence_with_a_path(edit: Edited, dice: Random) -> str:
    info = dice.choice(["diff:{}", "diff {}", "diff filename={}", "{}"])
    return "\n".join(
        f"```{info.format(section.path)}\n{text_of([section])}```\n" for section in edit.sections
    )


def rules_between(edit: Edited, dice: Random) -> str | None:
    """A Markdown rule after each file's hunks, which looks like a removed line."""
    sections = [section for section in edit.sections if section.pieces]
    if any(line[0] == "\\" for section in sections for piece in section.pieces for line in piece.lines):
        return None
    return "\n---\n\n".join(text_of([section]) for section in edit.sections) + "\n---\n\nThat is all.\n"


def returns_here_and_there(edit: Edited, dice: Random) -> str | None:
    """In some lines, and in headers too."""
    if "\r" in edit.text():
        return None
    return "".join(
        line + dice.choice(["\n", "\r\n"] if line[:2] != "@@" else ["\r\n"]) for line in edit.lines()
    )


def fence_of_another_language(edit: Edited, dice: Random) -> str:
    return (
        f"Here:\n\n```{dice.choice(['python', 'text', 'bash', 'console'])}\n{edit.text()}```\nThat is it.\n"
    )


def cdata(edit: Edited, dice: Random) -> str | None:
    if "]]>" in edit.text():
        return None
    return f"<patch><![CDATA[\n{edit.text()}]]></patch>\n"


def json_per_file(edit: Edited, dice: Random) -> str:
    return json.dumps([{"path": section.path, "diff": text_of([section])} for section in edit.sections])


def json_in_a_fence(edit: Edited, dice: Random) -> str:
    body = json.dumps({"summary": "done", "patch": edit.text()}, indent=2)
    return f"Result:\n\n```json\n{body}\n```\n"


def end_token(edit: Edited, dice: Random) -> str:
    return edit.text() + dice.choice(
        ["<|im_end|>", "<|endoftext|>", "</s>", "<｜end▁of▁sentence｜>", "<|eot_id|>"]
    )


def crlf_in_the_fence_only(edit: Edited, dice: Random) -> str | None:
    if "\r" in edit.text():
        return None
    return "Here:\n\n```diff\r\n" + edit.text().replace("\n", "\r\n") + "```\r\nDone.\n"


def carriage_returns_only(edit: Edited, dice: Random) -> str | None:
    return None if "\r" in edit.text() else edit.text().replace("\n", "\r")


def fence_and_file_name_as_heading(edit: Edited, dice: Random) -> str:
    return "\n".join(
        f"### {n}. `{section.path}`\n\n- **What**: change\n- why not\n\n```diff\n{text_of([section])}```\n\n---\n"
        for n, section in enumerate(edit.sections, 1)
    )


def blanks_at_the_end_stripped(edit: Edited, dice: Random) -> str | None:
    """As ``strip()`` leaves it: blank context at the end of the answer is gone."""
    stripped = edit.text().strip()
    lost = edit.text().strip("\n").removeprefix(stripped).split("\n", 1)[0]
    if lost and stripped.rpartition("\n")[2].startswith("+"):
        return None  # nobody knows of blanks at the end of a line that comes
    return stripped if stripped != edit.text().strip("\n") else None


def margin_of_blanks(edit: Edited, dice: Random) -> str:
    width = dice.choice([2, 4])
    return "The patch:\n\n" + "".join(" " * width + line + "\n" for line in edit.lines())


def margin_of_blanks_stripped(edit: Edited, dice: Random) -> str:
    """In front of empty lines it is gone."""
    return "Apply:\n\n" + "".join(
        (line if not line.strip() else "    " + line).rstrip() + "\n"
        if line.strip() == ""
        else "    " + line + "\n"
        for line in edit.lines()
    )


def quoted_without_blank(edit: Edited, dice: Random) -> str:
    return "".join(f">{line}\n" for line in edit.lines())


def overlapping_context(edit: Edited, dice: Random) -> str | None:
    """Hunks cut in two at lines between their changes, which both of them show."""
    found = False

    def cut(section: Section) -> Section:
        nonlocal found
        pieces: list[Piece] = []
        for piece in section.pieces:
            parts = _cut(piece) if not section.created and not section.deleted else [piece]
            found = found or len(parts) > 1
            pieces += parts
        return replace(section, pieces=pieces)

    sections = [cut(section) for section in edit.sections]
    return text_of(sections) if found else None


def _cut(piece: Piece) -> list[Piece]:
    changed = [at for at, line in enumerate(piece.lines) if line[0] in "+-"]
    for left, right in itertools.pairwise(changed):
        between = piece.lines[left + 1 : right]
        if len(between) > 1 and all(line[0] == " " and line.strip() for line in between):
            first = replace(piece, lines=piece.lines[:right])
            kept = piece.lines[left + 1 :]
            before = piece.lines[: left + 1]
            old = sum(line[0] in " -" for line in before)
            new = sum(line[0] in " +" for line in before)
            return [first, Piece(piece.old_start + old, piece.new_start + new, kept)]
    return [piece]


def blank_line_after_the_header(edit: Edited, dice: Random) -> str:
    return per_piece(lambda piece: [piece.header(), "", *piece.lines], edit)


def added_before_removed(edit: Edited, dice: Random) -> str:
    """The ``+`` lines of each run above its ``-`` lines."""

    def turned(piece: Piece) -> list[str]:
        out: list[str] = []
        run: list[str] = []
        for line in [*piece.lines, " "]:
            if line[0] in "+-":
                run.append(line)
                continue
            out += [x for x in run if x[0] == "+"] + [x for x in run if x[0] == "-"]
            run = []
            out.append(line)
        return [piece.header(), *out[:-1]]

    if "\\ No newline" in edit.text():
        return edit.text()
    return per_piece(turned, edit)


def hunk_of_context_only(edit: Edited, dice: Random) -> str | None:
    """One more hunk that shows lines and changes nothing."""
    for s, section in enumerate(edit.sections):
        lines = edit.before.get(section.path, "").split("\n")
        if section.created or section.deleted or len(lines) < 12:
            continue
        start = section.pieces[-1].old_start + section.pieces[-1].counts()[0] + 1
        if start + 3 > len(lines) - 1:
            continue
        shown = Piece(start, start, [" " + line for line in lines[start - 1 : start + 2]])
        sections = list(edit.sections)
        sections[s] = replace(section, pieces=[*section.pieces, shown])
        return text_of(sections)
    return None


def unchanged_lines_removed_and_added(edit: Edited, dice: Random) -> str:
    """A context line as ``-`` and ``+`` of the same text."""

    def doubled(piece: Piece) -> list[str]:
        at = [n for n, line in enumerate(piece.lines) if line[0] == " "]
        if not at or any(line[0] == "\\" for line in piece.lines):
            return piece.text()
        n = dice.choice(at)
        lines = [*piece.lines[:n], "-" + piece.lines[n][1:], "+" + piece.lines[n][1:], *piece.lines[n + 1 :]]
        return replace(piece, lines=lines).text()

    return per_piece(doubled, edit)


def whole_file_as_one_hunk(edit: Edited, dice: Random) -> str:
    """Every line of the file as context."""
    from tests.diffs.generator import edited

    return edited(edit.before, edit.after, 100_000).text()


def counts_of_the_file(edit: Edited, dice: Random) -> str:
    """Counts far too great, in a closed fence."""
    return (
        "```diff\n"
        + re.sub(r"^@@ -(\d+),\d+ \+(\d+),\d+ @@$", r"@@ -\1,400 +\2,400 @@", edit.text(), flags=re.MULTILINE)
        + "```\n"
    )


def counts_all_one(edit: Edited, dice: Random) -> str:
    return re.sub(r"^@@ -(\d+),\d+ \+(\d+),\d+ @@$", r"@@ -\1,1 +\2,1 @@", edit.text(), flags=re.MULTILINE)


BODIES: Mapping[str, Slip] = {
    slip.__name__: slip
    for slip in (
        rules_between, returns_here_and_there, fence_in_a_fence, fence_with_a_path, fence_of_another_language, cdata, json_per_file, json_in_a_fence,
        end_token, crlf_in_the_fence_only, carriage_returns_only, fence_and_file_name_as_heading,
        blanks_at_the_end_stripped, margin_of_blanks, margin_of_blanks_stripped, quoted_without_blank,
        overlapping_context, blank_line_after_the_header, added_before_removed, hunk_of_context_only,
        unchanged_lines_removed_and_added, whole_file_as_one_hunk, counts_of_the_file, counts_all_one,
    )
}  # fmt: skip
