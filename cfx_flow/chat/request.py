"""What a caller asks for: the body's fields left raw, and the few that we must understand.

Everything else is passed on as it came, so that a new parameter of OpenAI's works
without us. ``messages`` is only looked over: it is the bulk of every request.

**Source**: OpenAI's API reference, "Create chat completion"; ``max_completion_tokens: -1``
is Roo Code's way to say "no limit".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw

from cfx_flow.chat.messages import roles_of
from cfx_flow.chat.steering import STEERS_THE_PROXY
from cfx_flow.errors import InvalidRequest
from cfx_flow.upstream.wire import decode_json

MAX_MODEL_CHARS = 200

Fields: TypeAlias = Mapping[str, Raw]


class ChatRequest(msgspec.Struct, frozen=True):
    fields: Fields
    """as they came, except that ``max_completion_tokens: -1`` is gone"""
    model: str | None
    streamed: bool
    wants_usage: bool
    """the caller asked for the usage chunk of a stream"""
    has_tools: bool
    max_tokens: int | None
    """under either name"""
    roles: frozenset[str]
    """of all messages"""

    @property
    def messages(self) -> Raw:
        return self.fields["messages"]

    @property
    def speaks_own_protocol(self) -> bool:
        """A caller with tools or a system message of its own is relayed untouched."""
        return self.has_tools or not self.roles.isdisjoint(("system", "developer"))

    def is_silent_on(self, *names: str) -> bool:
        for name in names:
            raw = self.fields.get(name)
            if raw is not None and bytes(raw) != b"null":
                return False
        return True


_NULL = Raw(b"null")
_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_TYPES: Mapping[str, msgspec.json.Decoder[Any]] = {
    name: msgspec.json.Decoder(type_)
    for name, type_ in {
        "model": str | None,
        "stream": bool | None,
        "stream_options": dict[str, Raw] | None,
        "max_tokens": int | None,
        "max_completion_tokens": int | None,
        "temperature": float | None,
        "top_p": float | None,
        "n": int | None,
        "tools": list[dict[str, Raw]] | None,
        "functions": list[dict[str, Raw]] | None,
        "response_format": dict[str, Raw] | None,
        "extra_body": dict[str, Raw] | None,
        "web_search_options": dict[str, Raw] | None,
    }.items()
}


def read_request(body: bytes) -> ChatRequest:
    """Raises InvalidRequest, naming the field."""
    fields = _fields(body)
    known = {name: _decoded(name, raw) for name, raw in fields.items() if name in _TYPES}
    for name in fields.keys() & STEERS_THE_PROXY:
        raise InvalidRequest(f"{name}: not accepted here. Leave it out: the operator decides it.", param=name)
    _drop_unlimited(fields, known)
    for name in ("max_tokens", "max_completion_tokens", "n"):
        if (number := known.get(name)) is not None and number < 1:
            raise InvalidRequest(f"{name}: must be at least 1, not {number}.", param=name)
    options = known.get("stream_options") or {}
    return ChatRequest(
        fields=fields,
        model=_model(known.get("model")),
        streamed=bool(known.get("stream")),
        wants_usage=bytes(options.get("include_usage", _NULL)) == b"true",
        has_tools=bool(known.get("tools") or known.get("functions")),
        max_tokens=known.get("max_completion_tokens") or known.get("max_tokens"),
        roles=_roles(fields),
    )


def _fields(body: bytes) -> dict[str, Raw]:
    try:
        if not body.isascii():
            body.decode()
        fields: dict[str, Raw] = decode_json(body, _FIELDS)
        return fields
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"The body is not UTF-8 (byte {error.start}): send JSON encoded as UTF-8."
        ) from None
    except RecursionError:
        raise InvalidRequest("The body is nested too deeply: flatten it.") from None
    except msgspec.ValidationError:
        raise InvalidRequest("The body must be a JSON object with `messages`.") from None
    except msgspec.DecodeError as error:
        what = "is empty: send a JSON object" if not body.strip() else f"is not valid JSON: {error}"
        raise InvalidRequest(f"The body {what}.") from None


def _decoded(name: str, raw: Raw) -> Any:
    try:
        return _TYPES[name].decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refusal(name, error) from None


def _roles(fields: Fields) -> frozenset[str]:
    if "messages" not in fields:
        raise InvalidRequest("messages: missing. Send a list with at least one message.", param="messages")
    try:
        return roles_of(fields["messages"])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refusal("messages", error) from None


def _model(model: str | None) -> str | None:
    if model is not None and len(model) > MAX_MODEL_CHARS:
        raise InvalidRequest(f"model: longer than {MAX_MODEL_CHARS} characters.", param="model")
    return model or None


def _drop_unlimited(fields: dict[str, Raw], known: dict[str, Any]) -> None:
    for name in ("max_completion_tokens", "max_tokens"):
        if known.get(name) == -1:
            del fields[name]
            known[name] = None


def _refusal(name: str, error: Exception) -> InvalidRequest:
    """From msgspec's "Expected `str`, got `int` - at `$[0].role`"."""
    what, _, path = str(error).partition(" - at `$")
    param = name + path.rstrip("`")
    return InvalidRequest(f"{param}: {what[:1].lower()}{what[1:]}.", param=param)
