"""How long a text is for a model: in bytes, of which tokens are made in every script; a Chinese character is
about a token, and three of them.
"""

from __future__ import annotations

LEAST_BYTES_PER_TOKEN = 3
"""a cautious estimate: prose takes three and a half to four and a half in most scripts, code about four"""


def bytes_of(text: str) -> int:
    """As UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def cut_to(text: str, most_bytes: int) -> str:
    """Its beginning, of so many bytes at most."""
    if bytes_of(text) <= most_bytes:
        return text
    return text[:most_bytes].encode("utf-8", "replace")[:most_bytes].decode("utf-8", "ignore")
