"""What a caller may send: HTTP and JSON that are right, nearly right, and none at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.campaigns.rubbish import ODD_VALUES, as_json, mutated, spoilt

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


FLOWS: dict[str, Any] = {
    "task": "Greet",
    "workspace": {"files": {"a.py": "print(1)\n", "b/c.py": ""}},
    "max_rounds": 1,
    "approval": "auto",
    "budget": {"usd": 0.5, "tokens": 1000, "seconds": 5},
    "stages": {"code": {"model": "lane-0"}},
    "metadata": {"a": "b", "n": 1},
}
CHAT = b"/v1/chat/completions"
PATHS = st.sampled_from(
    [CHAT] * 8
    + [b"/v1/flows", b"/v1/flows", b"/v1/models", b"/v1/models/x", b"//v1//models/", b"/chat/completions/", b"/v1/snapshots"]
    + [b"/healthz", b"/readyz", b"/docs", b"/openapi.json", b"/", b"*", b"/v1/flows/%00", b"/v1/flows/../flows", b"/%ff%fe"]
    + [b"/v1/flows?limit=\xff", b"/v1/flows?status=%00&cursor=%ff", b"/v1/models?" + b"a=b&" * 500, b"/" + b"a" * 60_000]
    + [b"http://elsewhere/v1/models", b"//", b"/v1/models#x", b"/v1/models;a=b", b"/v1/mod\xc3\xa9ls", b"/v1/flows/\xf0\x9f"]
    + [b"/v1/flows/00000000-0000-4000-8000-000000000000/events", b"/v1/flows/x/steps/99999999999999999999", b"/v1/logs"]
    + [b"/v1/flows/x/cancel", b"/v1/usage?day=%00", b"/v1/keys", b"/metrics", b"/v1/model/info", b"/v1/keys/%2e%2e"]
)  # fmt: skip
METHODS = st.sampled_from(
    [b"POST"] * 8
    + [b"GET"] * 4
    + [b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT", b"PRI", b"G", b"get"]
)
HEADERS = st.sampled_from(
    [b"X-CFX-Stage: plan", b"X-CFX-Stage: \xff", b"X-CFX-Stage: deploy", b"X-CFX-Stage: direct", b"X-CFX-Prompt: none",
     b"X-CFX-Prompt: \0x", b"X-CFX-Prompt: stage", b"X-CFX-Session-Id: a", b"X-CFX-Session-Id: \xff\xfe" + b"s" * 9000,
     b"X-CFX-Replace: true", b"X-CFX-Replace: \xc3\x28", b"X-Stainless-Retry-Count: 1", b"X-Stainless-Retry-Count: -1",
     b"X-Stainless-Retry-Count: many", b"X-Stainless-Retry-Count: " + b"9" * 5000, b"User-Agent: RooCode/3", b"User-Agent: \xff",
     b"Accept: text/event-stream", b"Accept: \xff", b"Accept-Encoding: gzip, br", b"Content-Type: application/json",
     b"Content-Type: multipart/form-data", b"Content-Type: \xff; charset=x", b"Content-Type: application/json; charset=utf-16",
     b"Content-Encoding: gzip", b"Last-Event-ID: 5", b"Last-Event-ID: x", b"Last-Event-ID: " + b"9" * 5000, b"Idempotency-Key: \xff",
     b"Range: bytes=0-", b"If-None-Match: *", b"Cookie: a=b; \xff", b"Expect: 100-continue", b"Expect: the unexpected",
     b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk", b"Upgrade: websocket\r\nConnection: upgrade",
     b"Host: y", b"X-Forwarded-For: \xff, 1", b"X-Request-Id: \xff", b"TE: trailers", b"Prefer: wait=99999", b"X-Nul: a\0b",
     b"X-Folded: a\r\n b", b"No colon", b": none", b"Space : x", b"X-Huge: " + b"x" * 70_000, b"Authorization: Bearer x",
     b"\r\n".join(b"X-%d: y" % n for n in range(200)), b"Proxy-Authorization: Basic x", b"Date: never", b"Content-Length: 3",
     b"Content-Length: 99999999999999999999", b"Content-Length: -1", b"Transfer-Encoding: chunked", b"Transfer-Encoding: x",
     b"Trailer: Authorization"]
)  # fmt: skip


@dataclass(frozen=True)
class Request:
    """Without the key, which the lane adds."""

    start: bytes
    headers: tuple[bytes, ...]
    body: bytes
    framing: str
    with_key: bool

    def bytes(self, key: str) -> bytes:
        lines = [self.start, b"Host: x", b"Connection: close", *self.headers]
        if self.with_key:
            lines.append(b"Authorization: Bearer " + key.encode())
        body = self.body
        if self.framing == "length":
            lines.append(b"Content-Length: %d" % len(body))
        elif self.framing == "chunked":
            lines.append(b"Transfer-Encoding: chunked")
            half = len(body) // 2
            body = b"".join(
                b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:half], body[half:]) if part
            )
            body += b"0\r\n\r\n"
        return b"\r\n".join(lines) + b"\r\n\r\n" + body


def bodies(models: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """Chats to the lane's own model, mostly; flows; and what is neither."""
    chats = models.flatmap(lambda model: mutated({**CHATS, "model": model}, at_most=2))
    return st.sampled_from(["chat"] * 6 + ["flow", "flow", "spoilt", "odd", "bytes"]).flatmap(
        {
            "chat": as_json(chats),
            "flow": as_json(mutated(FLOWS, at_most=2)),
            "spoilt": spoilt(as_json(chats)),
            "odd": as_json(ODD_VALUES),
            "bytes": st.binary(max_size=300),
        }.__getitem__
    )


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Mostly a chat with something odd in its body or headers."""
    models = st.sampled_from(
        ["lane-0", "lane-1", "lane-2", "cfx-plan", "cfx-code", "cfx-auto", "cfx-flow", "nobody"]
    )
    layer = draw(st.sampled_from(["body"] * 4 + ["head"] * 2))
    start, headers, framing = (
        b"POST " + draw(st.sampled_from([CHAT, CHAT, CHAT, b"/v1/flows"])) + b" HTTP/1.1",
        (),
        "length",
    )
    if layer == "head":
        version = draw(
            st.sampled_from([b"HTTP/1.1"] * 12 + [b"HTTP/1.0", b"HTTP/2.0", b"HTTP/0.9", b"", b"HTTP/1.1\0"])
        )
        start = draw(METHODS) + b" " + draw(PATHS) + b" " + version
        headers = tuple(draw(st.lists(HEADERS, max_size=3)))
        framing = draw(st.sampled_from(["length", "length", "chunked", "none"]))
        if framing == "none":  # a body that is announced and never comes is waited for
            headers = tuple(line for line in headers if not line.startswith((b"Content-Length", b"Transfer")))
    body = draw(bodies(models)) if framing != "none" else b""
    return Request(start, headers, body, framing, with_key=draw(st.sampled_from([True] * 15 + [False])))
