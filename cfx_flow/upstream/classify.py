"""What went wrong upstream, as one of our errors with a text that a person can act on.

Providers answer through a proxy that adds class names, model groups, retry counts,
addresses and whole HTML pages to its errors. Of a refusal (4xx) the provider's own
sentence is kept and the rest removed; of a failure (5xx, credentials) nothing is
kept, because nothing in it helps the caller.

**Source**: LiteLLM 1.106: ``litellm/exceptions.py``, ``proxy/common_request_processing.py``
(status as a string in ``error.code``, provider headers renamed to ``llm_provider-*``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import msgspec

from cfx_flow.errors import (
    UpstreamAuth,
    UpstreamError,
    UpstreamFailed,
    UpstreamLimited,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from cfx_flow.upstream.texts import clean, message_in

DEFAULT_RETRY_AFTER_S = 5
SDK_IGNORES_RETRY_AFTER_FROM_S = 60
MAX_RETRY_AFTER_S = 86_400

_OVERFLOW = re.compile(
    r"context_length_exceeded|maximum context length|context ?window|prompt is too long"
    r"|exceeds? (?:the |this )?(?:model'?s )?(?:maximum |max )?(?:context|input) ?(?:length|limit)?"
    r"|input length and `?max_tokens`? exceed|too many (?:input |prompt )?tokens(?! per)",
    re.IGNORECASE,
)
_FIELD_REFUSED = re.compile(r"Rejected Request: ([\w.-]{1,80}) is not allowed in (?:the )?request body")
"""LiteLLM's answer, with status 401, to a field that only its operator may set"""
_CALLERS_FAULT = re.compile(
    r"Invalid user message at index|valid OpenAI chat completion messages|Unsupported response_format type"
    r"|dictionary update sequence element|Header value must be str"
)
"""LiteLLM's answers with status 500 to a request that is itself at fault: they must open no circuit"""
_LOST_REFUSAL = "'NoneType' object has no attribute '__aiter__'"
"""LiteLLM's answer with status 500 to a streamed request that the provider refused with 422"""


def error_of_response(
    status: int, body: bytes | str, headers: Mapping[str, str], *, model: str
) -> UpstreamError:
    """The error that an upstream's answer with a status other than 200 means.

    ``headers`` is looked up with lower-case names; ``model`` is named in the text.
    """
    return _classify(status, _Wire.of(body), headers, model)


def error_of_frame(error: object, *, model: str) -> UpstreamError:
    """The error that ``{"error": …}`` inside a stream means; a status is read from its ``code``."""
    wire = _Wire.of_error(error)
    return _classify(wire.status or 500, wire, {}, model)


def unreachable(model: str) -> UpstreamUnavailable:
    return UpstreamUnavailable(
        f"The upstream that serves {model} cannot be reached or broke the connection. "
        "Try again in a moment; if it goes on, ask the operator to look at the model proxy."
    )


def not_reached_in_time(model: str) -> UpstreamTimeout:
    return UpstreamTimeout(
        f"No connection to the upstream that serves {model} came about in time. "
        "Try again in a moment; if it goes on, ask the operator to look at the model proxy."
    )


def timed_out(model: str, waited_s: float) -> UpstreamTimeout:
    return UpstreamTimeout(
        f"The upstream that serves {model} stayed silent for {waited_s:g} s and was given up. "
        "Try again, or send a shorter request."
    )


def talked_rubbish(model: str, what: str) -> UpstreamFailed:
    """``what`` completes "the upstream …" in our own words, never the upstream's."""
    return UpstreamFailed(f"The upstream that serves {model} {what}. Try again in a moment.")


def refused_in_silence(model: str) -> UpstreamRefused:
    """**Source**: LiteLLM 1.106 with ``drop_params`` asks a provider that answers 422 once more without the
    parameters that it named, and then answers a 200 whose body is ``null``; streamed, ``_LOST_REFUSAL``."""
    return UpstreamRefused(
        f"The provider of {model} refused the request as unprocessable and its reason was lost on the way. "
        "Look for a parameter or a content part that this model does not take.",
        status=422,
    )


class _Wire:
    """What can be read from an error body, whatever its shape."""

    def __init__(self, message: str, code: str | None, type_: str | None, param: str | None) -> None:
        self.message = message
        self.code = code
        self.type = type_
        self.param = param

    @classmethod
    def of(cls, body: bytes | str) -> _Wire:
        try:
            decoded: object = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
            return cls(text, None, None, None)
        return cls.of_error(decoded.get("error", decoded) if isinstance(decoded, dict) else decoded)

    @classmethod
    def of_error(cls, error: object) -> _Wire:
        if not isinstance(error, dict):
            return cls(error if isinstance(error, str) else "", None, None, None)
        code = error.get("code")
        return cls(
            message_in(error),
            str(code) if isinstance(code, str | int) else None,
            _text_or_none(error.get("type")),
            _text_or_none(error.get("param")),
        )

    @property
    def status(self) -> int | None:
        """LiteLLM writes the HTTP status into ``code``, as text."""
        if self.code is not None and re.fullmatch(r"[45]\d\d", self.code):
            return int(self.code)
        return None

    @property
    def own_code(self) -> str | None:
        if self.code is None or not re.fullmatch(r"[a-z][a-z0-9_.]{2,60}", self.code):
            return None
        return self.code


