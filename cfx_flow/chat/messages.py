"""A look over the messages.

Their form is checked just as far as the proxy behind us relies on it: LiteLLM answers a message of another
form with a 500 of its own, which would count against the target's circuit breaker.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, UnsetType

from cfx_flow.errors import InvalidRequest

MAX_MESSAGES = 20_000


class _Part(msgspec.Struct, gc=False):
    type: str
    text: str | UnsetType = UNSET
    image_url: str | dict[str, Raw] | UnsetType = UNSET


class _Message(msgspec.Struct, gc=False):
    role: str
    content: str | list[_Part] | None = None


_MESSAGES = msgspec.json.Decoder(list[_Message])


def roles_of(messages: Raw) -> frozenset[str]:
    """Raises InvalidRequest or msgspec.DecodeError, either naming the message.

    All in one pass in C: an editor's history has hundreds of messages, and each turn sends it whole.
    """
    decoded: list[_Message] = _MESSAGES.decode(messages)
    if not decoded:
        raise InvalidRequest("messages: empty. Send at least one message.", param="messages")
    if len(decoded) > MAX_MESSAGES:
        raise InvalidRequest(f"messages: more than {MAX_MESSAGES}.", param="messages")
    for index, message in enumerate(decoded):
        if isinstance(message.content, list):
            _check_parts(index, message.content)
    return frozenset([message.role for message in decoded])


def _check_parts(index: int, parts: list[_Part]) -> None:
    for number, part in enumerate(parts):
        lacks_text = part.type == "text" and part.text is UNSET
        if lacks_text or (part.type == "image_url" and part.image_url is UNSET):
            where = f"messages[{index}].content[{number}]"
            raise InvalidRequest(f"{where}: `{part.type}` is missing.", param=where)
