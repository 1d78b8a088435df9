"""Accounts in the hands of operators and admins: made, listed, limited, disabled.

On Supabase people sign up by themselves, and only what we add to them is managed here: an account is made
for a user that is there (``user_id``).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import Row, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from cfx_flow.accounts.audit import Actor, Change, note
from cfx_flow.accounts.making import account_match, clean, is_id
from cfx_flow.clock import Clock
from cfx_flow.errors import Conflict, InvalidRequest, NotFound, PermissionDenied
from cfx_flow.store.cursor import Position, newest_first
from cfx_flow.store.engine import Store
from cfx_flow.store.tables import accounts

USER, ADMIN = "user", "admin"
MOST_USD = Decimal("9999.999999")
"""what the column holds"""


@dataclass(frozen=True, slots=True)
class UserInfo:
    user_id: str
    name: str
    role: str
    daily_limit: int | None
    """None: the server's"""
    monthly_usd: Decimal | None
    """None: no budget"""
    disabled_at: datetime | None
    created_at: datetime


class Users:
    """``changed`` is told the id of each account that has changed, once that is committed."""

    def __init__(self, store: Store, clock: Clock, changed: Callable[[str], None] = lambda _: None) -> None:
        self._store = store
        self._clock = clock
        self._changed = changed

    async def create(self, name: str, actor: Actor, *, user_id: str | None = None, **values: Any) -> UserInfo:
        """``values``: role, daily_limit, monthly_usd. Raises InvalidRequest, Conflict."""
        now = self._clock.now()
        row = {
            "user_id": _uuid(user_id) if user_id else str(uuid.uuid4()),
            "name": _name(name),
            "created_at": now,
            **_checked({"role": USER} | values),
        }
        try:
            async with self._store.transaction() as connection:
                await _require_admin(connection, actor)
                await connection.execute(accounts.insert().values(row))
                await self._note(connection, actor, "user.created", row, values)
                return await _one(connection, row["user_id"])
        except IntegrityError:
            raise Conflict(
                f"There is a user {row['name']!r} already, or the id has an account, or is no user's of "
                "Supabase Auth."
            ) from None

    async def get(self, which: str) -> UserInfo:
        """By name or id. Raises NotFound."""
        async with self._store.read() as connection:
            return await _one(connection, which)

    async def page(self, *, limit: int, cursor: str | None = None) -> tuple[Sequence[UserInfo], str | None]:
        """Newest first. Raises InvalidRequest for a strange cursor."""
        after = None if cursor is None else Position.from_cursor(cursor)
        query = newest_first(select(accounts), accounts.c.created_at, accounts.c.user_id, after)
        async with self._store.read() as connection:
            found = [_info(row) for row in await connection.execute(query.limit(limit + 1))]
        page = found[:limit]
        last = Position(page[-1].created_at, page[-1].user_id) if len(found) > limit else None
        return page, last.to_cursor() if last else None

    async def change(self, which: str, values: Mapping[str, Any], actor: Actor) -> UserInfo:
        """``values``: of role, daily_limit, monthly_usd those that change. Raises NotFound, InvalidRequest,
        Conflict."""
        checked = _checked(values)
        return await self._write(which, "user.changed", checked, actor, lambda _: bool(checked))

    async def disable(self, which: str, actor: Actor) -> UserInfo:
        """Keys open nothing within 6 s, streams end within 36 s, flows stop within seconds and can be
        resumed once it is enabled. Disabling twice changes nothing. Raises NotFound, Conflict."""
        now = self._clock.now()
        return await self._write(
            which, "user.disabled", {"disabled_at": now}, actor, lambda before: before.disabled_at is None
        )

    async def enable(self, which: str, actor: Actor) -> UserInfo:
        """Raises NotFound."""
        return await self._write(
            which, "user.enabled", {"disabled_at": None}, actor, lambda before: before.disabled_at is not None
        )

    async def _write(
        self,
        which: str,
        action: str,
        values: Mapping[str, Any],
        actor: Actor,
        is_due: Callable[[UserInfo], bool],
    ) -> UserInfo:
        async with self._store.transaction() as connection:
            await _require_admin(connection, actor)
            before = await _one(connection, which)
            if before.user_id == actor.user_id and (values.get("disabled_at") or values.get("role") == USER):
                raise Conflict("An admin cannot disable or demote their own account; another admin can.")
            if not is_due(before):
                return before
            change = update(accounts).where(accounts.c.user_id == before.user_id).values(dict(values))
            await connection.execute(change)
            said = {} if action != "user.changed" else values
            await self._note(
                connection, actor, action, {"user_id": before.user_id, "name": before.name}, said
            )
            after = await _one(connection, before.user_id)
        self._changed(after.user_id)
        return after

    async def _note(
        self,
        connection: AsyncConnection,
        actor: Actor,
        action: str,
        row: Mapping[str, Any],
        said: Mapping[str, Any],
    ) -> None:
        detail = {name: str(value) if isinstance(value, Decimal) else value for name, value in said.items()}
        change = Change(action=action, user_id=row["user_id"], subject=row["name"], detail=detail)
        await note(connection, actor, change, self._clock.now())


async def _require_admin(connection: AsyncConnection, actor: Actor) -> None:
    """Who makes a change is an admin still, and the only one who makes any meanwhile: of two who demote each
    other one remains. Raises PermissionDenied."""
    if actor.user_id is None:
        return
    is_admin = (accounts.c.role == ADMIN) & accounts.c.disabled_at.is_(None)
    admins = select(accounts.c.user_id).where(is_admin).order_by(accounts.c.user_id)
    held = (await connection.execute(admins.with_for_update(key_share=True))).scalars().all()
    if actor.user_id not in held:
        raise PermissionDenied("You are no admin any more.")


async def _one(connection: AsyncConnection, which: str) -> UserInfo:
    row = (await connection.execute(select(accounts).where(account_match(which)))).one_or_none()
    if row is None:
        raise NotFound("There is no such user; `cfx users list` shows all.", param="user")
    return _info(row)


def _info(row: Row[Any]) -> UserInfo:
    return UserInfo(**{name: getattr(row, name) for name in UserInfo.__slots__})


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Raises InvalidRequest."""
    checked = dict(values)
    if checked.get("role", USER) not in (USER, ADMIN):
        raise InvalidRequest("a role is user or admin", param="role")
    daily = checked.get("daily_limit")
    if daily is not None and not 0 <= daily < 2**31:
        raise InvalidRequest("a daily limit is a number from 0 to 2147483647", param="daily_limit")
    usd = cast("Decimal | None", checked.get("monthly_usd"))
    if usd is not None:
        if not usd.is_finite() or not 0 <= usd <= MOST_USD:
            raise InvalidRequest(f"a budget is from 0 to {MOST_USD} USD", param="monthly_usd")
        checked["monthly_usd"] = usd.quantize(Decimal("0.000001"))
    return checked


def _name(text: str) -> str:
    """Raises InvalidRequest."""
    name = clean(text, "user name")
    if is_id(name):
        raise InvalidRequest("a name in the form of an id would be taken for another's", param="user_name")
    return name


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise InvalidRequest("a user's id is a uuid", param="user_id") from None
