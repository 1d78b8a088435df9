"""What the scripted provider answers: an ordered list of rules, each with its replies.

A script is JSON::

    [{"model": "deepseek", "last_contains": "Fix", "replies": [{"content": "…"}, {"status": 503}]}]

The first rule whose conditions all hold answers. Its replies are used up in
order and the last one repeats; with ``"stateless": true`` the first one always answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

NO_RULE = (
    "This is CF-X Flow's demo provider: no model is behind it, and no rule of its script fits "
    "this request. Set CFX_LITELLM_URL to a real upstream to get real answers."
)


class ToolCall(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str | None = None
    """``None``: the provider makes one, as OpenAI does"""
    name: str
    arguments: str | dict[str, Any] = "{}"

    @property
    def arguments_text(self) -> str:
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


class Reply(BaseModel):
    """One answer, good or bad. Times are seconds; what is not given is done as OpenAI does it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    content: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = "auto"
    """``null``: the reply ends without one; ``auto``: ``stop`` or ``tool_calls``"""
    usage: dict[str, Any] | None = Field(default_factory=dict)
    """laid over the estimate; ``null``: the provider reports none"""
    done: bool = True
    """``false``: the stream ends without ``[DONE]``"""
    chunk_chars: int | None = Field(None, ge=1)
    """size of a streamed piece; by default a long text comes in some sixty pieces"""

    status: int = Field(200, ge=200, le=599)
    headers: dict[str, str] = Field(default_factory=dict)
    body: Any = None
    """of an error; by default OpenAI's error JSON for the status"""

    raw: str | tuple[str, ...] | None = None
    """sent as it stands, with ``status``, ``content_type`` and ``encoding`` (latin-1: any byte);
    a list: piece by piece"""
    content_type: str = "text/html"
    encoding: str = "utf-8"

    delay_s: float = Field(0, ge=0)
    """before the status line"""
    first_byte_delay_s: float = Field(0, ge=0)
    """between the headers and the first byte of the body"""
    chunk_delay_s: float = Field(0, ge=0)
    """between the pieces of a body"""
    drop_after_chunks: int | None = Field(None, ge=0)
    """the connection is torn after so many pieces; 0: before the status line"""


class Rule(BaseModel):
    """Conditions are substrings; one that is absent always holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = ""
    contains: str = ""
    """of all messages, joined by newlines"""
    last_contains: str = ""
    """of the last message"""
    replies: tuple[Reply, ...] = Field(min_length=1)
    stateless: bool = False

    def fits(self, model: str, texts: Sequence[str]) -> bool:
        last = texts[-1] if texts else ""
        return self.model in model and self.last_contains in last and self.contains in "\n".join(texts)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which reply answers, and where in the script it stands (``None``: no rule fits)."""

    reply: Reply
    rule: int | None = None
    number: int = 0


_RULES = TypeAdapter(tuple[Rule, ...])


class Script:
    """Rules, and how far each one's replies are used up."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self.rules = tuple(rules)
        self._used = [0] * len(self.rules)

    @classmethod
    def from_json(cls, text: str | bytes) -> Script:
        """Raises pydantic.ValidationError (a ValueError) naming the rule and the field."""
        return cls(_RULES.validate_json(text))

    @classmethod
    def from_file(cls, path: Path) -> Script:
        return cls.from_json(path.read_bytes())

    def answer(self, request: Mapping[str, Any]) -> Chosen:
        """The reply to a chat request; uses it up."""
        model, texts = str(request.get("model", "")), message_texts(request.get("messages"))
        for index, rule in enumerate(self.rules):
            if rule.fits(model, texts):
                return self._take(index)
        return Chosen(Reply(content=NO_RULE))

    def _take(self, index: int) -> Chosen:
        rule = self.rules[index]
        number = 0 if rule.stateless else min(self._used[index], len(rule.replies) - 1)
        self._used[index] += 1
        return Chosen(rule.replies[number], index, number)


def message_texts(messages: Any) -> list[str]:
    """The text of each message; a message of several parts is joined, images and the like left out."""
    if not isinstance(messages, list):
        return []
    return [_text(message.get("content")) for message in messages if isinstance(message, dict)]


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part["text"]) for part in parts if isinstance(part, dict) and "text" in part)
