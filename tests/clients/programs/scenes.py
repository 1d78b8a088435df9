"""What every Python client program does: read its orders, play its scenes, print what it saw.

It runs in the client's own environment: nothing of the project can be imported here.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from threading import Thread
from typing import Any

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "read_file",
            "description": "Reads one file.",
            "parameters": {
                "type": "object",
                "properties": {"path": {"type": "string"}},
                "required": ["path"],
                "additionalProperties": False,
            },
        },
    }
]


@dataclass(frozen=True)
class Orders:
    """As the test writes them to standard input."""

    client: str
    base_url: str
    key: str
    spent_key: str
    """of a user whose day is used up"""
    fragile_model: str
    """a model whose breaker no other client needs"""
    image: str
    """a data: address"""

    def ask(self, marker: str) -> str:
        """What the user says; the provider's script and the test know it by its marker."""
        return f"[{marker}] {self.client}"

    def user(self, marker: str) -> list[dict[str, Any]]:
        return [{"role": "user", "content": self.ask(marker)}]

    def pictured(self, marker: str) -> list[dict[str, Any]]:
        text = {"type": "text", "text": self.ask(marker)}
        return [{"role": "user", "content": [text, {"type": "image_url", "image_url": {"url": self.image}}]}]


class Screen(io.StringIO):
    """What a command prints, and what it does there when somebody presses Ctrl-C."""

    def run(self, command: Callable[[], Any], *, ctrl_c_at: str | None = None) -> dict[str, Any]:
        """``ctrl_c_at``: the words on the screen at which the person has seen enough."""
        errors, code = io.StringIO(), 0
        if ctrl_c_at is not None:
            Thread(target=self._press, args=(ctrl_c_at,), daemon=True).start()
        try:
            with redirect_stdout(self), redirect_stderr(errors):
                command()
        except SystemExit as end:
            code = end.code
        return {"text": self.getvalue(), "said": errors.getvalue(), "code": code, "at": time.time()}

    def _press(self, words: str) -> None:
        while words not in self.getvalue():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)


Scene = Callable[[Orders], dict[str, Any]]


def play(*scenes: Scene) -> None:
    orders = Orders(**json.load(sys.stdin))
    seen = {}
    for scene in scenes:
        started = time.time()
        try:
            shown = scene(orders)
        except Exception:  # noqa: BLE001 - the test shows whatever went wrong
            shown = {"broke": traceback.format_exc()[-3000:]}
        seen[scene.__name__] = shown | {"seconds": round(time.time() - started, 2)}
    print(json.dumps(seen))


def usage_of(usage: Any) -> dict[str, Any] | None:
    """Tokens, with those from the cache both where SDKs and where editors look for them."""
    if usage is None:
        return None
    details = usage.prompt_tokens_details
    return {
        "input": usage.prompt_tokens,
        "output": usage.completion_tokens,
        "cached": details.cached_tokens if details else None,
        "cached_at_top": getattr(usage, "cache_read_input_tokens", None),
    }


def gather(chunks: Any) -> dict[str, Any]:
    """The chunks of a stream in OpenAI's shape, put together as the SDKs' users do it."""
    text, thought, pieces, finish, usage = "", "", 0, None, None
    calls: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        usage = getattr(chunk, "usage", None) or usage
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            pieces += bool(choice.delta.content)
            text += choice.delta.content or ""
            thought += getattr(choice.delta, "reasoning_content", None) or ""
            for part in choice.delta.tool_calls or ():
                call = calls.setdefault(part.index, {"id": part.id, "name": "", "arguments": ""})
                call["name"] += part.function.name or ""
                call["arguments"] += part.function.arguments or ""
    return {
        "text": text,
        "thought": thought,
        "pieces": pieces,
        "finish": finish,
        "calls": list(calls.values()),
        "usage": usage_of(usage),
    }


def whole(completion: Any) -> dict[str, Any]:
    choice = completion.choices[0]
    message = choice.message
    calls = [
        {"id": call.id, "name": call.function.name, "arguments": call.function.arguments}
        for call in message.tool_calls or ()
    ]
    return {
        "text": message.content,
        "thought": getattr(message, "reasoning_content", None) or "",
        "finish": choice.finish_reason,
        "calls": calls,
        "usage": usage_of(completion.usage),
    }


def answered(orders: Orders, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The conversation after the tool calls: each is answered under its id."""
    asked = [
        {"id": c["id"], "type": "function", "function": {"name": c["name"], "arguments": c["arguments"]}}
        for c in calls
    ]
    results = [
        {"role": "tool", "tool_call_id": c["id"], "content": f"contents {orders.ask('answered')}"}
        for c in calls
    ]
    return [*orders.user("tools"), {"role": "assistant", "content": None, "tool_calls": asked}, *results]
