"""A look over the messages, without decoding what they say.

Their form is checked just as far as the proxy behind us relies on it: LiteLLM answers a message of another
form with a 500 of its own, which would count against the target's circuit breaker.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, UnsetType

from cfx_flow.errors import InvalidRequest

MAX_MESSAGES = 20_000


class _Message(msgspec.Struct):
    role: str
    content: Raw | UnsetType = UNSET


class _Part(msgspec.Struct):
    type: str
    text: str | UnsetType = UNSET
    image_url: str | dict[str, Raw] | UnsetType = UNSET


_MESSAGES = msgspec.json.Decoder(list[_Message])
_PARTS = msgspec.json.Decoder(list[_Part])
_NEEDS = ("text", "image_url")


def roles_of(messages: Raw) -> frozenset[str]:
    """Raises InvalidRequest naming the message, or msgspec.DecodeError."""
    decoded: list[_Message] = _MESSAGES.decode(messages)
    if not decoded:
        raise InvalidRequest("messages: empty. Send at least one message.", param="messages")
    if len(decoded) > MAX_MESSAGES:
        raise InvalidRequest(f"messages: more than {MAX_MESSAGES}.", param="messages")
    for index, message in enumerate(decoded):
        if isinstance(message.content, Raw):
            _check_content(index, bytes(memoryview(message.content)[:1]), message.content)
    return frozenset(message.role for message in decoded)


def _check_content(index: int, first: bytes, content: Raw) -> None:
    if first in (b'"', b"n"):
        return
    where = f"messages[{index}].content"
    if first != b"[":
        raise InvalidRequest(f"{where}: must be a text or a list of parts.", param=where)
    try:
        parts: list[_Part] = _PARTS.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{where}: {error}.", param=where) from None
    for number, part in enumerate(parts):
        if part.type in _NEEDS and getattr(part, part.type) is UNSET:
            raise InvalidRequest(f"{where}[{number}]: `{part.type}` is missing.", param=where)
