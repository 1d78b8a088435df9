"""Between the ``api_keys`` table and what is known of a key."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select

from cfx_flow.accounts.keys import find_key_id
from cfx_flow.errors import NotFound
from cfx_flow.store.tables import accounts, api_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInfo:
    """Everything about a key but the key."""

    id: str
    key_id: str
    user_id: str
    user_name: str
    label: str | None
    status: str
    permissions: frozenset[str]
    daily_limit: int | None
    max_streams: int | None
    by_owner: bool = False
    """who has made it: limits that a user gives to their own key hold only below the account's"""
    stages: frozenset[str] | None
    """that it may call; None: all"""
    models: frozenset[str] | None
    """that it may call directly, by public id; None: the whole whitelist"""
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey(KeyInfo):
    key: str = field(repr=False)
    """shown once; only its hash is stored"""
    is_account_new: bool = False
    """nobody of that name was there before"""


def select_keys() -> Select[Any]:
    """Everything but the hash, which nobody needs but who checks a key."""
    return select(
        *(column for column in api_keys.columns if column is not api_keys.c.key_hash),
        accounts.c.name,
        accounts.c.role,
        accounts.c.disabled_at,
        accounts.c.daily_limit.label("account_daily_limit"),
        accounts.c.monthly_usd,
    ).join_from(api_keys, accounts)


def key_match(which: str) -> Any:
    key_id = find_key_id(which)
    if key_id is not None:
        return api_keys.c.key_id == key_id
    try:
        return api_keys.c.id == str(uuid.UUID(which))
    except ValueError:
        raise NotFound("this is no id of a key; `cfx keys list` shows the ids") from None


def key_info(row: Row[Any]) -> KeyInfo:
    return KeyInfo(
        id=row.id,
        key_id=row.key_id,
        user_id=row.user_id,
        user_name=row.name,
        label=row.label,
        status=row.status,
        permissions=frozenset(row.permissions),
        daily_limit=row.limits.get("daily"),
        max_streams=row.limits.get("streams"),
        by_owner=row.limits.get("by_owner", False),
        stages=names_in(row.limits, "stages"),
        models=names_in(row.limits, "models"),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )


def limit_of(limits: Mapping[str, Any], name: str, account_limit: int) -> int:
    """What holds for calls made with a key. Its own limit replaces the account's, up and down, where an admin
    has set it; where its owner has, it may not outlive what the account had then."""
    own: int | None = limits.get(name)
    if own is None:
        return account_limit
    return min(own, account_limit) if limits.get("by_owner") else own


def names_in(limits: Mapping[str, Any], name: str) -> frozenset[str] | None:
    names = limits.get(name)
    return None if names is None else frozenset(names)


def key_row(info: KeyInfo, digest: bytes) -> dict[str, Any]:
    limits = {
        "daily": info.daily_limit,
        "streams": info.max_streams,
        "by_owner": info.by_owner or None,
        "stages": None if info.stages is None else sorted(info.stages),
        "models": None if info.models is None else sorted(info.models),
    }
    return {
        "id": info.id,
        "user_id": info.user_id,
        "key_id": info.key_id,
        "key_hash": digest,
        "label": info.label,
        "status": info.status,
        "permissions": sorted(info.permissions),
        "limits": {name: limit for name, limit in limits.items() if limit is not None},
        "created_at": info.created_at,
        "expires_at": info.expires_at,
    }