def _classify(status: int, wire: _Wire, headers: Mapping[str, str], model: str) -> UpstreamError:
    if field := _FIELD_REFUSED.search(wire.message):
        return UpstreamRefused(f"{field[1]}: not accepted here. Leave it out.", status=400, param=field[1])
    if status >= 500 and (refused := _refused_with_500(wire, model)) is not None:
        return refused
    if status in (401, 402, 403) or wire.type in ("no_db_connection", "auth_error", "token_not_found_in_db"):
        return UpstreamAuth(
            f"The upstream that serves {model} refuses this server's own credentials or has no credit left. "
            "Your key is fine: ask the operator to look at the provider account."
        )
    if status == 429:
        return _limited(wire, headers, model)
    if status != 408 and 400 <= status < 500:
        return _refused(status, wire, model)
    return _failed(status, headers, model)


def _refused_with_500(wire: _Wire, model: str) -> UpstreamRefused | None:
    if _LOST_REFUSAL in wire.message:
        return refused_in_silence(model)
    return _refused(400, wire, model) if _CALLERS_FAULT.search(wire.message) else None


def _failed(status: int, headers: Mapping[str, str], model: str) -> UpstreamError:
    error: UpstreamError
    if status == 408:
        error = UpstreamTimeout(
            f"The provider of {model} took too long. Try again, or send a shorter request."
        )
    elif status == 504:
        error = UpstreamUnavailable(
            f"The provider of {model} did not answer its gateway in time (504). Try again."
        )
    elif status in (502, 503, 529):
        error = UpstreamUnavailable(
            f"The provider of {model} is unavailable or overloaded ({status}). Try again in a moment."
        )
    else:
        error = UpstreamFailed(
            f"The provider of {model} failed ({status}). Try again; if it goes on, ask the operator."
        )
    error.headers.update(_retry_after(headers))
    return error


def _limited(wire: _Wire, headers: Mapping[str, str], model: str) -> UpstreamLimited:
    said = clean(wire.message)
    if _OVERFLOW.search(said):  # words that would make an editor shorten its history
        said = ""
    wait = _retry_after(headers) or {"retry-after": str(DEFAULT_RETRY_AFTER_S)}
    seconds = wait["retry-after"]
    out_of_quota = wire.own_code == "insufficient_quota" or "insufficient_quota" in (wire.type or "")
    if out_of_quota or not seconds.isdigit() or int(seconds) >= SDK_IGNORES_RETRY_AFTER_FROM_S:
        wait["x-should-retry"] = "false"
    return UpstreamLimited(
        f"The provider of {model} is limiting this server{f': {said}' if said else ''}. "
        "Wait a little and try again.".replace("..", "."),
        headers=wait,
    )


def _refused(status: int, wire: _Wire, model: str) -> UpstreamRefused:
    said = clean(wire.message)
    if wire.own_code == "context_length_exceeded" or _OVERFLOW.search(wire.message):
        return UpstreamRefused(
            _overflow_text(said), status=400, code="context_length_exceeded", param="messages"
        )
    if status == 404:
        said = said if "model" in said.lower() else f"The upstream does not know the model {model}."
        return UpstreamRefused(said, status=404, code=wire.own_code or "model_not_found", param="model")
    return UpstreamRefused(
        said or f"The provider of {model} refused the request ({status}) without a reason fit to show.",
        status=status,
        code=wire.own_code,
        param=wire.param,
    )


def _overflow_text(said: str) -> str:
    """**Source** of the words: LiteLLM as a client (aider), which finds an overflow by them alone:
    ``exception_mapping_utils.py: is_error_str_context_window_exceeded``."""
    if "this model's maximum context length is" in said.lower():
        return said
    return f"The request is too long: this model's maximum context length is exceeded. {said}".strip()


def _retry_after(headers: Mapping[str, str]) -> dict[str, str]:
    """Whole seconds, or the provider's HTTP date untouched; nothing when absent or nonsense."""
    said = headers.get("retry-after") or headers.get("llm_provider-retry-after") or ""
    try:
        seconds = float(said)
    except ValueError:
        return {"retry-after": said} if _is_http_date(said) else {}
    if not math.isfinite(seconds) or seconds < 0:
        return {}
    return {"retry-after": str(min(math.ceil(seconds), MAX_RETRY_AFTER_S))}


def _is_http_date(text: str) -> bool:
    try:
        parsedate_to_datetime(text)
    except ValueError:
        return False
    return text.isascii() and text.isprintable()


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value not in ("", "None") else None
