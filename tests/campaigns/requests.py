"""What a caller may send: HTTP and JSON that are right, nearly right, and none at all."""

from __future__ import annotations

from typing import Any

CHATS: dict[str, Any] = {
    "model": "cfx-auto",
    "messages": [
        {"role": "system", "content": "You are Roo. Current Mode <slug>code</slug>"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "Fix it", "cache_control": {"type": "ephemeral"}}],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": {}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "done"},
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}],
        },
    ],
    "stream": True,
    "stream_options": {"include_usage": True},
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "max_completion_tokens": -1,
    "max_tokens": 100,
    "temperature": 0.5,
    "top_p": 1,
    "n": 1,
    "stop": ["x"],
    "response_format": {"type": "json_object"},
    "metadata": {"a": "b"},
    "seed": 7,
}
