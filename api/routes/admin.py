"""``/v1/admin``: everybody's accounts, for who has the role ``admin``."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import Caller, House
from api.fields import Moment, SearchText, Usd
from cfx_flow.accounts.audit import Actor, read_audit
from cfx_flow.accounts.principal import Principal
from cfx_flow.accounts.users import ADMIN, MOST_USD, UserInfo
from cfx_flow.errors import PermissionDenied

_USER: dict[str, Any] = {
    "id": "0190a3c0-7d1e-4000-8f00-1c2d3e4f5a6b",
    "name": "ada",
    "role": "user",
    "daily_limit": 200,
    "monthly_usd": 20.0,
    "disabled_at": None,
    "created_at": "2026-11-23T12:00:00.000Z",
}


def _admin(caller: Caller) -> Principal:
    if caller.role != ADMIN:
        raise PermissionDenied(
            "Only an admin may do this. `cfx users limit NAME --role admin`, beside the database, makes one."
        )
    return caller


Admin = Annotated[Principal, Depends(_admin)]
router = APIRouter(prefix="/v1/admin", tags=["admin"], dependencies=[Depends(_admin)])


class UserValues(BaseModel):
    """What is named changes; null takes a limit away."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"monthly_usd": 20}]})

    role: Literal["user", "admin"] = "user"
    daily_limit: int | None = Field(None, ge=0, lt=2**31, description="Without one: the server's")
    monthly_usd: Decimal | None = Field(
        None, ge=0, le=MOST_USD, allow_inf_nan=False, description="Without one: no budget"
    )

    def said(self) -> dict[str, Any]:
        return self.model_dump(include=set(UserValues.model_fields) & self.model_fields_set)


class NewUser(UserValues):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "ada"}]})

    name: SearchText = Field(max_length=200)
    user_id: SearchText | None = Field(None, max_length=36, description="On Supabase: of whom in auth.users")


class User(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [_USER]})

    id: str
    name: str
    role: Literal["user", "admin"]
    daily_limit: int | None = Field(description="null: the server's")
    monthly_usd: Usd | None = Field(description="null: no budget")
    disabled_at: Moment | None
    created_at: Moment


class UserPage(BaseModel):
    data: list[User]
    next_cursor: str | None


class AuditRow(BaseModel):
    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "019ab0c2-6d1e-7000-8f00-1c2d3e4f5a6b",
                    "created_at": "2026-11-23T12:00:00.000Z",
                    "actor": "the operator",
                    "actor_id": None,
                    "actor_key_id": None,
                    "action": "user.changed",
                    "user_id": _USER["id"],
                    "subject": "ada",
                    "detail": {"monthly_usd": "20.000000"},
                }
            ]
        },
    )

    id: str
    created_at: Moment
    actor: str = Field(description="A user's name, `the operator` with a command, or `the server`")
    actor_id: str | None
    actor_key_id: str | None
    action: str = Field(description="key.created, key.rotated, key.revoked, user.created, user.changed, …")
    user_id: str = Field(description="Whose key or account it is")
    subject: str = Field(description="The key's public id, or the account's name")
    detail: dict[str, Any]


class AuditPage(BaseModel):
    data: list[AuditRow]
    next_cursor: str | None


Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("/users")
async def list_users(house: House, limit: Limit = 50, cursor: str | None = None) -> UserPage:
    """Newest first, the disabled ones too."""
    page, next_cursor = await house.users.page(limit=limit, cursor=cursor)
    return UserPage(data=[_shown(user) for user in page], next_cursor=next_cursor)


@router.post("/users", status_code=201)
async def create_user(house: House, admin: Admin, body: NewUser) -> User:
    """Without a key: `POST /v1/keys` with `user` makes one."""
    return _shown(await house.users.create(body.name, Actor.of(admin), user_id=body.user_id, **body.said()))


@router.get("/users/{user}")
async def get_user(house: House, user: str) -> User:
    """By name or id."""
    return _shown(await house.users.get(user))


@router.patch("/users/{user}")
async def change_user(house: House, admin: Admin, user: str, body: UserValues) -> User:
    """Holds at once in this process, within 6 seconds in others."""
    return _shown(await house.users.change(user, body.said(), Actor.of(admin)))


@router.post("/users/{user}/disable")
async def disable_user(house: House, admin: Admin, user: str) -> User:
    """Keys open nothing within 6 seconds, running streams end within 36; flows stop within seconds, and can
    be resumed once the account is enabled again."""
    disabled = await house.users.disable(user, Actor.of(admin))
    await house.disabled_owners.look()
    return _shown(disabled)


@router.post("/users/{user}/enable")
async def enable_user(house: House, admin: Admin, user: str) -> User:
    return _shown(await house.users.enable(user, Actor.of(admin)))


@router.get("/audit")
async def list_audit(
    house: House,
    user: Annotated[SearchText | None, Query(max_length=200, description="A name or an id")] = None,
    limit: Limit = 50,
    cursor: str | None = None,
) -> AuditPage:
    """Every change of keys and accounts, newest first, and who made it."""
    user_id = None if user is None else (await house.users.get(user)).user_id
    rows, next_cursor = await read_audit(house.store, user_id=user_id, limit=limit, cursor=cursor)
    return AuditPage(data=[AuditRow.model_validate(row) for row in rows], next_cursor=next_cursor)


def _shown(user: UserInfo) -> User:
    return User.model_validate(
        {
            "id": user.user_id,
            "name": user.name,
            "role": user.role,
            "daily_limit": user.daily_limit,
            "monthly_usd": user.monthly_usd,
            "disabled_at": user.disabled_at,
            "created_at": user.created_at,
        }
    )
