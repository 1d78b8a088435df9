"""Edits of made-up files, as diffs in pieces that slips can be made in.

Nothing here comes from the product: the diff is difflib's, so that an error of ours cannot hide in it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

Files = dict[str, str]


@dataclass
class Piece:
    """A hunk: ``lines`` are marked and without line ends; an end-of-file marker is a line of its own."""

    old_start: int
    new_start: int
    lines: list[str]

    def counts(self) -> tuple[int, int]:
        old = sum(line[0] in " -" for line in self.lines)
        new = sum(line[0] in " +" for line in self.lines)
        return old, new

    def header(self) -> str:
        old, new = self.counts()
        return f"@@ -{self.old_start},{old} +{self.new_start},{new} @@"

    def text(self) -> list[str]:
        return [self.header(), *self.lines]


@dataclass
class Section:
    path: str
    created: bool
    deleted: bool
    pieces: list[Piece]

    def git(self) -> list[str]:
        kind = ["new file mode 100644"] if self.created else []
        kind += ["deleted file mode 100644"] if self.deleted else []
        return [f"diff --git a/{self.path} b/{self.path}", *kind]

    def names(self) -> list[str]:
        old = "/dev/null" if self.created else f"a/{self.path}"
        new = "/dev/null" if self.deleted else f"b/{self.path}"
        return [f"--- {old}", f"+++ {new}"]

    def text(self) -> list[str]:
        return [*self.git(), *self.names(), *(line for piece in self.pieces for line in piece.text())]


@dataclass
class Edited:
    """Files before and after, and the diff between them."""

    before: Files
    after: Files
    sections: list[Section] = field(default_factory=list)

    def lines(self) -> list[str]:
        return [line for section in self.sections for line in section.text()]

    def text(self) -> str:
        return "\n".join(self.lines()) + "\n"


def edited(before: Files, after: Files, context: int = 3) -> Edited:
    paths = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    return Edited(
        before, after, [section(path, before.get(path), after.get(path), context) for path in paths]
    )


def section(path: str, old: str | None, new: str | None, context: int = 3) -> Section:
    return Section(path, old is None, new is None, list(_pieces(lines_of(old), lines_of(new), context)))


def lines_of(text: str | None) -> list[str]:
    """Lines with their ends, cut at ``\\n`` only."""
    return [] if not text else [line + "\n" for line in text.split("\n")[:-1]] + _rest(text)


def _rest(text: str) -> list[str]:
    last = text.rsplit("\n", maxsplit=1)[-1]
    return [last] if last else []


def _pieces(old: list[str], new: list[str], context: int) -> list[Piece]:
    pieces = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for group in matcher.get_grouped_opcodes(context):
        lines: list[str] = []
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                lines += _marked(" ", old[i1:i2])
            else:
                lines += _marked("-", old[i1:i2]) + _marked("+", new[j1:j2])
        first = group[0]
        old_count = group[-1][2] - first[1]
        new_count = group[-1][4] - first[3]
        pieces.append(Piece(first[1] + (old_count > 0), first[3] + (new_count > 0), lines))
    return pieces


def _marked(mark: str, lines: list[str]) -> list[str]:
    out: list[str] = []
    for line in lines:
        out.append(mark + line.removesuffix("\n"))
        if not line.endswith("\n"):
            out.append("\\ No newline at end of file")
    return out


# -- files to edit

NAMES = [
    "total",
    "count",
    "price",
    "order",
    "basket",
    "label",
    "größe",
    "名前",
    "naïve",
    "x2",
    "result",
    "parser",
    "token",
    "limit",
    "cursor",
]


def python_file(dice: Random) -> str:
    """Functions that look alike, as real ones do."""
    parts = ['"""Made up."""', "", "from __future__ import annotations", "", "import json", ""]
    for number in range(dice.randint(4, 12)):
        name = dice.choice(NAMES)
        parts += ["", f"def {name}_{number}({dice.choice(NAMES)}: int, {name}: str) -> dict[str, int]:"]
        parts += [f'    """The {name} of {dice.choice(NAMES)}."""'] if dice.random() < 0.7 else []
        for _ in range(dice.randint(1, 5)):
            parts += dice.choice(_PYTHON)(dice)
        parts += ["    return {}", ""]
    return "\n".join(parts) + "\n"


_PYTHON: list[Callable[[Random], list[str]]] = [
    lambda dice: [f"    {dice.choice(NAMES)} = {dice.randint(0, 99)}"],
    lambda dice: [f"    if {dice.choice(NAMES)} > {dice.randint(0, 99)}:", "        raise ValueError"],
    lambda dice: [f"    for item in {dice.choice(NAMES)}:", f"        {dice.choice(NAMES)}.append(item)", ""],
    lambda dice: [f"    with open('{dice.choice(NAMES)}') as file:  # <&> \"", "        json.load(file)"],
]


def go_file(dice: Random) -> str:
    """Tabs."""
    parts = ["package made", "", "import (", '\t"fmt"', '\t"strings"', ")", ""]
    for number in range(dice.randint(3, 9)):
        name = dice.choice(NAMES[:6])
        parts += [f"func (r *Router) {name}{number}({dice.choice(NAMES)} string) error {{"]
        for _ in range(dice.randint(1, 4)):
            word = dice.choice(NAMES)
            parts += [f"\tif {word} == nil {{", f'\t\treturn fmt.Errorf("no %s", {word})', "\t}"]
            parts += [f"\t{word} := strings.TrimSpace({dice.choice(NAMES)}) // {number}"]
        parts += ["\treturn nil", "}", ""]
    return "\n".join(parts)


def markdown_file(dice: Random) -> str:
    """Fences, bullets, rules and headings: what looks like the frame of a diff inside of one."""
    parts = ["# Made up", ""]
    for number in range(dice.randint(3, 8)):
        word = dice.choice(NAMES)
        parts += [f"## {word.title()} {number}", "", f"- take the {word}", f"+ or the {dice.choice(NAMES)}"]
        parts += ["", "```sh", f"$ cfx {word} --count {dice.randint(1, 9)}", "```", "", "---", ""]
        parts += [f"Some prose about the {word}, which is {dice.choice(NAMES)}.  ", ""]
    return "\n".join(parts) + ("\n" if dice.random() < 0.7 else "")


def json_file(dice: Random) -> str:
    parts = ["{"]
    for number in range(dice.randint(5, 15)):
        parts += [
            f'  "{dice.choice(NAMES)}{number}": {{',
            f'    "version": "{number}.{dice.randint(0, 9)}"',
            "  },",
        ]
    return "\n".join([*parts, '  "end": true', "}"])


def sql_file(dice: Random) -> str:
    """Comments that look like file headers once they are removed."""
    parts = []
    for number in range(dice.randint(5, 12)):
        word = dice.choice(NAMES)
        parts += [f"-- {word}/{number}", f"++ {dice.choice(NAMES)}", f"select {word} from t{number};", ""]
    return "\n".join(parts) + "\n"


KINDS: Mapping[str, Callable[[Random], str]] = {
    "src/made_up.py": python_file,
    "src/router.go": go_file,
    "README.md": markdown_file,
    "package.json": json_file,
    "db/schema.sql": sql_file,
}


def project(dice: Random) -> Files:
    return {path: make(dice) for path, make in KINDS.items()}


# -- edits


def random_edit(files: Files, dice: Random) -> Edited:
    """One to three files changed in one to three places; now and then one comes or goes."""
    after = dict(files)
    for path in dice.sample(sorted(files), dice.randint(1, min(3, len(files)))):
        lines = lines_of(files[path])
        for _ in range(dice.randint(1, 3)):
            change_lines(lines, dice)
        after[path] = "".join(lines)
    chance = dice.random()
    if chance < 0.15:
        after[f"new/{dice.choice(NAMES)}.py"] = python_file(dice)
    elif chance < 0.25:
        del after[dice.choice(sorted(after))]
    return edited(files, after) if after != files else random_edit(files, dice)


def change_lines(lines: list[str], dice: Random) -> None:
    at = dice.randrange(len(lines) + 1)
    count = min(dice.choice([0, 1, 1, 2, 4]), len(lines) - at)
    old = lines[at : at + count]
    new = dice.choice([_reworded, _fewer, _more, _indented])(old, dice)
    lines[at : at + count] = new
    for index in range(len(lines) - 1):
        if not lines[index].endswith("\n"):
            lines[index] += "\n"


def _reworded(old: list[str], dice: Random) -> list[str]:
    return [line.replace("e", dice.choice(["E", "ee", "3"]), 1) if line.strip() else line for line in old]


def _fewer(old: list[str], dice: Random) -> list[str]:
    return old[1:]


def _more(old: list[str], dice: Random) -> list[str]:
    indent = old[0][: len(old[0]) - len(old[0].lstrip())] if old else ""
    return [
        *old,
        *(f"{indent.rstrip(chr(10))}{dice.choice(NAMES)}({n})\n" for n in range(dice.randint(1, 3))),
    ]


def _indented(old: list[str], dice: Random) -> list[str]:
    unit = "\t" if old and old[0].startswith("\t") else "    "
    return [unit + line if line.strip() else line for line in old]
