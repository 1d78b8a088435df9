"""What the scripted provider says to the clients: one marker in the user's words, one kind of answer."""

from __future__ import annotations

import json
from typing import Any

from cli.demo.wire import sse
from tests.support.flows import says

HELLO = "Grüße vom Modell 🦊 — as scripted."
CACHED = 64
USED = {"prompt_tokens": 100, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": CACHED}}
PATHS = ("src/größe.py", "src/b.py")
THOUGHT, SAID = "First I look, then I leap.", "Leap."
OVERFLOW = "This model's maximum context length is 131072 tokens. However, your messages resulted in 150000."
REFUSED = "Bad parameter: top_p must be at most 1"
WAIT_S = 1
SLOWLY = "word word " + "".join(f"w{number:03} " for number in range(400))
"""no word a hundred times in a row: LiteLLM ends such a stream"""
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQ"
    "DwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)


def rules_for(client: str) -> list[dict[str, Any]]:
    """``[marker] client`` in the last message chooses; replies that change are this client's own."""
    replies: dict[str, list[dict[str, Any]]] = {
        "hello": [says(HELLO, chunk_chars=5, usage=USED)],
        "staged": [says("Reviewed.")],
        "tools": [{"tool_calls": [{"name": "read_file", "arguments": {"path": path}} for path in PATHS]}],
        "answered": [says("Both are read.")],
        "thinking": [{"raw": _thinking(), "content_type": "text/event-stream"}],
        "picture": [says("One red pixel.")],
        "too long": [_error(400, OVERFLOW, code="context_length_exceeded")],
        "bad request": [_error(400, REFUSED)],
        "limited": [{"status": 429, "headers": {"Retry-After": str(WAIT_S)}}, says("Patience.")],
        "flaky": [{"status": 503}, {"status": 503}, says("At last.")],
        "torn": [says("Half a sentence", chunk_chars=4, chunk_delay_s=0.15, drop_after_chunks=3)],
        "slow": [says(SLOWLY, chunk_chars=5, chunk_delay_s=0.1)],
        "left open": [says(SLOWLY, chunk_chars=5, chunk_delay_s=0.1)],
        "silent": [says("too late", delay_s=60)],
        "down": [{"status": 503}],
    }
    return [{"last_contains": f"[{marker}] {client}", "replies": given} for marker, given in replies.items()]


EDITED = 'def greet(name):\n    return f"Hello {name}!"\n'
_BLOCK = """Here it is.

greet.py
```python
<<<<<<< SEARCH
    return "Hello " + name
=======
    return f"Hello {name}!"
>>>>>>> REPLACE
```
"""
_WHOLE = f"greet.py\n```\n{EDITED}```\n"
COMMIT = "feat: greet with an exclamation mark"
ADVICE = "Return an f-string in greet.py."


def rules_for_aider(client: str) -> list[dict[str, Any]]:
    """Its own reminders stand around what the user said, and its commit messages are a call of their own."""
    replies = {
        "edit": says(_BLOCK, chunk_chars=20),
        "architect": says(ADVICE),
        "auto": says(_WHOLE),
        "too long": _error(400, OVERFLOW, code="context_length_exceeded"),
        "slow": says(SLOWLY, chunk_chars=5, chunk_delay_s=0.1),
    }
    return [
        {"contains": "commit message", "replies": [says(COMMIT)], "stateless": True},
        {"last_contains": ADVICE, "replies": [says(_WHOLE)]},
        *({"contains": f"[{marker}] {client}", "replies": [given]} for marker, given in replies.items()),
    ]


RULES = {"aider": rules_for_aider}


def _error(status: int, message: str, code: str | None = None) -> dict[str, Any]:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return {"status": status, "body": {"error": error}}


def _thinking() -> list[str]:
    """As DeepSeek streams it: ``reasoning_content`` first, then ``content``."""
    words = [{"role": "assistant", "content": None, "reasoning_content": ""}]
    words += [{"reasoning_content": f"{word} "} for word in THOUGHT.split()]
    words += [{"content": SAID}]
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in words]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return [sse(head | {"choices": [choice]}).decode() for choice in choices] + [sse("[DONE]").decode()]


def marked(call: dict[str, Any], marker: str, client: str) -> bool:
    return f"[{marker}] {client}" in json.dumps(call["body"], ensure_ascii=False)
