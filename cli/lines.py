"""Figures, patches and other people's text as lines that a terminal can show."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.text import Text


def patch_lines(diff: str) -> Iterator[Text]:
    """A unified diff for the eye. What goes into a file or a pipe is the text itself, never this."""
    for line in diff.splitlines():
        if line.startswith(("+++", "---", "diff ")):
            yield Text(plain(line), "bold")
        elif line.startswith("@@"):
            yield Text(plain(line), "cyan")
        elif line.startswith("+"):
            yield Text(plain(line), "green")
        elif line.startswith("-"):
            yield Text(plain(line), "red")
        else:
            yield Text(plain(line), "" if line.startswith(" ") else "dim")


def plain(text: str) -> str:
    """Text that only prints: control and direction-changing characters become visible."""
    return "".join(_visible(character) for character in text.expandtabs(4))


def _visible(character: str) -> str:
    if character == "\n" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return character
    return f"<U+{ord(character):04X}>"


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{max(seconds, 0):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s"


def usd(amount: float) -> str:
    if 0 < amount < 0.0001:
        return "<$0.0001"
    return f"${amount:.4f}" if amount < 1 else f"${amount:,.2f}"


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def print_lines(console: Console, lines: Iterable[Text]) -> None:
    """Without rich's own wrapping and guessing of colours; what the terminal cannot write becomes ``?``."""
    for line in lines:
        if not console.encoding.lower().startswith("utf"):
            line.plain = line.plain.encode(console.encoding, "replace").decode(console.encoding)
        console.print(line, soft_wrap=True, highlight=False, markup=False)
