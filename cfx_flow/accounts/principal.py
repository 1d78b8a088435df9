"""Who is calling, as every room behind the door sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Principal:
    user_id: str
    """uuid as text"""
    name: str
    role: str
    """``user`` or ``admin``"""
    api_key_id: str
    """uuid of the key's row, never the key"""
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
