"""Accounts and their keys: making, listing, revoking, and answering "who is this?" on every request."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cfx_flow.accounts.audit import SERVER, Actor, Change, note
from cfx_flow.accounts.behind import HashedAnew, LastUsed
from cfx_flow.accounts.cache import CACHE_TTL_S, Answer, AnswerCache
from cfx_flow.accounts.key_rows import KeyInfo, NewKey, key_info, key_match, limit_of, names_in, select_keys
from cfx_flow.accounts.keys import hash_key, read_key_id
from cfx_flow.accounts.making import (
    ACTIVE,
    REVOKED,
    Allow,
    KeyWish,
    account_match,
    allow_all,
    clean,
    held_account,
    insert_key,
    is_id,
    make_account,
    retire,
    wish_of,
)
from cfx_flow.accounts.principal import Principal
from cfx_flow.clock import Clock
from cfx_flow.errors import InvalidApiKey, NotFound
from cfx_flow.store.engine import Store
from cfx_flow.store.jobs import Ask, Steps
from cfx_flow.store.tables import accounts, api_keys

NOBODY = b"\0" * 32

MALFORMED = (
    "This is not a complete CF-X key: a character is wrong or missing. "
    "Copy it again, whole; it starts with cfx_ and is 66 characters long."
)
UNKNOWN = (
    "This key is not known here. Check that it belongs to this server, or ask the operator for a new one."
)
GONE = "This key was revoked. Ask the operator for a new one."
EXPIRED = "This key has expired. Ask the operator for a new one."
DISABLED = "This account is disabled. Ask the operator."


_BY_PUBLIC_ID = (
    select_keys().add_columns(api_keys.c.key_hash).where(api_keys.c.key_id == bindparam("public_id"))
)


def _key_of(key_id: str) -> Steps[Any]:
    """A job, since on SQLite it takes no thread: each hop there and back would wait for the loop's turn."""
    rows = yield Ask(_BY_PUBLIC_ID, {"public_id": key_id})
    return SimpleNamespace(**rows[0]) if rows else None


