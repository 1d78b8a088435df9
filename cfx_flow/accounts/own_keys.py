"""Keys in the hands of their owners: made, listed and revoked with a key, not beside the database.

A key may not give more than it has: the keys that it makes have no permission that it lacks, no higher
limit, and no later end. Without that, the key of an editor, leaked, would make itself free of its bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cfx_flow.accounts.accounts import GONE, Accounts
from cfx_flow.accounts.audit import Actor
from cfx_flow.accounts.key_rows import KeyInfo, NewKey, key_info, select_keys
from cfx_flow.accounts.making import ACTIVE, Allow, KeyWish, account_match, wish_of
from cfx_flow.accounts.principal import Principal
from cfx_flow.clock import Clock
from cfx_flow.errors import Conflict, InvalidApiKey, NotFound, PermissionDenied, RateLimitExceeded
from cfx_flow.store.cursor import Position, newest_first
from cfx_flow.store.engine import Store
from cfx_flow.store.tables import accounts, api_keys

ADMIN = "admin"
MOST_ACTIVE = 100
MOST_AN_HOUR = 20
_HOUR = timedelta(hours=1)


class OwnKeys:
    def __init__(self, store: Store, accounts: Accounts, clock: Clock) -> None:
        self._store = store
        self._accounts = accounts
        self._clock = clock

    async def create(self, caller: Principal, wish: KeyWish, *, user: str | None = None) -> NewKey:
        """``user``: for somebody else, by an admin. Raises PermissionDenied, NotFound, Conflict,
        RateLimitExceeded, InvalidRequest."""
        owner_id = await self._account(caller, user)
        own = await self._key_of(caller)
        if caller.role != ADMIN:
            wish = replace(within(wish, own, caller), by_owner=True)
        return await self._accounts.make_key_for(owner_id, wish, Actor.of(caller), self._allow(caller))

    async def page(
        self, caller: Principal, *, user: str | None = None, limit: int, cursor: str | None = None
    ) -> tuple[Sequence[KeyInfo], str | None]:
        """Newest first, the revoked ones too. ``user``: somebody else's, for an admin."""
        owner_id = await self._account(caller, user)
        after = None if cursor is None else Position.from_cursor(cursor)
        query = select_keys().where(api_keys.c.user_id == owner_id)
        query = newest_first(query, api_keys.c.created_at, api_keys.c.id, after).limit(limit + 1)
        async with self._store.read(person=owner_id) as connection:
            found = [key_info(row) for row in await connection.execute(query)]
        page = found[:limit]
        last = Position(page[-1].created_at, page[-1].id) if len(found) > limit else None
        return page, last.to_cursor() if last else None

    async def revoke(self, caller: Principal, key_id: str) -> KeyInfo:
        """By its id or public id; an admin anybody's. Raises NotFound."""
        return await self._accounts.revoke_key(key_id, owner_id=self._whose(caller), actor=Actor.of(caller))

    async def rotate(self, caller: Principal, key_id: str, grace: timedelta) -> NewKey:
        """A key cannot bring forth one that may more than itself. Raises NotFound, PermissionDenied,
        Conflict, RateLimitExceeded, InvalidRequest."""
        owner_id = self._whose(caller)
        own, old = await self._key_of(caller), await self._accounts.key(key_id, owner_id=owner_id)
        is_other = caller.role != ADMIN and own is not None and old.id != own.id
        if is_other and within(wish_of(old), own, caller) != wish_of(old):
            raise _too_much("key", "that key is bound less than this one")
        return await self._accounts.rotate_key(
            old.id, grace, owner_id=owner_id, actor=Actor.of(caller), allow=self._allow(caller)
        )

    def _whose(self, caller: Principal) -> str | None:
        """keys it may change; None: everybody's"""
        return None if caller.role == ADMIN else caller.user_id

    async def _account(self, caller: Principal, user: str | None) -> str:
        if user is None or user in (caller.name, caller.user_id):
            return caller.user_id
        if caller.role != ADMIN:
            raise PermissionDenied("Only an admin sees or makes the keys of others.", param="user")
        query = select(accounts.c.user_id).where(account_match(user))
        async with self._store.read() as connection:
            user_id: str | None = (await connection.execute(query)).scalar()
        if user_id is None:
            raise NotFound("There is no such user; `cfx keys create --user NAME` makes one.", param="user")
        return user_id

    async def _key_of(self, caller: Principal) -> KeyInfo | None:
        """As it is now: what is known of the caller may be seconds old. None for who has signed in."""
        if caller.api_key_id is None:
            return None
        async with self._store.read() as connection:
            return await _good_key(connection, caller.api_key_id)

    def _allow(self, caller: Principal) -> Allow:
        async def allow(connection: AsyncConnection, user_id: str) -> None:
            if caller.api_key_id is not None:
                await _good_key(connection, caller.api_key_id, hold=True)
            await self._require_room(connection, user_id)

        return allow

    async def _require_room(self, connection: AsyncConnection, user_id: str) -> None:
        """While the account is held: so the count is the count that holds, in every process."""
        now = self._clock.now()
        of_user = select(func.count()).select_from(api_keys).where(api_keys.c.user_id == user_id)
        active = of_user.where(api_keys.c.status == ACTIVE)
        active = active.where(api_keys.c.expires_at.is_(None) | (api_keys.c.expires_at > now))
        recent = (await connection.execute(of_user.where(api_keys.c.created_at > now - _HOUR))).scalar()
        held = (await connection.execute(active)).scalar()
        if (held or 0) >= MOST_ACTIVE:
            raise Conflict(f"There are {MOST_ACTIVE} active keys already. Revoke one that is not used.")
        if (recent or 0) >= MOST_AN_HOUR:
            raise RateLimitExceeded(
                f"{MOST_AN_HOUR} keys were made within an hour. Try again later.",
                headers={"retry-after": str(int(_HOUR.total_seconds()))},
            )


