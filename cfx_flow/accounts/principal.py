"""Who is calling, as every room behind the door sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from cfx_flow.errors import InvalidApiKey


@dataclass(frozen=True, slots=True)
class SignedInAs:
    """What a token of Supabase Auth says."""

    user_id: str
    session_id: str | None
    email: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Principal:
    user_id: str
    """uuid as text"""
    name: str
    role: str
    """``user`` or ``admin``"""
    api_key_id: str | None
    """uuid of the key's row, never the key; None for who has signed in"""
    daily_limit: int
    """resolved: the key's own limit, else the account's, else the default"""
    max_streams: int = 2
    """resolved: the key's own limit, else the setting"""
    monthly_usd: Decimal | None = None
    """the account's budget; None: it has none"""
    stages: frozenset[str] | None = None
    """that the key may call; None: all"""
    models: frozenset[str] | None = None
    """that it may call directly, by public id; None: the whole whitelist"""
    permissions: frozenset[str] = field(default_factory=frozenset)
    sign_in: SignedInAs | None = None
    """None for who has a key"""

    @property
    def key_id(self) -> str:
        """Where only keys open: raises InvalidApiKey for who has signed in."""
        if self.api_key_id is None:
            raise InvalidApiKey(
                "Chat takes keys only, not a sign-in. Make one in the dashboard or with POST /v1/keys."
            )
        return self.api_key_id
