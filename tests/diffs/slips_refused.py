"""More slips that leave no sure reading: each must be refused, whatever is laid on top."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

from tests.diffs.generator import Edited, Piece, Section
from tests.diffs.slips_form import per_piece, stands_at, text_of

Refused = Callable[[Edited, Random], str | None]


def _changed(edit: Edited) -> list[int]:
    return [s for s, section in enumerate(edit.sections) if not section.created and not section.deleted]


def _swapped_marks(piece: Piece) -> Piece:
    swapped = {"+": "-", "-": "+"}
    return replace(
        piece,
        old_start=piece.new_start,
        new_start=piece.old_start,
        lines=[swapped.get(line[0], line[0]) + line[1:] for line in piece.lines],
    )


def reversed_diff(edit: Edited, dice: Random) -> str | None:
    """From the files after to the files before: what it would make is there already."""
    if len(_changed(edit)) != len(edit.sections) or any(line[0] == "\\" for line in edit.lines()):
        return None
    if not all(any(line[0] == "-" for line in p.lines) for s in edit.sections for p in s.pieces):
        return None
    return text_of([replace(s, pieces=[_swapped_marks(p) for p in s.pieces]) for s in edit.sections])


def two_files_changed_names(edit: Edited, dice: Random) -> str | None:
    changed = _changed(edit)
    if len(changed) < 2:
        return None
    one, other = edit.sections[changed[0]], edit.sections[changed[1]]
    if not all(
        any(line[0] in " -" and line.strip(" -") for line in p.lines) for p in (*one.pieces, *other.pieces)
    ):
        return None
    if any(stands_at(edit, other.path, p) for p in one.pieces) or any(
        stands_at(edit, one.path, p) for p in other.pieces
    ):
        return None
    return text_of([replace(one, path=other.path), replace(other, path=one.path)])


def two_headers_disagree(edit: Edited, dice: Random) -> str | None:
    changed = _changed(edit)
    paths = [path for path in edit.before if path != edit.sections[changed[0]].path] if changed else []
    if not paths:
        return None
    section = edit.sections[changed[0]]
    other = dice.choice(paths)
    lines = [f"--- a/{section.path}", f"+++ b/{other}", *(line for p in section.pieces for line in p.text())]
    return "\n".join(lines) + "\n"


def hunks_overlap(edit: Edited, dice: Random) -> str | None:
    """Two hunks take away lines of which some are the same, but not all."""
    for s in _changed(edit):
        path = edit.sections[s].path
        lines = edit.before[path].split("\n")[:-1]
        spots = [
            n
            for n in range(len(lines) - 3)
            if lines[n].strip() and lines[n + 1].strip() and lines[n + 2].strip()
        ]
        if not spots:
            continue
        n = dice.choice(spots)
        one = Piece(n + 1, n + 1, [f"-{lines[n]}", f"-{lines[n + 1]}", "+one"])
        other = Piece(n + 2, n + 2, [f"-{lines[n + 1]}", f"-{lines[n + 2]}", "+other"])
        return text_of([Section(path, False, False, [one, other])])
    return None


def changes_nothing(edit: Edited, dice: Random) -> str | None:
    def still(piece: Piece) -> Piece:
        lines: list[str] = []
        for line in piece.lines:
            if line[0] != "+":
                lines += [line] if line[0] != "-" else [line, "+" + line[1:]]
        return replace(piece, lines=lines)

    if len(_changed(edit)) != len(edit.sections) or any(line[0] == "\\" for line in edit.lines()):
        return None
    if not all(any(line[0] in " -" for line in p.lines) for s in edit.sections for p in s.pieces):
        return None
    return text_of([replace(s, pieces=[still(p) for p in s.pieces]) for s in edit.sections])


def combined_diff(edit: Edited, dice: Random) -> str | None:
    """Of a merge: two columns of marks."""
    changed = _changed(edit)
    if not changed:
        return None
    section = edit.sections[changed[0]]
    lines = [f"diff --cc {section.path}", f"--- a/{section.path}", f"+++ b/{section.path}"]
    for piece in section.pieces:
        old, new = piece.counts()
        lines.append(f"@@@ -{piece.old_start},{old} -{piece.old_start},{old} +{piece.new_start},{new} @@@")
        lines += [
            line[0] * 2 + line[1:] if line[0] == "+" else line[0] + " " + line[1:]
            for line in piece.lines
            if line[0] != "\\"
        ]
    return "\n".join(lines) + "\n"


def search_and_replace(edit: Edited, dice: Random) -> str | None:
    changed = _changed(edit)
    if not changed:
        return None
    section = edit.sections[changed[0]]
    piece = section.pieces[0]
    old = [line[1:] for line in piece.lines if line[0] in " -"]
    new = [line[1:] for line in piece.lines if line[0] in " +"]
    if any(line.startswith(("@@", "diff --git", "--- ", "+++ ")) for line in old + new):
        return None
    return "\n".join(
        [section.path, "```", "<<<<<<< SEARCH", *old, "=======", *new, ">>>>>>> REPLACE", "```", ""]
    )


def whole_file(edit: Edited, dice: Random) -> str | None:
    changed = _changed(edit)
    if not changed:
        return None
    path = edit.sections[changed[0]].path
    text = edit.after[path]
    if re.search(r"^(@@|diff --git|--- |\+\+\+ |```|~~~)", text, re.MULTILINE):
        return None
    return f"Here is the new `{path}`:\n\n```\n{text}\n```\n"


def context_diff(edit: Edited, dice: Random) -> str | None:
    """The format before the unified one."""
    changed = _changed(edit)
    if not changed:
        return None
    section = edit.sections[changed[0]]
    if any(line[1:].startswith(("@@", "diff --git")) for p in section.pieces for line in p.lines):
        return None
    lines = [f"*** a/{section.path}", f"--- b/{section.path}"]
    for piece in section.pieces:
        old, new = piece.counts()
        lines += ["***************", f"*** {piece.old_start},{piece.old_start + old} ****"]
        lines += [line[0] + " " + line[1:] for line in piece.lines if line[0] in " -"]
        lines += [f"--- {piece.new_start},{piece.new_start + new} ----"]
        lines += [line[0] + " " + line[1:] for line in piece.lines if line[0] in " +"]
    return "\n".join(lines) + "\n"


def lines_numbered(edit: Edited, dice: Random) -> str | None:
    """Each line of the file with its number in front, as tools show them to models."""
    if len(_changed(edit)) != len(edit.sections):
        return None
    form = dice.choice(["{:>4}| ", "{}: ", "{:>6}\t", "L{} "])

    def numbered(piece: Piece) -> list[str]:
        number = piece.old_start
        lines = [piece.header()]
        for line in piece.lines:
            if line[0] == "\\":
                continue
            lines.append(line[0] + form.format(number) + line[1:])
            number += line[0] in " -"
        return lines

    if not all(any(line[0] in " -" for line in p.lines) for s in edit.sections for p in s.pieces):
        return None
    return per_piece(numbered, edit)


def smart_quotes(edit: Edited, dice: Random) -> str | None:
    """In more than one old line, so that no typo explains it."""
    changed = _changed(edit)
    hits = [
        line
        for s in changed
        for p in edit.sections[s].pieces
        for line in p.lines
        if line[0] in " -" and set(line) & {"'", '"'}
    ]
    if (
        not any(
            sum(line[0] in " -" and bool(set(line) & {"'", '"'}) for line in p.lines) > 1
            for s in changed
            for p in edit.sections[s].pieces
        )
        or not hits
    ):
        return None
    table = str.maketrans({"'": "\u2019", '"': "\u201d"})
    return per_piece(lambda piece: [piece.header(), *(line.translate(table) for line in piece.lines)], edit)


def no_break_blanks(edit: Edited, dice: Random) -> str | None:
    if not any(
        sum(line[0] in " -" and " " in line[1:].strip() for line in p.lines) > 1
        for s in _changed(edit)
        for p in edit.sections[s].pieces
    ):
        return None
    return per_piece(
        lambda piece: [piece.header(), *(line[0] + line[1:].replace(" ", "\u00a0") for line in piece.lines)],
        edit,
    )


def new_file_without_plus(edit: Edited, dice: Random) -> str | None:
    created = [section for section in edit.sections if section.created and section.pieces]
    if not created or any(line[1:2] in {"+", "-"} for p in created[0].pieces for line in p.lines):
        return None
    mark = dice.choice(["", " "])
    section = created[0]
    body = [mark + line[1:] for piece in section.pieces for line in piece.lines if line[0] == "+"]
    return "\n".join([*section.names(), section.pieces[0].header(), *body]) + "\n"


def deleted_otherwise(edit: Edited, dice: Random) -> str | None:
    """A deletion that names one line in another form."""
    gone = [section for section in edit.sections if section.deleted and section.pieces]
    if not gone:
        return None
    piece = gone[0].pieces[0]
    spots = [n for n, line in enumerate(piece.lines) if line[0] == "-" and len(line.strip()) > 4]
    if not spots:
        return None
    n = dice.choice(spots)
    lines = [*piece.lines[:n], piece.lines[n] + "x", *piece.lines[n + 1 :]]
    return text_of([replace(gone[0], pieces=[replace(piece, lines=lines)])])


def renamed(edit: Edited, dice: Random) -> str | None:
    changed = _changed(edit)
    if not changed:
        return None
    path = edit.sections[changed[0]].path
    body = "".join(line + "\n" for p in edit.sections[changed[0]].pieces for line in p.text())
    return dice.choice(
        [
            f"diff --git a/{path} b/moved/{path}\nsimilarity index 90%\nrename from {path}\nrename to moved/{path}\n"
            f"--- a/{path}\n+++ b/moved/{path}\n{body}",
            f"diff --git a/{path} b/moved/{path}\nsimilarity index 100%\ncopy from {path}\ncopy to moved/{path}\n",
            f"*** Begin Patch\n*** Update File: {path}\n*** Move to: moved/{path}\n@@\n-x\n+y\n*** End Patch\n",
        ]
    )


def mode_changed(edit: Edited, dice: Random) -> str | None:
    path = dice.choice(sorted(edit.before))
    extra = dice.choice(
        [
            f"diff --git a/{path} b/{path}\nold mode 100644\nnew mode 100755\n",
            "diff --git a/run.sh b/run.sh\nnew file mode 100755\n--- /dev/null\n+++ b/run.sh\n@@ -0,0 +1 @@\n+exit\n",
            "diff --git a/sub b/sub\nnew file mode 160000\nindex 0000000..1234567\n--- /dev/null\n+++ b/sub\n@@ -0,0 +1 @@\n"
            "+Subproject commit 0123456789012345678901234567890123456789\n",
        ]
    )
    return edit.text() + extra


def link_made(edit: Edited, dice: Random) -> str | None:
    mode = dice.choice(
        [
            "new file mode 120000\nindex 0000000..1234567\n",
            "index 1234567..89abcde 120000\n",
            "index abcdefg..hijklmn 120000\n",
            "deleted file mode 120000\n",
        ]
    )
    path = dice.choice(sorted(edit.before)) if "new" not in mode else "link"
    return (
        edit.text()
        + f"diff --git a/{path} b/{path}\n{mode}--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-x\n+/etc/passwd\n"
    )


def binary_too(edit: Edited, dice: Random) -> str | None:
    return edit.text() + dice.choice(
        [
            "diff --git a/i.png b/i.png\nindex 1234567..89abcde 100644\nBinary files a/i.png and b/i.png differ\n",
            "diff --git a/i.png b/i.png\nnew file mode 100644\nindex 0000000..1234567\nGIT binary patch\nliteral 5\nMcmYdf\n\nliteral 0\nHcmV?d00001\n\n",
        ]
    )


def draft_and_correction(edit: Edited, dice: Random) -> str | None:
    """Two versions of one hunk in two fences: which of them counts is not for us to say."""
    changed = _changed(edit)
    spots = [
        (s, n)
        for s in changed
        for n, line in enumerate(edit.sections[s].pieces[0].lines)
        if line[0] == "+" and line.strip("+ ")
    ]
    if not spots:
        return None
    s, n = dice.choice(spots)
    section = edit.sections[s]
    piece = section.pieces[0]
    draft = replace(piece, lines=[*piece.lines[:n], piece.lines[n] + "  # draft", *piece.lines[n + 1 :]])
    return (
        f"```diff\n{text_of([replace(section, pieces=[draft])])}```\nWait, that is wrong. Corrected:\n"
        f"```diff\n{text_of([section])}```\n"
    )


def cut_in_an_open_fence(edit: Edited, dice: Random) -> str | None:
    """Cut at the end of a line inside of the last hunk."""
    piece = edit.sections[-1].pieces[-1] if edit.sections[-1].pieces else None
    if piece is None or len(piece.lines) < 3 or piece.lines[-1][0] == "\\":
        return None
    gone = dice.randint(1, len(piece.lines) - 1)
    return "```diff\n" + "\n".join(edit.lines()[:-gone]) + "\n"


def cut_in_mid_line(edit: Edited, dice: Random) -> str | None:
    """Cut in a line of the last hunk, within an open fence."""
    piece = edit.sections[-1].pieces[-1] if edit.sections[-1].pieces else None
    if piece is None or len(piece.lines) < 3 or piece.lines[-1][0] == "\\":
        return None
    gone = dice.randint(1, len(piece.lines) - 1)
    lines = edit.lines()[:-gone]
    return "```diff\n" + "\n".join([*lines[:-1], lines[-1][: max(len(lines[-1]) // 2, 1)]])


def cut_without_a_fence(edit: Edited, dice: Random) -> str | None:
    """The same with nothing around it, within the changed lines."""
    section = edit.sections[-1]
    if section.created or section.deleted or not section.pieces:
        return None
    piece = section.pieces[-1]
    changed = [n for n, line in enumerate(piece.lines) if line[0] in "+-"]
    if len(changed) < 2 or piece.lines[0][0] != " " or any(line[0] == "\\" for line in piece.lines):
        return None
    keep = dice.choice(changed[1:])
    total = len(edit.before[section.path].split("\n")) - 1
    if piece.old_start - 1 + sum(line[0] in " -" for line in piece.lines[:keep]) >= total:
        return None
    lines = edit.lines()
    end = dice.choice(["\n", ""])
    return "\n".join(lines[: len(lines) - len(piece.lines) + keep]) + end


UNSURE: Mapping[str, tuple[Refused, frozenset[str]]] = {
    "reversed_diff": (reversed_diff, frozenset({"already_applied"})),
    "two_files_changed_names": (
        two_files_changed_names,
        frozenset({"context_not_found", "removed_line_mismatch"}),
    ),
    "two_headers_disagree": (two_headers_disagree, frozenset({"paths_disagree"})),
    "hunks_overlap": (hunks_overlap, frozenset({"overlapping_hunks"})),
    "changes_nothing": (changes_nothing, frozenset({"no_change"})),
    "combined_diff": (combined_diff, frozenset({"no_diff", "context_not_found", "removed_line_mismatch"})),
    "search_and_replace": (search_and_replace, frozenset({"no_diff"})),
    "whole_file": (whole_file, frozenset({"no_diff"})),
    "context_diff": (context_diff, frozenset({"no_diff"})),
    "lines_numbered": (lines_numbered, frozenset({"context_not_found", "removed_line_mismatch"})),
    "smart_quotes": (smart_quotes, frozenset({"context_not_found", "removed_line_mismatch"})),
    "no_break_blanks": (no_break_blanks, frozenset({"context_not_found", "removed_line_mismatch"})),
    "new_file_without_plus": (new_file_without_plus, frozenset({"context_not_found"})),
    "deleted_otherwise": (deleted_otherwise, frozenset({"removed_line_mismatch"})),
    "renamed": (renamed, frozenset({"rename_or_copy"})),
    "mode_changed": (mode_changed, frozenset({"mode_change"})),
    "link_made": (link_made, frozenset({"symlink"})),
    "binary_too": (binary_too, frozenset({"binary"})),
    "draft_and_correction": (draft_and_correction, frozenset({"conflicting_hunks", "overlapping_hunks"})),
    "cut_in_an_open_fence": (cut_in_an_open_fence, frozenset({"truncated"})),
    "cut_in_mid_line": (cut_in_mid_line, frozenset({"truncated"})),
    "cut_without_a_fence": (cut_without_a_fence, frozenset({"truncated"})),
}
"""the slip, and the codes of which any is right"""
