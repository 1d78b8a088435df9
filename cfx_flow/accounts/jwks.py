"""The public keys with which a Supabase project signs its tokens: fetched seldom, kept through an outage.

**Source**: RFC 7517; Supabase's guide "JWT Signing Keys" (a new key stands in the set before it signs, an old
one for as long as its tokens last).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import structlog
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from cfx_flow.clock import Clock
from cfx_flow.errors import StoreUnavailable

log = structlog.get_logger(__name__)

FRESH_S = 600.0
USABLE_S = 86_400.0
"""without an answer; after that a key that was withdrawn meanwhile would be trusted for too long"""
AGAIN_S = 10.0
"""between fetches, whoever asks for whatever: invented ids of keys cost Supabase nothing"""
DEADLINE_S = 5.0
"""of a fetch as a whole: an answer that drips is given up like one that does not come"""
OK = 200
MAX_BYTES = 64 * 1024
MAX_KEYS = 20
CURVES_AND_HASHES = {"RS256": "RSA", "ES256": "EC"}
UNREACHABLE = (
    "The keys that check sign-ins cannot be fetched. Try again in a few seconds, or use a key of this "
    "server. Operator: check that SUPABASE_URL is right and can be reached from here."
)

Fetch = Callable[[str], Awaitable[bytes]]


async def fetch(url: str, deadline_s: float = DEADLINE_S) -> bytes:
    """No redirects: keys are trusted for the address that they were asked at. Raises OSError, ValueError,
    aiohttp.ClientError."""
    body = bytearray()
    async with _session(deadline_s) as session, session.get(url, allow_redirects=False) as answer:
        if answer.status != OK:
            raise ValueError(f"status {answer.status}")
        async for chunk in answer.content.iter_any():
            body += chunk
            if len(body) > MAX_BYTES:
                raise ValueError(f"more than {MAX_BYTES} bytes")
    return bytes(body)


def _session(deadline_s: float) -> aiohttp.ClientSession:
    """One for each fetch: they are minutes apart. What is packed could grow while it is unpacked."""
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=deadline_s),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        headers={"user-agent": "cfx-flow", "accept": "application/json", "accept-encoding": "identity"},
    )


class Jwks:
    def __init__(self, url: str, clock: Clock, fetch: Fetch = fetch) -> None:
        self._url, self._clock, self._fetch = url, clock, fetch
        self._keys: Mapping[str, PyJWK] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, kid: str, algorithm: str) -> PyJWK | None:
        """None: the project has no such key. Raises StoreUnavailable while nothing is known of its keys."""
        age_s = self._age_s(self._fetched_at)
        if age_s > USABLE_S:
            self._keys = {}
        if kid in self._keys:
            if age_s > FRESH_S:
                self._begin()  # nobody waits for it
        else:
            await self._look_again()
        if self._fetched_at is None or self._age_s(self._fetched_at) > USABLE_S:
            raise StoreUnavailable(UNREACHABLE, code="sign_in_unavailable", headers={"retry-after": "10"})
        key = self._keys.get(kid)
        return key if key is not None and key.algorithm_name == algorithm else None

    async def _look_again(self) -> None:
        self._begin()
        if self._fetching is not None:
            await asyncio.shield(self._fetching)

    def _begin(self) -> None:
        """One fetch at a time, and none soon after another."""
        is_under_way = self._fetching is not None and not self._fetching.done()
        if not is_under_way and self._age_s(self._tried_at) >= AGAIN_S:
            self._tried_at = self._clock.monotonic()
            self._fetching = asyncio.create_task(self._refresh())

    async def _refresh(self) -> None:
        try:
            self._keys = read_keys(await self._fetch(self._url))
        except (OSError, ValueError, aiohttp.ClientError) as error:
            said = str(error)[:200] or type(error).__name__  # a TimeoutError says nothing
            log.warning("jwks.not_fetched", error=said, keys_kept=len(self._keys))
            return
        self._fetched_at = self._clock.monotonic()

    def _age_s(self, at: float | None) -> float:
        return float("inf") if at is None else self._clock.monotonic() - at

    async def close(self) -> None:
        if self._fetching is not None:
            await asyncio.wait([self._fetching])


def read_keys(body: bytes) -> dict[str, PyJWK]:
    """Those that may check a token: signing keys of the two algorithms, with an id. Raises ValueError."""
    try:
        document = json.loads(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("this is no set of keys")
    keys: dict[str, PyJWK] = {}
    for entry in entries[:MAX_KEYS]:
        if isinstance(entry, dict) and (key := _key_of(entry)) is not None:
            keys[entry["kid"]] = key
    return keys


def _key_of(entry: Mapping[str, Any]) -> PyJWK | None:
    algorithm = entry.get("alg")
    if not isinstance(entry.get("kid"), str) or entry.get("use", "sig") != "sig":
        return None
    if CURVES_AND_HASHES.get(str(algorithm)) != entry.get("kty") or "d" in entry:
        return None
    try:
        return PyJWK(dict(entry), algorithm=str(algorithm))
    except (PyJWTError, ValueError, TypeError, KeyError) as error:
        log.warning("jwks.unreadable_key", kid=entry["kid"][:100], error=str(error)[:200])
        return None
