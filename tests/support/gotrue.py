"""A stand-in for Supabase Auth (GoTrue), which does not run here: it wants Docker, or Go and its modules.

**Source**: github.com/supabase/auth, ``internal/api`` (token.go, logout.go, auth.go, errors.go) and
``internal/tokens/service.go``: paths, JSON, error codes and texts, what becomes of refresh tokens. Only what
a sign-in by password needs is there. The tokens are real: the API checks them by this project's public keys.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

from tests.support.supabase import PATH, SupabaseProject

EXPIRES_IN = 3600
API_VERSION = "2024-01-01"
ANON_KEY = "the public key of a project that does not exist"
HEADERS = "authorization, content-type, x-client-info, apikey, x-supabase-api-version"
Answer = tuple[int, dict[str, Any] | None]


def refused(status: int, code: str, message: str) -> Answer:
    return status, {"code": code, "message": message}


@dataclass
class Session:
    user: dict[str, Any]
    tokens: list[str] = field(default_factory=list)
    """refresh tokens, each the parent of the next; the last one is active"""


class GoTrue:
    """``is_away``: it tears each connection. ``calls``: what was asked, in order."""

    def __init__(self, url: str) -> None:
        self.project = SupabaseProject(url)
        self.url = url
        self.is_away = False
        self.asked_away = 0
        """how often it was, while away"""
        self.calls: list[str] = []
        self.sessions: dict[str, Session] = {}
        self._people: dict[str, tuple[str, dict[str, Any]]] = {}

    def person(self, email: str, password: str) -> str:
        """Their id."""
        now = datetime.now(UTC).isoformat()
        user_id = str(uuid.uuid4())
        user = {
            "id": user_id,
            "aud": "authenticated",
            "role": "authenticated",
            "email": email,
            "email_confirmed_at": now,
            "phone": "",
            "confirmed_at": now,
            "last_sign_in_at": now,
            "app_metadata": {"provider": "email", "providers": ["email"]},
            "user_metadata": {"email": email, "email_verified": True},
            "identities": [],
            "created_at": now,
            "updated_at": now,
            "is_anonymous": False,
        }
        self._people[email] = password, user
        return user_id

    def end_all_sessions(self) -> None:
        """As an administrator does, or a change of the password."""
        self.sessions.clear()

    def answer(self, method: str, url: str, headers: Any, body: bytes) -> Answer:
        asked = urlsplit(url)
        path = asked.path.removeprefix("/auth/v1")
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        if asked.path == PATH:
            return 200, json.loads(self.project.jwks())
        self.calls.append(f"{path} {query.get('grant_type') or query.get('scope') or ''}".strip())
        if headers.get("apikey") != ANON_KEY:
            return 401, {"message": "No API key found in request"}  # Kong, which stands before it
        if (method, path) == ("POST", "/token"):
            return self._token(query.get("grant_type", ""), json.loads(body))
        return self._of_session(method, path, headers.get("authorization", ""))

    def _of_session(self, method: str, path: str, header: str) -> Answer:
        session_id = self._session_of(header)
        if session_id is None:
            return refused(403, "bad_jwt", "invalid JWT: unable to parse or verify signature")
        if session_id not in self.sessions:
            text = "Session from session_id claim in JWT does not exist"
            return refused(403, "session_not_found", text)
        if (method, path) == ("GET", "/user"):
            return 200, self.sessions[session_id].user
        if (method, path) == ("POST", "/logout"):
            del self.sessions[session_id]
            return 204, None
        return refused(404, "not_found", "404 page not found")

    def _token(self, grant: str, body: dict[str, Any]) -> Answer:
        if grant == "password":
            password, user = self._people.get(body.get("email", ""), (None, None))
            if user is None or password != body.get("password"):
                return refused(400, "invalid_credentials", "Invalid login credentials")
            session_id = str(uuid.uuid4())
            self.sessions[session_id] = Session(user)
            return self._granted(session_id)
        if grant == "refresh_token":
            return self._refreshed(body.get("refresh_token", ""))
        return refused(400, "validation_failed", "unsupported_grant_type")

    def _refreshed(self, token: str) -> Answer:
        for session_id, session in self.sessions.items():
            if token not in session.tokens:
                continue
            if token == session.tokens[-1]:
                return self._granted(session_id)
            if token == session.tokens[-2]:  # its answer was lost, or another tab was quicker
                return self._granted(session_id, session.tokens[-1])
            del self.sessions[session_id]
            return refused(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")
        return refused(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")

    def _granted(self, session_id: str, token: str | None = None) -> Answer:
        session = self.sessions[session_id]
        if token is None:
            token = secrets.token_urlsafe(9)
            session.tokens.append(token)
        now = int(time.time())
        claims = {"sub": session.user["id"], "email": session.user["email"], "session_id": session_id}
        return 200, {
            "access_token": self.project.token(**claims, iat=now, exp=now + EXPIRES_IN, jti=token),
            "token_type": "bearer",
            "expires_in": EXPIRES_IN,
            "expires_at": now + EXPIRES_IN,
            "refresh_token": token,
            "user": session.user,
        }

    def _session_of(self, header: str) -> str | None:
        """Of a token that this project has signed and that has not ended."""
        algorithm, key = self.project.keys["es"]
        try:
            token = header.removeprefix("Bearer ")
            claims = jwt.decode(token, key.public_key(), [algorithm], audience="authenticated")
        except jwt.InvalidTokenError:
            return None
        return str(claims["session_id"])


@contextmanager
def gotrue() -> Iterator[GoTrue]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if service.is_away:
                service.asked_away += 1
                self.close_connection = True
                return
            status, answer = service.answer(self.command, self.path, self.headers, body)
            self._send(status, b"" if answer is None else json.dumps(answer).encode())

        def do_POST(self) -> None:
            self.do_GET()

        def do_OPTIONS(self) -> None:
            self._send(204, b"")

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("access-control-allow-origin", self.headers.get("origin", "*"))
            self.send_header("access-control-allow-headers", HEADERS)
            self.send_header("access-control-expose-headers", "x-supabase-api-version")
            self.send_header("x-supabase-api-version", API_VERSION)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True  # connections that browsers keep alive
    service = GoTrue(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
