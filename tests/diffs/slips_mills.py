"""Slips of the mills that answers go through: shells, terminals, chat windows. Each must come back whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from random import Random

from tests.diffs.generator import Edited, Piece, edited
from tests.diffs.slips_form import Slip, all_unique, per_piece, text_of

NO_NEWLINE = "\\ No newline at end of file"


def here_document(edit: Edited, dice: Random) -> str | None:
    """Written into a shell, with the counts wrong, so that the closing word looks like a line of the hunk."""
    word = dice.choice(["EOF", "PATCH", "DIFF", "END_OF_PATCH"])
    if re.search(rf"^{word}$", edit.text(), re.MULTILINE):
        return None
    command = dice.choice(
        ["git apply <<'{}'", "apply_patch << '{}'", "patch -p1 <<{}", 'cat > x.diff <<-"{}"']
    )
    body = per_piece(lambda piece: [f"@@ -{piece.old_start},2 +{piece.new_start},90 @@", *piece.lines], edit)
    text = f"{command.format(word)}\n{body}{word}\n"
    return f"Run this:\n\n```bash\n{text}```\n" if dice.random() < 0.7 else text


def terminal_colours(edit: Edited, dice: Random) -> str | None:
    """As ``git diff --color`` prints it."""
    if "\x1b" in edit.text():
        return None

    def coloured(line: str) -> str:
        if line.startswith("@@"):
            return f"\x1b[36m{line}\x1b[m"
        if line[:1] in {" ", "\\"}:
            return line
        if line[:1] == "+":
            return f"\x1b[32m+\x1b[m\x1b[32m{line[1:]}\x1b[m" if line[1:] else "\x1b[32m+\x1b[m"
        return f"\x1b[{31 if line[:1] == '-' else 1}m{line}\x1b[m"

    lines: list[str] = []
    for section in edit.sections:
        names = section.names() if section.pieces else []
        lines += [f"\x1b[1m{line}\x1b[m" for line in [*section.git(), *names]]
        lines += [coloured(line) for piece in section.pieces for line in piece.text()]
    return "\n".join(lines) + "\n"


def blank_added_lines_unmarked(edit: Edited, dice: Random) -> str | None:
    """In a new file, where they can be nothing else."""
    created = [section for section in edit.sections if section.created and section.pieces]
    if not any(line == "+" for section in created for line in section.pieces[0].lines[1:-1]):
        return None
    return text_of(
        [
            replace(section, pieces=[_without_marks_of_blanks(section.pieces[0])])
            if section in created
            else section
            for section in edit.sections
        ]
    )


class _Unmarked(Piece):
    def text(self) -> list[str]:
        """The last line keeps its mark: what follows the answer may be an empty line too."""
        last = max(at for at, line in enumerate(self.lines) if line != "+")
        return [
            self.header(),
            *("" if line == "+" and at < last else line for at, line in enumerate(self.lines)),
        ]


def _without_marks_of_blanks(piece: Piece) -> Piece:
    return _Unmarked(piece.old_start, piece.new_start, piece.lines)


def end_of_file_marker_marked(edit: Edited, dice: Random) -> str | None:
    """``+\\ No newline at end of file``."""
    if NO_NEWLINE not in edit.text():
        return None

    def marked(piece: Piece) -> list[str]:
        lines = piece.text()
        return [line if line != NO_NEWLINE else lines[at - 1][0] + line for at, line in enumerate(lines)]

    return per_piece(marked, edit)


def tags_of_html(edit: Edited, dice: Random) -> str:
    opening, closing = dice.choice(
        [
            ("<pre>", "</pre>"),
            ("<details>\n<summary>Diff</summary>\n\n", "\n</details>"),
            ("<pre><code>", "</code></pre>"),
        ]
    )
    return f"{opening}\n{edit.text()}{closing}\n"


def block_of_yaml(edit: Edited, dice: Random) -> str:
    return "summary: done\npatch: |\n" + "".join(f"  {line}\n" for line in edit.lines())


def prompt_of_a_shell(edit: Edited, dice: Random) -> str:
    stat = " README.md | 4 ++--\n 1 file changed, 2 insertions(+), 2 deletions(-)\n"
    return f"$ git diff --stat -p\n{dice.choice(['', stat])}\n{edit.text()}\n$ \n"


def context_moved_to_the_header(edit: Edited, dice: Random) -> str | None:
    """The first context line stands on the hunk's header and nowhere else."""
    shorter = [
        replace(
            section,
            pieces=[
                replace(piece, lines=piece.lines[1:]) if _may_lose_its_first(piece) else piece
                for piece in section.pieces
            ],
        )
        for section in edit.sections
    ]
    if not all_unique(replace(edit, sections=shorter)):
        return None
    return per_piece(
        lambda piece: (
            [f"{piece.header()} {piece.lines[0][1:]}", *piece.lines[1:]]
            if _may_lose_its_first(piece)
            else piece.text()
        ),
        edit,
    )


def _may_lose_its_first(piece: Piece) -> bool:
    return piece.lines[0][0] == " " and any(line[0] in " -" and line.strip() for line in piece.lines[1:])


def numbers_the_wrong_way_round(edit: Edited, dice: Random) -> str | None:
    if not all_unique(edit):
        return None

    def header(piece: Piece) -> list[str]:
        old, new = piece.counts()
        return [f"@@ +{piece.new_start},{new} -{piece.old_start},{old} @@", *piece.lines]

    return per_piece(header, edit)


def remark_after_each_file(edit: Edited, dice: Random) -> str:
    """In the fence, below hunks that count right."""
    remark = dice.choice(["# that was {}", "// end of {}", "(end of {})", "### {}"])
    parts = [text_of([section]) + remark.format(section.path) + "\n" for section in edit.sections]
    return f"```diff\n{''.join(parts)}```\n"


def no_context_at_all(edit: Edited, dice: Random) -> str | None:
    """``diff -U0``, where every hunk takes a line away."""
    bare = edited(edit.before, edit.after, 0)
    pieces = [p for s in bare.sections if not s.created for p in s.pieces]
    if not all(any(line[0] == "-" for line in piece.lines) for piece in pieces):
        return None
    return bare.text()


MILLED: Mapping[str, Slip] = {
    slip.__name__: slip
    for slip in (
        here_document, terminal_colours, blank_added_lines_unmarked, end_of_file_marker_marked, tags_of_html,
        block_of_yaml, prompt_of_a_shell, context_moved_to_the_header, numbers_the_wrong_way_round,
        remark_after_each_file, no_context_at_all,
    )
}  # fmt: skip
