"""The text in chat messages, whatever their shape: a string, parts, or nonsense (then there is none)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def texts(message: Any) -> Iterator[str]:
    """Strings, and the ``text`` of text parts, in order."""
    content = message.get("content") if isinstance(message, Mapping) else None
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            text = part.get("text") if isinstance(part, Mapping) else None
            if isinstance(text, str):
                yield text


def role(message: Any) -> str:
    value = message.get("role") if isinstance(message, Mapping) else None
    return value if isinstance(value, str) else ""


def last_user_text(messages: Sequence[Any]) -> str:
    """Of the last message with role ``user``, its texts joined; empty when there is none."""
    for message in reversed(messages):
        if role(message) == "user":
            return "\n".join(texts(message))
    return ""