async def _good_key(connection: AsyncConnection, key_id: str, *, hold: bool = False) -> KeyInfo:
    """``hold``: whoever revokes it waits for the end of the transaction. Raises InvalidApiKey."""
    query = select_keys().where(api_keys.c.id == key_id)
    if hold:
        query = query.with_for_update(read=True, of=api_keys)
    row = (await connection.execute(query)).one_or_none()
    if row is None or row.status != ACTIVE:
        raise InvalidApiKey(GONE)
    return key_info(row)


def within(wish: KeyWish, own: KeyInfo | None, caller: Principal) -> KeyWish:
    """The wish, with the bounds of the key that makes it where it names none. Raises PermissionDenied."""
    if own is None:
        return _within_account(wish, caller)
    lacking = sorted(wish.permissions - own.permissions)
    if lacking:
        raise _too_much("permissions", f"it has no permission {lacking[0][:50]!r} itself")
    return replace(
        wish,
        daily_limit=_bounded("daily_limit", wish.daily_limit, own.daily_limit, caller.daily_limit),
        max_streams=_bounded("max_streams", wish.max_streams, own.max_streams, caller.max_streams),
        stages=_some_of("stages", wish.stages, own.stages),
        models=_some_of("models", wish.models, own.models),
        expires_at=_ending(wish.expires_at, own.expires_at),
    )


def _within_account(wish: KeyWish, caller: Principal) -> KeyWish:
    """Of who has signed in: no key's bounds, and no permissions to pass on."""
    if wish.permissions:
        raise PermissionDenied("Only an admin gives permissions to keys.", param="permissions")
    _bounded("daily_limit", wish.daily_limit, None, caller.daily_limit)
    _bounded("max_streams", wish.max_streams, None, caller.max_streams)
    return wish


def _bounded(name: str, wished: int | None, own: int | None, resolved: int) -> int | None:
    """``own`` is None where the user's limit holds; it then holds for the new key too."""
    if wished is None:
        return own
    if wished > resolved:
        raise _too_much(name, f"its own {name} is {resolved}")
    return wished


def _some_of(name: str, wished: frozenset[str] | None, own: frozenset[str] | None) -> frozenset[str] | None:
    if own is None or wished is None:
        return own if wished is None else wished
    if lacking := sorted(wished - own):
        raise _too_much(name, f"it may not call {lacking[0][:50]!r} itself")
    return wished


def _ending(wished: datetime | None, own: datetime | None) -> datetime | None:
    if own is None:
        return wished
    if wished is not None and wished > own:
        raise _too_much("expires_at", f"it ends itself at {own:%Y-%m-%dT%H:%M:%SZ}")
    return wished or own


def _too_much(param: str, why: str) -> PermissionDenied:
    return PermissionDenied(f"A key cannot give more than it has: {why}.", param=param)
