"""``/v1/keys``: one's own keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import Caller, House
from api.fields import Instant, Moment, SearchText
from cfx_flow.accounts.key_rows import KeyInfo, NewKey
from cfx_flow.accounts.making import MOST_MODELS, MOST_STREAMS, KeyWish
from cfx_flow.accounts.principal import Principal

router = APIRouter(prefix="/v1/keys", tags=["people"])

MOST_PERMISSIONS = 50
_EXAMPLE: dict[str, Any] = {
    "id": "7f0f6f0a-8f0e-4c57-a6a6-0f5d4f6b8a10",
    "key_id": "4vUa0fQmX2bT",
    "user": "ada",
    "label": "laptop",
    "status": "active",
    "permissions": [],
    "daily_limit": 200,
    "max_streams": None,
    "by_owner": True,
    "stages": ["code", "review"],
    "models": None,
    "created_at": "2026-11-23T12:00:00.000Z",
    "expires_at": "2027-02-21T00:00:00.000Z",
    "last_used_at": None,
    "is_current": False,
}


class NewKeyBody(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"label": "laptop", "daily_limit": 200, "expires_at": "2027-02-21T00:00:00Z"}]
        },
    )

    label: str | None = Field(None, max_length=200, description="What the key is for")
    expires_at: Instant | None = Field(None, description="Without it: when the key in use ends, or never")
    daily_limit: int | None = Field(None, ge=0, lt=2**31, description="At most that of the key in use")
    max_streams: int | None = Field(None, ge=0, le=MOST_STREAMS, description="At most that of the key in use")
    stages: list[str] | None = Field(None, max_length=4, description="That it may call; else as yours")
    models: list[str] | None = Field(
        None, max_length=MOST_MODELS, description="That it may call directly; else as yours"
    )
    permissions: list[str] = Field(
        default_factory=list, max_length=MOST_PERMISSIONS, description="Of those of the key in use"
    )
    user: SearchText | None = Field(None, max_length=200, description="Whose key; admins only")


class RotateBody(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"grace_s": 3600}]})

    grace_s: int = Field(24 * 3600, ge=0, le=30 * 24 * 3600, description="How long the old key goes on")


class Key(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    key_id: str = Field(description="The public part: the key begins with cfx_ and this")
    user: str
    label: str | None
    status: Literal["active", "revoked", "expired"]
    permissions: list[str]
    daily_limit: int | None = Field(description="null: the user's")
    max_streams: int | None = Field(description="null: the server's")
    by_owner: bool = Field(description="Its limits are its user's own: they hold only below the account's")
    stages: list[str] | None = Field(description="That it may call; null: all")
    models: list[str] | None = Field(description="That it may call directly; null: all of the whitelist")
    created_at: Moment
    expires_at: Moment | None
    last_used_at: Moment | None = Field(description="To the minute")
    is_current: bool = Field(description="The key of this very request")


class KeyMade(Key):
    model_config = ConfigDict(json_schema_extra={"examples": [{**_EXAMPLE, "key": "cfx_4vUa0fQmX2bT_…"}]})

    key: str = Field(description="The key itself, shown this once")


class KeyPage(BaseModel):
    data: list[Key]
    next_cursor: str | None


ForUser = Annotated[SearchText | None, Query(max_length=200, description="Whose keys; admins only")]


@router.post("", status_code=201)
async def create_key(house: House, caller: Caller, body: NewKeyBody, response: Response) -> KeyMade:
    """A key may not give more than it has. At most 20 an hour and 100 active ones."""
    wish = KeyWish(
        label=body.label,
        permissions=frozenset(body.permissions),
        daily_limit=body.daily_limit,
        max_streams=body.max_streams,
        stages=None if body.stages is None else frozenset(body.stages),
        models=None if body.models is None else frozenset(body.models),
        expires_at=body.expires_at,
    )
    return _made(house, caller, await house.own_keys.create(caller, wish, user=body.user), response)


@router.post("/{key_id}/rotate", status_code=201)
async def rotate_key(
    house: House, caller: Caller, key_id: str, response: Response, body: RotateBody | None = None
) -> KeyMade:
    """Another key just like this one; the old one goes on for `grace_s` seconds, a day if nothing is said.
    With 0 it opens nothing any more within 6 seconds."""
    grace = timedelta(seconds=(body or RotateBody()).grace_s)
    return _made(house, caller, await house.own_keys.rotate(caller, key_id, grace), response)


@router.get("")
async def list_keys(
    house: House,
    caller: Caller,
    user: ForUser = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: str | None = None,
) -> KeyPage:
    """Newest first, the revoked ones too; never the keys themselves."""
    page, next_cursor = await house.own_keys.page(caller, user=user, limit=limit, cursor=cursor)
    return KeyPage(data=[Key(**_shown(house, caller, info)) for info in page], next_cursor=next_cursor)


@router.delete("/{key_id}")
async def revoke_key(house: House, caller: Caller, key_id: str) -> Key:
    """By its `id` or `key_id`; the key in use too. Within 6 seconds it opens nothing any more. Revoking
    it again changes nothing."""
    return Key(**_shown(house, caller, await house.own_keys.revoke(caller, key_id)))


def _made(house: House, caller: Principal, made: NewKey, response: Response) -> KeyMade:
    response.headers["cache-control"] = "no-store"
    response.headers["location"] = f"/v1/keys/{made.id}"
    return KeyMade(key=made.key, **_shown(house, caller, made))


def _shown(house: House, caller: Principal, info: KeyInfo) -> dict[str, Any]:
    is_over = info.expires_at is not None and info.expires_at <= house.clock.now()
    return {
        "id": info.id,
        "key_id": info.key_id,
        "user": info.user_name,
        "label": info.label,
        "status": "expired" if is_over and info.status == "active" else info.status,
        "permissions": sorted(info.permissions),
        "daily_limit": info.daily_limit,
        "max_streams": info.max_streams,
        "by_owner": info.by_owner,
        "stages": None if info.stages is None else sorted(info.stages),
        "models": None if info.models is None else sorted(info.models),
        "created_at": info.created_at,
        "expires_at": info.expires_at,
        "last_used_at": info.last_used_at,
        "is_current": info.id == caller.api_key_id,
    }
