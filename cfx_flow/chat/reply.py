"""A whole reply: is it one, what did it cost, and what do we add to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from cfx_flow.chat.usage import Usage, estimate, read_usage, with_cache_tokens
from cfx_flow.upstream.classify import error_of_frame, refused_in_silence, talked_rubbish
from cfx_flow.upstream.client import Answer
from cfx_flow.upstream.wire import decode_json

COST_HEADER = "x-litellm-response-cost"
"""**Source**: LiteLLM; only on replies that are not streamed"""

_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_CHOICES = msgspec.json.Decoder(list[Raw])


class Reply(msgspec.Struct, frozen=True):
    fields: dict[str, Raw]
    usage: Usage

    def text(self) -> str | None:
        """What the first choice says; None if it says nothing or calls tools."""
        try:
            choice = msgspec.json.decode(self.fields["choices"])[0]
        except (msgspec.DecodeError, RecursionError):
            return None  # it holds a number beyond any float, or is nested to the brim
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(message, dict) or message.get("tool_calls"):
            return None
        content = message.get("content")
        return content if isinstance(content, str) else None

    def body(self, cfx: Mapping[str, Any] | None) -> bytes:
        if cfx is None:
            return msgspec.json.encode(self.fields)
        return msgspec.json.encode({**self.fields, "cfx": cfx})


def read_reply(body: bytes, headers: Mapping[str, str], *, model: str, input_bytes: int) -> Reply:
    """Raises UpstreamError for what came with status 200 and is not a reply all the same."""
    if body.strip() == b"null":
        raise refused_in_silence(model)
    try:
        body.decode()
        fields: dict[str, Raw] = decode_json(body, _FIELDS)
        choices = _CHOICES.decode(fields.get("choices", _EMPTY))
        usage = msgspec.json.decode(fields.get("usage", _NULL))
        error = msgspec.json.decode(fields.get("error", _NULL))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise talked_rubbish(model, "answered something that is not a reply") from None
    if error is not None:
        raise error_of_frame(error, model=model)
    if not choices:
        raise talked_rubbish(model, "answered without a reply in it")
    if not isinstance(usage, dict):
        return Reply(fields, estimate(input_bytes, len(fields["choices"]), 1))
    fields["usage"] = Raw(msgspec.json.encode(with_cache_tokens(usage)))
    return Reply(fields, read_usage(usage, headers.get(COST_HEADER)))


async def require_stream(answer: Answer, model: str) -> None:
    """Raises UpstreamError for what was to be streamed and came as one piece of JSON: mostly an error."""
    if answer.content_type == "application/json":
        read_reply(await answer.read_all(), answer.headers, model=model, input_bytes=0)
        raise talked_rubbish(model, "answered in one piece instead of streaming")


_NULL = Raw(b"null")
_EMPTY = Raw(b"[]")
