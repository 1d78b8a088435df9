"""A Supabase project's sign-in, as far as a server that checks its tokens sees it: a set of public keys."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

PATH = "/auth/v1/.well-known/jwks.json"
DRIPS_S = 5
SECRET = "the secret that the project's API shares with us"
ADA = "0d1f6f62-3f0a-4f57-9a43-1f6c9e5b7a01"


class SupabaseProject:
    """``answer`` is what it says when it is asked for its keys: a status and a body."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked = 0
        self.delay_s = 0.0
        self.drips = False
        self.speaks = threading.Event()
        self.speaks.set()
        self.keys: dict[str, tuple[str, Any]] = {"es": ("ES256", ec_key()), "rs": ("RS256", RSA.key)}
        self.answer: tuple[int, bytes] | None = None

    def jwks(self) -> bytes:
        return json.dumps({"keys": [public(kid, *key) for kid, key in self.keys.items()]}).encode()

    def claims(self, **changes: Any) -> dict[str, Any]:
        """``None`` takes a claim away."""
        now = int(time.time())
        claims = {
            "iss": f"{self.url}/auth/v1",
            "aud": "authenticated",
            "role": "authenticated",
            "sub": ADA,
            "email": "ada@example.com",
            "is_anonymous": False,
            "session_id": str(uuid.uuid4()),
            "iat": now,
            "exp": now + 3600,
        } | changes
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, kid: str = "es", **changes: Any) -> str:
        algorithm, key = self.keys[kid]
        payload = json.dumps(self.claims(**changes)).encode()  # jwt.encode refuses claims of the wrong type
        return jwt.PyJWS().encode(payload, key, algorithm, headers={"kid": kid, "typ": "JWT"})

    def shared_secret_token(self, secret: str = SECRET, **changes: Any) -> str:
        return jwt.encode(self.claims(**changes), secret, "HS256")


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


class _Rsa:
    @cached_property
    def key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(65537, 2048)


RSA = _Rsa()
"""made once: it takes a tenth of a second"""


def public(kid: str, algorithm: str, key: Any) -> dict[str, Any]:
    entry: dict[str, Any] = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
    return entry | {"kid": kid, "alg": algorithm, "use": "sig", "key_ops": ["verify"]}


@contextmanager
def supabase_project() -> Iterator[SupabaseProject]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            project.asked += 1
            project.speaks.wait(10)
            time.sleep(project.delay_s)
            status, body = project.answer or ((200, project.jwks()) if self.path == PATH else (404, b""))
            self.send_response(status)
            if status == 302:
                self.send_header("location", body.decode())
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self._write(body)

        def _write(self, body: bytes) -> None:
            if not project.drips:
                self.wfile.write(body)
                return
            with contextlib.suppress(OSError):  # until the reader leaves
                for byte in body[: DRIPS_S * 20]:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.05)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    project = SupabaseProject(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield project
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
