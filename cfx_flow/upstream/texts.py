"""What a person may read of an upstream's error: the provider's own sentence, and nothing from inside.

**Source**: LiteLLM 1.106: ``litellm/exceptions.py``, ``proxy/common_request_processing.py``.
"""

from __future__ import annotations

import ast
import re
from typing import Any

import msgspec

from cfx_flow.errors import UpstreamError
from cfx_flow.stages.model import Upstream

MAX_TEXT_CHARS = 600

_MARKUP = re.compile(r"<\s*(?:!doctype|html|head|body|title|center|h1|div|p|pre)\b", re.IGNORECASE)
_CLASS_PREFIX = re.compile(
    r"^\s*(?:[A-Za-z_.]*(?:Error|Exception|Timeout)\b\s*[:\-]+\s*|Error code:\s*\d+\s*[:\-]*\s*)"
)
_PROXY_TAIL = re.compile(
    r"(?:Received Model Group=|Available Model Group Fallbacks=|LiteLLM (?:Retried|Max Retries)"
    r"|LiteLLM: model group|Deployment Info:|No fallback model group found|Passed model="
    r"|model=\S{1,200} context_window_fallbacks=|Traceback \(most recent call last\)).*",
    re.DOTALL,
)
_INTERNAL = re.compile(r"litellm|api_base|\bFile \"/|site-packages|0x[0-9a-f]{6,}", re.IGNORECASE)
_ADDRESS = re.compile(r"\b[a-z]+://\S+|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b", re.IGNORECASE)
_SECRET = re.compile(r"\b(?:sk|pk|cfx|Bearer)[-_ ][A-Za-z0-9*_\-.]{6,}")


def clean(text: str) -> str:
    """The provider's own sentence out of what the proxy made of it; empty if nothing fit to show is left."""
    if _MARKUP.search(text):
        return ""
    text = _PROXY_TAIL.sub("", text[: 20 * MAX_TEXT_CHARS]).rstrip(" \t\r\n.,")
    while (shorter := _CLASS_PREFIX.sub("", text, count=1)) != text:
        text = shorter
    text = _unwrap(text)
    if _INTERNAL.search(text):
        return ""
    text = _SECRET.sub("(key)", _ADDRESS.sub("(address)", text))
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= MAX_TEXT_CHARS else text[: MAX_TEXT_CHARS - 1] + "…"


def hide_key(error: UpstreamError, upstream: Upstream) -> None:
    """Some upstreams name the key that they refuse, which is ours: no caller and no log may read it."""
    key = upstream.api_key.get_secret_value() if upstream.api_key else ""
    if key and any(key in (text or "") for text in (error.message, error.code, error.param)):
        error.message = error.message.replace(key, "(key)")
        error.code = error.code and error.code.replace(key, "(key)")
        error.param = error.param and error.param.replace(key, "(key)")
        error.args = (error.message,)


def _unwrap(text: str) -> str:
    """A message that is itself an error object, as JSON or as Python prints a dict."""
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        return text
    inner = _parse_object(text[start : end + 1])
    if inner is None:
        return text
    message = message_in(inner.get("error", inner))
    return clean(message) if message else text[:start].strip(" -:b'")


def _parse_object(text: str) -> dict[str, Any] | None:
    parsed: object
    try:
        parsed = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        try:
            parsed = ast.literal_eval(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return None
    return parsed if isinstance(parsed, dict) else None


def message_in(error: object) -> str:
    if isinstance(error, str):
        return error
    if not isinstance(error, dict):
        return ""
    for key in ("message", "detail", "error", "msg"):
        value = error.get(key)
        if isinstance(value, dict):
            return message_in(value)
        if isinstance(value, str) and value:
            return value
    return ""
