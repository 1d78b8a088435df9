"""How a key comes to be, and how another takes its place: within the caller's transaction."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Row, Select, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from cfx_flow.accounts.audit import Actor, Change, note
from cfx_flow.accounts.bounds import stages_of
from cfx_flow.accounts.key_rows import KeyInfo, NewKey, key_row
from cfx_flow.accounts.keys import hash_key, make_key
from cfx_flow.errors import Conflict, InvalidRequest, NotFound
from cfx_flow.store.engine import Store
from cfx_flow.store.tables import accounts, api_keys

ACTIVE, REVOKED = "active", "revoked"
MOST_STREAMS = 1000
MOST_MODELS = 100
LONGEST_GRACE = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWish:
    label: str | None = None
    permissions: frozenset[str] = frozenset()
    daily_limit: int | None = None
    max_streams: int | None = None
    by_owner: bool = False
    """whether the limits are a user's wish, not an admin's"""
    stages: frozenset[str] | None = None
    """that it may call; None: all"""
    models: frozenset[str] | None = None
    """that it may call directly, by public id; None: the whole whitelist"""
    expires_at: datetime | None = None

    def checked(self, now: datetime) -> KeyWish:
        """The same, tidied. Raises InvalidRequest."""
        _check_limits(self.daily_limit, self.max_streams)
        if self.expires_at is not None and self.expires_at <= now:
            raise InvalidRequest("the expiry lies in the past", param="expires_at")
        return replace(
            self,
            label=None if self.label is None else clean(self.label, "label"),
            permissions=_names(self.permissions, "permission"),
            stages=stages_of(self.stages),
            models=None if self.models is None else _names(self.models, "model"),
        )

    def detail(self) -> dict[str, Any]:
        """For the audit log: what was said."""
        said = {
            "label": self.label,
            "permissions": sorted(self.permissions) or None,
            "daily_limit": self.daily_limit,
            "max_streams": self.max_streams,
            "stages": None if self.stages is None else sorted(self.stages),
            "models": None if self.models is None else sorted(self.models),
            "expires_at": self.expires_at and self.expires_at.isoformat(),
        }
        return {name: value for name, value in said.items() if value is not None}


Allow: TypeAlias = Callable[[AsyncConnection, str], Awaitable[None]]
"""Raises what speaks against another key for the user with this id; asked while nobody else makes one."""


async def allow_all(_: AsyncConnection, __: str) -> None: ...


def is_id(which: str) -> bool:
    try:
        uuid.UUID(which)
    except ValueError:
        return False
    return True


def account_match(which: str) -> ColumnElement[bool]:
    """By id or name: no name has the form of an id, but that of who is called by their own."""
    if is_id(which):
        return accounts.c.user_id == str(uuid.UUID(which))
    return accounts.c.name == which.replace("\0", "").strip()  # Postgres takes none, and nobody has one


async def make_account(
    store: Store, connection: AsyncConnection, name: str, actor: Actor, now: datetime
) -> bool:
    """False: another was quicker. Raises Conflict on Supabase."""
    row = {"user_id": str(uuid.uuid4()), "name": name, "role": "user", "created_at": now}
    insert = store.insert(accounts).values(row).on_conflict_do_nothing(index_elements=[accounts.c.name])
    try:
        made = (await connection.execute(insert.returning(accounts.c.user_id))).first()
    except IntegrityError:
        raise Conflict(
            f"There is no account {name!r}, and on Supabase each belongs to a user who has signed up: "
            "`cfx users create NAME --id UUID` makes one for the user with this id."
        ) from None
    if made is not None:
        await note_made(connection, actor, row, now)
    return made is not None


async def note_made(
    connection: AsyncConnection, actor: Actor, row: Mapping[str, Any], now: datetime, **detail: Any
) -> None:
    change = Change(action="user.created", user_id=row["user_id"], subject=row["name"], detail=detail)
    await note(connection, actor, change, now)


async def held_account(connection: AsyncConnection, match: ColumnElement[bool]) -> Row[Any]:
    """Whose keys are about to change: until the transaction ends nobody else makes one for it, disables it or
    deletes it. Raises NotFound, Conflict for a disabled one."""
    query: Select[Any] = select(accounts.c.user_id, accounts.c.name, accounts.c.disabled_at).where(match)
    row: Row[Any] | None = (await connection.execute(query.with_for_update(key_share=True))).one_or_none()
    if row is None:
        raise NotFound("There is no such user; `cfx users list` shows all.", param="user")
    if row.disabled_at is not None:
        raise Conflict(f"the account {row.name!r} is disabled; it gets no new keys")
    return row


async def insert_key(
    connection: AsyncConnection, pepper: bytes, owner: Row[Any], wish: KeyWish, now: datetime
) -> NewKey:
    """``owner``: held; ``wish``: checked."""
    fresh = make_key()
    info = KeyInfo(
        id=str(uuid.uuid4()),
        key_id=fresh.key_id,
        user_id=owner.user_id,
        user_name=owner.name,
        label=wish.label,
        status=ACTIVE,
        permissions=wish.permissions,
        daily_limit=wish.daily_limit,
        max_streams=wish.max_streams,
        by_owner=wish.by_owner,
        stages=wish.stages,
        models=wish.models,
        created_at=now,
        expires_at=wish.expires_at,
        last_used_at=None,
    )
    await connection.execute(api_keys.insert().values(key_row(info, hash_key(pepper, fresh.text))))
    return NewKey(**{name: getattr(info, name) for name in KeyInfo.__slots__}, key=fresh.text)


async def retire(connection: AsyncConnection, old: KeyInfo, grace: timedelta, now: datetime) -> None:
    """It works for ``grace`` longer, or not at all. Raises Conflict for one that works no more."""
    if old.status != ACTIVE or (old.expires_at is not None and old.expires_at <= now):
        raise Conflict("this key works no more, so nothing can take its place; make a new one")
    if not timedelta(0) <= grace <= LONGEST_GRACE:
        raise InvalidRequest(f"an old key may go on for at most {LONGEST_GRACE.days} days", param="grace_s")
    ends = now + grace
    if old.expires_at is not None and old.expires_at < ends:
        return
    values: dict[str, Any] = {"expires_at": ends} if grace else {"status": REVOKED}
    await connection.execute(update(api_keys).where(api_keys.c.id == old.id).values(values))


def wish_of(info: KeyInfo) -> KeyWish:
    """To make another just like it."""
    return KeyWish(**{name: getattr(info, name) for name in KeyWish.__slots__})


def clean(text: str, what: str) -> str:
    """Names end up on terminals and in tables: printable, not empty, at most 200 characters."""
    text = text.strip()
    if not text or len(text) > 200 or not text.isprintable():
        raise InvalidRequest(f"a {what} is 1 to 200 printable characters", param=what.replace(" ", "_"))
    return text


def _names(names: Iterable[str], what: str) -> frozenset[str]:
    found = frozenset(clean(name, what) for name in names)
    if len(found) > MOST_MODELS:
        raise InvalidRequest(f"a key names at most {MOST_MODELS} of them", param=f"{what}s")
    return found


def _check_limits(daily_limit: int | None, max_streams: int | None) -> None:
    if daily_limit is not None and not 0 <= daily_limit < 2**31:
        raise InvalidRequest("a daily limit is a number from 0 to 2147483647", param="daily_limit")
    if max_streams is not None and not 0 <= max_streams <= MOST_STREAMS:
        raise InvalidRequest(f"a key has 0 to {MOST_STREAMS} streams at a time", param="max_streams")
