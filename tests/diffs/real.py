"""Edits of real text that is on every machine: Python's own library, changed by what it holds itself."""

from __future__ import annotations

import sysconfig
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random

from tests.diffs.generator import Edited, Files, edited, lines_of

_LARGEST = 30_000
"""bytes"""


@cache
def library() -> tuple[Path, ...]:
    """Its modules and texts of some length, in an order that does not depend on the file system."""
    root = Path(sysconfig.get_path("stdlib"))
    folders = [
        root,
        *(root / name for name in ("email", "json", "logging", "asyncio", "importlib", "xml/dom")),
    ]
    found = [
        path for folder in folders for path in sorted(folder.glob("*.py")) + sorted(folder.glob("*.txt"))
    ]
    return tuple(path for path in found if 1_000 < path.stat().st_size < _LARGEST)


def real_project(dice: Random) -> Files:
    """Four of them, one with CRLF line ends now and then, or without its final newline."""
    files: Files = {}
    for path in dice.sample(library(), 4):
        text = path.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")
        chance = dice.random()
        if chance < 0.1:
            text = text.replace("\n", "\r\n")
        elif chance < 0.2:
            text = text.rstrip("\n")
        files[f"{dice.choice(['lib', 'src/pkg', 'a', 'docs'])}/{path.name}"] = text
    return files


def real_edit(dice: Random) -> Edited:
    """One to three files changed as people change them; now and then one comes or goes."""
    before = real_project(dice)
    after = dict(before)
    for path in dice.sample(sorted(before), dice.randint(1, 3)):
        after[path] = _changed(before[path], dice)
    chance = dice.random()
    if chance < 0.15:
        donor = lines_of(dice.choice(sorted(before.values(), key=len)).replace("\r\n", "\n"))
        after[f"new/module_{dice.randint(1, 99)}.py"] = "".join(donor[: dice.randint(5, 60)])
    elif chance < 0.25:
        del after[min(after, key=lambda path: len(after[path]))]
    return edited(before, after) if after != before else real_edit(dice)


def _changed(text: str, dice: Random) -> str:
    returns = "\r\n" in text
    ended = text.endswith("\n")
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    for _ in range(dice.randint(1, 3)):
        dice.choice(_EDITS)(lines, dice)
    new = "\n".join(lines) + ("\n" if ended else "")
    return new.replace("\n", "\r\n") if returns else new


def _block(lines: list[str], dice: Random) -> tuple[int, int]:
    start = dice.randrange(max(len(lines) - 6, 1))
    return start, min(start + dice.randint(1, 6), len(lines))


def _take_out(lines: list[str], dice: Random) -> None:
    start, end = _block(lines, dice)
    del lines[start:end]


def _repeat(lines: list[str], dice: Random) -> None:
    """What is there once is there twice, elsewhere: nothing of it is unique any more."""
    start, end = _block(lines, dice)
    at = dice.randrange(len(lines))
    lines[at:at] = lines[start:end]


def _move(lines: list[str], dice: Random) -> None:
    start, end = _block(lines, dice)
    block = lines[start:end]
    del lines[start:end]
    at = dice.randrange(len(lines) + 1)
    lines[at:at] = block


def _rename(lines: list[str], dice: Random) -> None:
    """One word, wherever it stands within forty lines."""
    words = [word for word in " ".join(lines).split() if word.isidentifier() and len(word) > 4]
    if not words:
        return
    word = dice.choice(words)
    start = dice.randrange(len(lines))
    for at in range(start, min(start + 40, len(lines))):
        lines[at] = lines[at].replace(word, word + "_")


def _nest(lines: list[str], dice: Random) -> None:
    start, end = _block(lines, dice)
    lines[start:end] = [
        "    if enabled:",
        *("    " + line if line.strip() else line for line in lines[start:end]),
    ]


def _at_the_end(lines: list[str], dice: Random) -> None:
    start, end = _block(lines, dice)
    lines += ["", *lines[start:end], "end = True"]


_EDITS: tuple[Callable[[list[str], Random], None], ...] = (
    _take_out, _repeat, _move, _rename, _nest, _at_the_end,
)  # fmt: skip


def real_edits(count: int, seed: int = 0) -> Iterator[Edited]:
    for number in range(seed, seed + count):
        yield real_edit(Random(number))
