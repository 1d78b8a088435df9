"""What goes to a target: the caller's fields, with the model, the stage's defaults and our own needs."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from cfx_flow.chat.request import ChatRequest
from cfx_flow.errors import InvalidRequest
from cfx_flow.stages.model import Stage, Target

_OPTIONS = msgspec.json.Decoder(dict[str, Raw] | None)


def payload_for(
    request: ChatRequest, stage: Stage, target: Target, *, prompt: str | None, max_tokens_cap: int | None
) -> bytes:
    """``prompt`` goes before the messages; ``max_tokens_cap`` bounds what a direct call may write."""
    fields = dict(request.fields)
    fields["model"] = _raw(target.model)
    if prompt is not None:
        fields["messages"] = _with_system(request.messages, prompt)
    for name, value in stage.sampling.items():
        if request.is_silent_on(*_ALIASES.get(name, (name,))):
            fields[name] = _raw(value)
    if max_tokens_cap is not None:
        _clamp(fields, request, min(max_tokens_cap, target.max_output_tokens))
    if request.streamed:
        fields["stream_options"] = _with_usage(fields)
    return msgspec.json.encode(fields)


_ALIASES = {"max_tokens": ("max_tokens", "max_completion_tokens")}


def _with_system(messages: Raw, prompt: str) -> Raw:
    """A message in front, spliced into the raw list: the rest is neither decoded nor copied twice."""
    system = msgspec.json.encode({"role": "system", "content": prompt})
    rest = bytes(messages).lstrip()[1:]
    return Raw(b"[" + system + b"," + rest)


def _clamp(fields: dict[str, Raw], request: ChatRequest, cap: int) -> None:
    """Every name that the caller used is clamped; a caller that used none gets the cap."""
    named = [name for name in _ALIASES["max_tokens"] if not request.is_silent_on(name)]
    for name in named or ("max_tokens",):
        asked = msgspec.json.decode(fields[name], type=int) if named else cap
        fields[name] = _raw(min(asked, cap))


def _with_usage(fields: dict[str, Raw]) -> Raw:
    """Usage is always asked of the upstream: the request log needs it, whether or not the caller does."""
    try:
        options = _OPTIONS.decode(fields.get("stream_options", _NULL)) or {}
    except RecursionError:  # read once already, but with fewer calls on the stack
        raise InvalidRequest("stream_options: nested too deeply.", param="stream_options") from None
    return _raw(options | {"include_usage": True})


def _raw(value: object) -> Raw:
    return Raw(msgspec.json.encode(value))


_NULL = Raw(b"null")
