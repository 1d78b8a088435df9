"""What every answer of the server owes its caller, whatever went wrong."""

from __future__ import annotations

import uuid
from typing import Any

import httpx

HTML = "<html><title>502 Bad Gateway</title><h1>nginx/1.2.3 at upstream-7.internal</h1></html>"
"""what a broken gateway sends in a model's place"""

LEAKS = ("<html", "nginx", "upstream-7", "Traceback", "litellm.", "127.0.0.1", "Received Model Group")


def assert_clean(message: str) -> None:
    """No page, no stack, no inner address of the provider or of LiteLLM reaches people."""
    assert [leak for leak in LEAKS if leak in message] == []


def error_of(answer: httpx.Response, status: int | None = None, code: str | None = None) -> dict[str, Any]:
    """The ``error`` object of an answer that is a clear refusal in OpenAI's shape, never a 5xx of ours."""
    assert answer.status_code >= 400, answer.text
    assert answer.status_code != 500, answer.text
    assert status is None or answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/json"), answer.headers
    body = answer.json()
    assert set(body) == {"error"}
    error = body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str)
    assert len(error["message"]) > 10, "the message says what to do"
    assert "Traceback" not in error["message"]
    assert code is None or error["code"] == code, error
    assert_identified(answer)
    return dict(error)


def assert_identified(answer: httpx.Response) -> None:
    """The request has a number that the caller can quote and SDKs can read."""
    assert str(uuid.UUID(answer.headers["x-cfx-request-id"])) == answer.headers["x-cfx-request-id"]
    assert answer.headers["x-request-id"] == answer.headers["x-cfx-request-id"]
