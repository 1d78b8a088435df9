"""What commands print: the first and the last of it, as plain text."""

from __future__ import annotations

import re
from collections import deque

_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*(?:[@-~]|\Z)"
    r"|(?:\x1b[\]P^_X]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)
"""ECMA-48: colours and the cursor; titles and links, which end with their line at the latest; others; and
controls but for tab, line feed and carriage return"""
_PER_CHAR = 4
"""bytes that are kept for each character of the limit: UTF-8 takes as many, colours often do"""


class Output:
    """Takes whatever comes and keeps a bounded part of it. Bytes are looked at only at the end: an endless
    printer must cost the event loop little."""

    def __init__(self, max_chars: int) -> None:
        self.total_bytes = 0
        self._max_chars = max_chars
        self._each = max_chars * _PER_CHAR // 2
        self._first = bytearray()
        self._last: deque[bytes] = deque()
        self._last_bytes = 0

    def take(self, chunk: bytes) -> None:
        self.total_bytes += len(chunk)
        room = self._each - len(self._first)
        self._first += chunk[:room]
        if len(chunk) > room:
            self._last.append(chunk[room:])
            self._last_bytes += len(chunk) - room
        while self._last and self._last_bytes - len(self._last[0]) >= self._each:
            self._last_bytes -= len(self._last.popleft())

    def text(self) -> str:
        last = b"".join(self._last)
        dropped = self.total_bytes - len(self._first) - len(last)
        if not dropped:
            return cut(plain(bytes(self._first) + last), self._max_chars)
        half = self._max_chars // 2
        first, end = plain(bytes(self._first))[:half], plain(last)
        kept = end[max(0, len(end) - half) :]
        left_out = self.total_bytes - len(first.encode()) - len(kept.encode())
        return f"{first}\n[… about {left_out} bytes left out …]\n{kept}"


def plain(raw: bytes) -> str:
    """As a terminal's reader sees it: without its orders; of a line that was written over, the last state."""
    text = _ESCAPE.sub("", raw.decode("utf-8", "replace"))
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def cut(text: str, max_chars: int) -> str:
    """Without its middle: what went wrong often stands at the end, where it began at the beginning."""
    if len(text) <= max_chars:
        return text
    half = max_chars // 2
    last = text[len(text) - half :]
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{last}"
