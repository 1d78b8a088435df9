"""A small HTTP server that plays the API's part: each request takes the next of its path's answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    body: bytes
    status: int = 200
    content_type: str = "application/json"
    cut_short: bool = False
    """announces more bytes than it sends, and hangs up"""


@dataclass
class ScriptedApi:
    url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def json(self, path: str, body: Any, status: int = 200) -> None:
        self.answers.setdefault(path, []).append(Answer(json.dumps(body).encode(), status))

    def error(self, path: str, status: int, message: str, code: str) -> None:
        self.json(path, {"error": {"message": message, "type": "t", "param": None, "code": code}}, status)

    def stream(self, path: str, body: bytes, *, cut_short: bool = False) -> None:
        self.answers.setdefault(path, []).append(Answer(body, 200, "text/event-stream", cut_short))

    def headers_of(self, path: str) -> list[dict[str, str]]:
        return [headers for _, seen, headers in self.seen if seen == path]


def frames(rows: list[dict[str, Any]]) -> bytes:
    """Events as the API writes them, U+2028 and all."""
    return "".join(
        f"id: {row['seq']}\nevent: {row['type']}\ndata: {json.dumps(row, ensure_ascii=False)}\n\n"
        for row in rows
    ).encode()


@contextmanager
def scripted_api() -> Iterator[ScriptedApi]:
    api = ScriptedApi()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            path = self.path.partition("?")[0]
            api.seen.append(
                (self.command, path, {name.lower(): value for name, value in self.headers.items()})
            )
            answers = api.answers.get(path) or [Answer(b"{}", 404)]
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(answer.status)
            self.send_header("content-type", answer.content_type)
            self.send_header("content-length", str(len(answer.body) + answer.cut_short))
            self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = True

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
