"""A scripted reply in OpenAI's shapes: one JSON body, or the chunks of a stream.

**Source**: OpenAI's API reference, "Chat Completions" and "Streaming": the role comes first and
alone, the finish reason in a chunk with an empty delta, and with ``include_usage`` every chunk
carries ``usage: null`` except a last one with ``choices: []``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cli.demo.script import Reply, ToolCall, message_texts

PIECES = 60
CHARS_PER_TOKEN = 4

_ERRORS: Mapping[int, tuple[str, str | None, str]] = {
    400: ("invalid_request_error", None, "The request is not acceptable."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    403: ("invalid_request_error", "unsupported_country_region_territory", "Not allowed."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests."),
    503: ("server_error", "service_unavailable", "The engine is currently overloaded."),
}


def error_body(status: int, message: str | None = None) -> dict[str, Any]:
    kind, code, text = _ERRORS.get(status, ("server_error", None, "The server had an error."))
    return {"error": {"message": message or text, "type": kind, "param": None, "code": code}}


@dataclass(frozen=True, slots=True)
class Completion:
    """One reply on its way to one request. ``created`` is in Unix seconds."""

    id: str
    created: int
    request: Mapping[str, Any]
    reply: Reply

    def body(self) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": self.reply.content, "refusal": None}
        if self.reply.tool_calls:
            message["tool_calls"] = [
                self._tool_call(index, call) for index, call in enumerate(self.reply.tool_calls)
            ]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._finish_reason}
        body = self._frame("chat.completion", [choice])
        return body if self.reply.usage is None else body | {"usage": self.usage()}

    def chunks(self) -> Iterator[dict[str, Any]]:
        yield self._chunk({"role": "assistant", "content": None if self.reply.tool_calls else ""})
        for piece in self._pieces(self.reply.content or ""):
            yield self._chunk({"content": piece})
        for index, call in enumerate(self.reply.tool_calls):
            yield from self._tool_chunks(index, call)
        if self._finish_reason is not None:
            yield self._chunk({}, self._finish_reason)
        if self._shows_usage and self.reply.usage is not None:
            yield self._frame("chat.completion.chunk", []) | {"usage": self.usage()}

    def usage(self) -> dict[str, Any]:
        written = (self.reply.content or "") + "".join(c.arguments_text for c in self.reply.tool_calls)
        counts = {
            "prompt_tokens": _tokens("".join(message_texts(self.request.get("messages")))),
            "completion_tokens": _tokens(written),
        } | (self.reply.usage or {})
        return {"total_tokens": counts["prompt_tokens"] + counts["completion_tokens"]} | counts

    @property
    def _finish_reason(self) -> str | None:
        if self.reply.finish_reason != "auto":
            return self.reply.finish_reason
        return "tool_calls" if self.reply.tool_calls else "stop"

    @property
    def _shows_usage(self) -> bool:
        options = self.request.get("stream_options")
        return isinstance(options, dict) and options.get("include_usage") is True

    def _frame(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": str(self.request.get("model", "")),
            "system_fingerprint": None,
            "choices": choices,
        }

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        frame = self._frame("chat.completion.chunk", [choice])
        return frame | {"usage": None} if self._shows_usage else frame

    def _tool_call(self, index: int, call: ToolCall) -> dict[str, Any]:
        call_id = call.id or f"call_{self.id.removeprefix('chatcmpl-')}{index}"
        return {
            "id": call_id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments_text},
        }

    def _tool_chunks(self, index: int, call: ToolCall) -> Iterator[dict[str, Any]]:
        """The id and the name first, then the arguments in pieces that carry neither."""
        head = self._tool_call(index, call)
        head["function"]["arguments"] = ""
        yield self._chunk({"tool_calls": [{"index": index} | head]})
        for piece in self._pieces(call.arguments_text):
            yield self._chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})

    def _pieces(self, text: str) -> Iterator[str]:
        size = self.reply.chunk_chars or max(8, -(-len(text) // PIECES))
        return (text[start : start + size] for start in range(0, len(text), size))


def sse(frame: Mapping[str, Any] | str) -> bytes:
    text = frame if isinstance(frame, str) else json.dumps(frame, separators=(",", ":"))
    return f"data: {text}\n\n".encode()


def _tokens(text: str) -> int:
    return -(-len(text) // CHARS_PER_TOKEN)