class Accounts:
    """``close()`` waits for what is written behind the requests' backs."""

    def __init__(  # noqa: PLR0913 - the last ones are settings
        self,
        store: Store,
        pepper: SecretStr,
        clock: Clock,
        default_daily_limit: int,
        default_max_streams: int = 2,
        *,
        former_peppers: Sequence[SecretStr] = (),
    ) -> None:
        self._store = store
        self._peppers = [each.get_secret_value().encode() for each in (pepper, *former_peppers)]
        """the one that counts, then those before it"""
        self._clock = clock
        self._default_daily_limit = default_daily_limit
        self._default_max_streams = default_max_streams
        self._answers = AnswerCache(clock)
        self._last_used, self._hashed_anew = LastUsed(store, clock), HashedAnew(store)

    async def authenticate(self, token: str) -> Principal:
        """Raises InvalidApiKey, saying what to do. An answer is kept for 5 s at most, so a revocation takes
        effect within that time in every process."""
        label = self._answers.label(token)
        answer = self._answers.get(label)
        if answer is None:
            key_id = read_key_id(token)
            if key_id is None:
                raise InvalidApiKey(MALFORMED)
            answer = await self._answers.ask_once(label, partial(self._look_up, key_id, token, label))
        if isinstance(answer, str):
            raise InvalidApiKey(answer)
        return answer

    async def _look_up(self, key_id: str, token: str, label: bytes) -> Answer:
        """A failing store raises and is not remembered."""
        asked_at = self._clock.monotonic()
        row = await self._store.look(lambda: _key_of(key_id))
        now = self._clock.now()
        matches = self._matches(row.key_hash if row else NOBODY, token)
        answer = self._judge(row, now) if row and any(matches) else UNKNOWN
        valid_s = CACHE_TTL_S
        if row and isinstance(answer, Principal):
            if row.expires_at:
                valid_s = min(valid_s, (row.expires_at - now).total_seconds())
            self._last_used.note(row.id, row.last_used_at)
            if not matches[0]:
                self._hashed_anew.note(row.id, row.key_hash, hash_key(self._peppers[0], token))
        self._answers.put(label, answer, until=asked_at + valid_s)
        return answer

    def _matches(self, stored: bytes, token: str) -> list[bool]:
        """For each pepper, all of them compared: the time it takes tells nothing."""
        return [hmac.compare_digest(stored, hash_key(pepper, token)) for pepper in self._peppers]

    def _judge(self, row: Row[Any], now: datetime) -> Answer:
        if row.status != ACTIVE:
            return GONE
        if row.expires_at is not None and row.expires_at <= now:
            return EXPIRED
        if row.disabled_at is not None:
            return DISABLED
        account_limit = row.account_daily_limit
        account_limit = self._default_daily_limit if account_limit is None else account_limit
        stages, models = names_in(row.limits, "stages"), names_in(row.limits, "models")
        return Principal(
            user_id=row.user_id,
            name=row.name,
            # An admin's editor has a bound key: leaked, it must not make itself an unbound one.
            role=row.role if stages is None and models is None else "user",
            api_key_id=row.id,
            daily_limit=limit_of(row.limits, "daily", account_limit),
            max_streams=limit_of(row.limits, "streams", self._default_max_streams),
            monthly_usd=row.monthly_usd,
            stages=stages,
            models=models,
            permissions=frozenset(row.permissions),
        )

    async def refused_among(self, api_key_ids: Sequence[str]) -> dict[str, str]:
        """Of keys that were let in before: those that no longer would be, and why. Raises
        StoreUnavailable."""
        query = select_keys().where(api_keys.c.id.in_(api_key_ids))
        async with self._store.read() as connection:
            rows = {row.id: row for row in await connection.execute(query)}
        now = self._clock.now()
        answers = {
            key_id: self._judge(rows[key_id], now) if key_id in rows else UNKNOWN for key_id in api_key_ids
        }
        return {key_id: answer for key_id, answer in answers.items() if isinstance(answer, str)}

    async def create_key(self, user_name: str, *, actor: Actor = SERVER, **wish: Any) -> NewKey:
        """By name or id. Makes the account when there is none of that name; ``wish``: what a KeyWish has.

        Raises InvalidRequest, NotFound for an unknown id, or Conflict for a disabled account.
        """
        return await self.make_key(user_name, KeyWish(**wish), actor)

    async def make_key(self, user_name: str, wish: KeyWish, actor: Actor) -> NewKey:
        """As ``create_key``."""
        now = self._clock.now()
        user_name, wish = clean(user_name, "user name"), wish.checked(now)
        async with self._store.transaction() as connection:
            owner, is_new = await self._account(connection, user_name, actor, now)
            made = await self._make(connection, owner, wish, actor, now)
            return replace(made, is_account_new=is_new)

    async def _account(
        self, connection: AsyncConnection, which: str, actor: Actor, now: datetime
    ) -> tuple[Row[Any], bool]:
        """By its id, or by its name: then it is made if need be, and True. Two makers at once get the same
        one."""
        is_it, is_new = account_match(which), False
        found = (await connection.execute(select(accounts.c.user_id).where(is_it))).first()
        if found is None and not is_id(which):
            is_new = await make_account(self._store, connection, which, actor, now)
        return await held_account(connection, is_it), is_new

    async def make_key_for(self, user_id: str, wish: KeyWish, actor: Actor, allow: Allow) -> NewKey:
        """For an account that is there. Raises NotFound, InvalidRequest, Conflict for a disabled account,
        and what ``allow`` raises."""
        now = self._clock.now()
        wish = wish.checked(now)
        async with self._store.transaction() as connection:
            owner = await held_account(connection, accounts.c.user_id == user_id)
            await allow(connection, user_id)
            return await self._make(connection, owner, wish, actor, now)

    async def _make(
        self, connection: AsyncConnection, owner: Row[Any], wish: KeyWish, actor: Actor, now: datetime
    ) -> NewKey:
        made = await insert_key(connection, self._peppers[0], owner, wish, now)
        change = Change(action="key.created", user_id=made.user_id, subject=made.key_id, detail=wish.detail())
        await note(connection, actor, change, now)
        return made

    async def rotate_key(
        self,
        which: str,
        grace: timedelta,
        *,
        owner_id: str | None = None,
        actor: Actor = SERVER,
        allow: Allow = allow_all,
    ) -> NewKey:
        """Another key just like it, which works from now on; the old one for ``grace`` longer. ``which`` and
        ``owner_id`` as in ``revoke_key``. Raises NotFound, Conflict, InvalidRequest, and what ``allow``
        raises."""
        now, match = self._clock.now(), _match(which, owner_id)
        async with self._store.transaction() as connection:
            user_id = (await _found(connection, match)).user_id
            owner = await held_account(connection, accounts.c.user_id == user_id)
            old = key_info(await _found(connection, match))
            await allow(connection, user_id)
            await retire(connection, old, grace, now)
            made = await insert_key(connection, self._peppers[0], owner, wish_of(old), now)
            detail = {"replaced_by": made.key_id, "grace_s": int(grace.total_seconds())}
            change = Change(action="key.rotated", user_id=old.user_id, subject=old.key_id, detail=detail)
            await note(connection, actor, change, now)
        self.forget()
        return made

    async def list_keys(self, user_name: str | None = None) -> list[KeyInfo]:
        """Newest first. ``user_name``: or the id."""
        query = select_keys().order_by(api_keys.c.created_at.desc(), api_keys.c.id)
        if user_name is not None:
            query = query.where(account_match(user_name))
        async with self._store.read() as connection:
            return [key_info(row) for row in await connection.execute(query)]

    async def key(self, which: str, *, owner_id: str | None = None) -> KeyInfo:
        """As in ``revoke_key``. Raises NotFound."""
        async with self._store.read() as connection:
            return key_info(await _found(connection, _match(which, owner_id)))

    async def has_keys(self) -> bool:
        """Whether any key was ever made: the first start makes one."""
        async with self._store.read() as connection:
            return (await connection.execute(select(api_keys.c.id).limit(1))).first() is not None

    async def revoke_key(self, which: str, *, owner_id: str | None = None, actor: Actor = SERVER) -> KeyInfo:
        """``which``: the key's id, its public id, or the whole key. Revoking twice changes nothing.
        With ``owner_id`` another's key is not found. Raises NotFound."""
        match = _match(which, owner_id)
        async with self._store.transaction() as connection:
            revoked = update(api_keys).where(match, api_keys.c.status == ACTIVE).values(status=REVOKED)
            has_changed = (await connection.execute(revoked)).rowcount > 0
            info = key_info(await _found(connection, match))
            if has_changed:
                change = Change(action="key.revoked", user_id=info.user_id, subject=info.key_id, detail={})
                await note(connection, actor, change, self._clock.now())
        self.forget()
        return info

    def forget(self) -> None:
        """Whoever asks next is looked up anew: something about keys or accounts has changed."""
        self._answers.clear()

    async def close(self) -> None:
        await self._answers.close()
        await self._last_used.close()
        await self._hashed_anew.close()


def _match(which: str, owner_id: str | None) -> Any:
    match = key_match(which.strip())
    return match if owner_id is None else match & (api_keys.c.user_id == owner_id)


async def _found(connection: AsyncConnection, match: Any) -> Any:
    row = (await connection.execute(select_keys().where(match))).one_or_none()
    if row is None:
        raise NotFound("there is no such key; `cfx keys list` shows the ids")
    return row
