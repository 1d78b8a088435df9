"""Access tokens of Supabase Auth: whose they are, or why they open nothing.

**Source**: Supabase's "JWT Claims Reference"; RFC 8725 (the algorithm is ours to say, not the token's).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import jwt
from jwt import PyJWK
from pydantic import SecretStr

from cfx_flow.accounts.jwks import Jwks
from cfx_flow.accounts.principal import SignedInAs
from cfx_flow.errors import ConfigError, InvalidApiKey

MAX_CHARS = 8192
MIN_SECRET_BYTES = 32
AUDIENCE = ROLE = "authenticated"
LEEWAY_S = 5
PUBLIC = ("RS256", "ES256")
SHARED = "HS256"
REQUIRED = ["exp", "iat", "iss", "aud", "sub", "role"]

NOT_OURS = "This sign-in is not valid here. Sign in again; for an editor, use a key of this server (cfx_…)."
ENDED = "This sign-in has ended. Sign in again."
ANONYMOUS = "Who signs in without an account has no access here. Sign in with an account."


class Tokens:
    """Of one project: signed by a key of its set, or (``secret``) by the secret that its API shares."""

    def __init__(self, project_url: str, jwks: Jwks, secret: SecretStr | None = None) -> None:
        self._issuer = f"{project_url}/auth/v1"
        self._jwks = jwks
        self._secret = require_long(secret) if secret is not None else None

    async def read(self, token: str) -> SignedInAs:
        """Raises InvalidApiKey, saying what to do; StoreUnavailable."""
        key, algorithm = await self._key_of(token)
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=AUDIENCE,
                issuer=self._issuer,
                leeway=LEEWAY_S,
                options={"require": REQUIRED},
            )
        except jwt.ExpiredSignatureError:
            raise InvalidApiKey(ENDED) from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            raise InvalidApiKey(NOT_OURS) from None
        return _person(claims)

    async def _key_of(self, token: str) -> tuple[PyJWK | str, str]:
        """The key and the one algorithm that goes with it: never the one where the other belongs."""
        if len(token) > MAX_CHARS:
            raise InvalidApiKey(NOT_OURS)
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError):
            raise InvalidApiKey(NOT_OURS) from None
        algorithm, kid = header.get("alg"), header.get("kid")
        if "crit" in header or header.get("b64", True) is not True:
            raise InvalidApiKey(NOT_OURS)
        if algorithm == SHARED and self._secret is not None:
            return self._secret, SHARED
        if algorithm in PUBLIC and isinstance(kid, str):
            key = await self._jwks.key(kid, algorithm)
            if key is not None:
                return key, algorithm
        raise InvalidApiKey(NOT_OURS)

    async def close(self) -> None:
        await self._jwks.close()


def require_long(secret: SecretStr) -> str:
    """The project's secret. Raises ConfigError for one that could be guessed."""
    text = secret.get_secret_value()
    if len(text.encode()) < MIN_SECRET_BYTES:
        raise ConfigError(
            f"it has less than {MIN_SECRET_BYTES} bytes and could be guessed; copy the whole of it from "
            "Supabase's settings",
            key="SUPABASE_JWT_SECRET",
        )
    return text


def _person(claims: dict[str, Any]) -> SignedInAs:
    """The project's own API keys are tokens of the same secret: they are nobody's sign-in."""
    if claims["role"] != ROLE or claims["aud"] != AUDIENCE:
        raise InvalidApiKey(NOT_OURS)
    if claims.get("is_anonymous") not in (None, False):
        raise InvalidApiKey(ANONYMOUS)
    try:
        user_id, session = str(UUID(claims["sub"])), claims.get("session_id")
        session_id = None if session is None else str(UUID(session))
        expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise InvalidApiKey(NOT_OURS) from None
    email = claims.get("email")
    return SignedInAs(user_id, session_id, email if isinstance(email, str) else None, expires_at)
