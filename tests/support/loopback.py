"""HTTP on loopback without what it does not need: proxies and a store of certificates (50 ms a client)."""

from __future__ import annotations

import http.client
import ssl
from typing import Any
from urllib.parse import urlsplit

import httpx


def loopback_client(**options: Any) -> httpx.Client:
    """httpx.Client; it trusts no certificate at all, since it speaks plain HTTP."""
    return httpx.Client(**{"trust_env": False, "verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), **options})


def is_ready(url: str) -> bool:
    """Whether a GET is answered with 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
