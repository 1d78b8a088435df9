"""``/v1/keys``: made, listed, revoked; and never more than the key that makes them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, update

from cfx_flow.accounts.making import KeyWish
from cfx_flow.accounts.own_keys import MOST_AN_HOUR
from cfx_flow.errors import Conflict, InvalidApiKey
from cfx_flow.store.tables import accounts, api_keys
from tests.api.people import People, opened
from tests.support.shapes import error_of

pytestmark = pytest.mark.e2e

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=7)
LATER = SOON + timedelta(days=1)


async def test_key_is_shown_once_and_works(people: People) -> None:
    ada = await people.client(await people.key("ada"))
    made = await ada.post("/v1/keys", json={"label": "laptop 🔑", "daily_limit": 7})
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    shown = made.json()
    key = shown.pop("key")
    assert made.headers["location"] == f"/v1/keys/{shown['id']}"
    assert (shown["label"], shown["daily_limit"], shown["status"]) == ("laptop 🔑", 7, "active")
    fresh = await people.client(key)
    answer = await fresh.get("/v1/keys")
    assert answer.headers["x-ratelimit-limit"] == "7"
    listed = answer.json()["data"]
    assert [(one["label"], one["is_current"]) for one in listed] == [("laptop 🔑", True), (None, False)]
    assert key not in answer.text
    assert listed[0] == shown | {"is_current": True, "last_used_at": listed[0]["last_used_at"]}


async def test_key_in_use_may_revoke_itself(people: People) -> None:
    key = await people.key("ada")
    ada = await people.client(key)
    for which in (key.id, key.key_id):
        answer = await ada.delete(f"/v1/keys/{which}")
        if answer.status_code == 401:
            break
        assert answer.json()["status"] == "revoked"
    error_of(await ada.get("/v1/keys"), 401, "invalid_api_key")


@pytest.mark.parametrize("which", ["id", "key_id"])
async def test_key_of_another_is_neither_seen_nor_revoked(people: People, which: str) -> None:
    ada, bobs = await people.client(await people.key("ada")), await people.key("bob")
    error_of(await ada.delete(f"/v1/keys/{getattr(bobs, which)}"), 404, "not_found")
    assert len((await ada.get("/v1/keys")).json()["data"]) == 1
    error_of(await ada.get("/v1/keys", params={"user": "bob"}), 403, "permission_denied")
    error_of(await ada.post("/v1/keys", json={"user": "bob"}), 403, "permission_denied")
    assert (await (await people.client(bobs)).get("/v1/keys")).json()["data"][0]["status"] == "active"


async def test_admin_sees_makes_and_revokes_for_others(people: People) -> None:
    key, bobs = await people.key("ada"), await people.key("bob")
    await people.make_admin("ada")
    ada = await people.client(key)
    made = await ada.post("/v1/keys", json={"user": "bob", "permissions": ["workspace"], "daily_limit": 9000})
    assert (made.status_code, made.json()["user"]) == (201, "bob")
    assert len((await ada.get("/v1/keys", params={"user": "bob"})).json()["data"]) == 2
    assert (await ada.delete(f"/v1/keys/{bobs.id}")).json()["status"] == "revoked"
    error_of(await ada.get("/v1/keys", params={"user": "nobody"}), 404)


ESCALATIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a permission": ({}, {"permissions": ["workspace"]}),
    "one permission more": ({"permissions": ["a"]}, {"permissions": ["a", "b"]}),
    "a higher daily limit": ({"daily_limit": 10}, {"daily_limit": 11}),
    "above the user's limit": ({}, {"daily_limit": 1001}),
    "more streams": ({"max_streams": 1}, {"max_streams": 2}),
    "above the server's streams": ({}, {"max_streams": 3}),
    "a stage": ({"stages": frozenset({"plan"})}, {"stages": ["plan", "code"]}),
    "a model": ({"models": frozenset({"a"})}, {"models": ["b"]}),
    "a later end": ({"expires_at": SOON}, {"expires_at": LATER.isoformat()}),
}


@pytest.mark.parametrize(("own", "wish"), ESCALATIONS.values(), ids=ESCALATIONS)
async def test_key_gives_no_more_than_it_has(
    people: People, own: dict[str, Any], wish: dict[str, Any]
) -> None:
    ada = await people.client(await people.key("ada", **own))
    error = error_of(await ada.post("/v1/keys", json=wish), 403, "permission_denied")
    assert error["param"] in wish
    assert "cannot give more than it has" in error["message"]


async def test_bounds_of_the_maker_hold_where_none_are_named(people: People) -> None:
    """Else the key with ten requests a day would make one with a thousand."""
    bounds: dict[str, Any] = {"daily_limit": 10, "max_streams": 1, "expires_at": SOON}
    ada = await people.client(await people.key("ada", permissions=["workspace"], **bounds))
    made = (await ada.post("/v1/keys", json={})).json()
    assert (made["daily_limit"], made["max_streams"], made["permissions"]) == (10, 1, [])
    assert datetime.fromisoformat(made["expires_at"]) == SOON
    less = {"daily_limit": 3, "max_streams": 0, "permissions": ["workspace"]}
    made = (await ada.post("/v1/keys", json=less)).json()
    assert {name: made[name] for name in less} == less


async def test_limit_that_a_user_has_set_never_exceeds_the_account_s(people: People) -> None:
    """Neither when the account's is lowered later; and the key that takes its place is no way round."""
    key, chief = await people.key("ada"), await people.key("chief")
    await people.make_admin("chief")
    ada, admin = await people.client(key), await people.client(chief)
    mine = (await ada.post("/v1/keys", json={"daily_limit": 900})).json()
    theirs = (await admin.post("/v1/keys", json={"user": "ada", "daily_limit": 900})).json()
    assert (mine["by_owner"], theirs["by_owner"]) == (True, False)
    rotated = (await ada.post(f"/v1/keys/{mine['id']}/rotate")).json()
    await admin.patch("/v1/admin/users/ada", json={"daily_limit": 5})

    async def holds(key: str) -> str:
        return (await (await people.client(key)).get("/v1/status")).headers["x-ratelimit-limit"]

    assert [await holds(each["key"]) for each in (mine, rotated, theirs)] == ["5", "5", "900"]
    await admin.patch("/v1/admin/users/ada", json={"daily_limit": 1000})
    assert await holds(mine["key"]) == "900"


async def test_streams_that_a_user_has_set_never_exceed_the_server_s(people: People) -> None:
    ada = await people.key("ada", max_streams=9)
    mine = await people.services.own_keys.create(
        await people.services.accounts.authenticate(ada.key), KeyWish(max_streams=9)
    )
    principals = [await people.services.accounts.authenticate(each.key) for each in (ada, mine)]
    assert [each.max_streams for each in principals] == [9, 2]


async def test_keys_are_made_at_a_bounded_rate_also_at_once_in_two_processes(
    people: People, database_url: str, tmp_path: Path
) -> None:
    key = await people.key("ada")
    async with opened(database_url, tmp_path) as other:
        makers = [await people.client(key), await other.client(key)]
        answers = await asyncio.gather(
            *(makers[n % 2].post("/v1/keys", json={}) for n in range(MOST_AN_HOUR + 5))
        )
    assert sum(answer.status_code == 201 for answer in answers) == MOST_AN_HOUR - 1
    refused = next(answer for answer in answers if answer.status_code != 201)
    error_of(refused, 429, "rate_limit_exceeded")
    assert int(refused.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (update(accounts).values(disabled_at=SOON), Conflict),
        (update(api_keys).values(status="revoked"), InvalidApiKey),
        (delete(api_keys), InvalidApiKey),
    ],
    ids=["disabled", "revoked", "deleted"],
)
async def test_no_key_is_made_by_who_is_shut_out_meanwhile(
    people: People, change: Any, refusal: type[Exception]
) -> None:
    """The one transaction waits for the other, then sees what it has done."""
    services = people.services
    caller = await services.accounts.authenticate((await people.key("ada")).key)
    async with services.store.transaction() as connection:
        await connection.execute(change)
        making = asyncio.create_task(services.own_keys.create(caller, KeyWish()))
        await asyncio.sleep(0.1)
        assert not making.done()
    with pytest.raises(refusal):
        await making
    assert len(await services.accounts.list_keys()) <= 1


async def test_list_comes_in_pages(people: People) -> None:
    for n in range(5):
        key = await people.key("ada", label=str(n))
    ada = await people.client(key)
    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await ada.get("/v1/keys", params=params)).json()
        seen += [one["label"] for one in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ["4", "3", "2", "1", "0"]
    error_of(await ada.get("/v1/keys", params={"cursor": "x"}), 400, "invalid_request")


async def test_rotated_key_is_shown_once_and_the_old_one_says_when_it_ends(people: People) -> None:
    old = await people.key("ada", daily_limit=7)
    ada = await people.client(old)
    answer = await ada.post(f"/v1/keys/{old.key_id}/rotate", json={"grace_s": 60})
    made = answer.json()
    assert (answer.status_code, answer.headers["cache-control"], made["daily_limit"]) == (201, "no-store", 7)
    fresh = await people.client(made["key"])
    listed = (await fresh.get("/v1/keys")).json()["data"]
    assert [(one["id"], one["is_current"], one["expires_at"] is None) for one in listed] == [
        (made["id"], True, True),
        (old.id, False, False),
    ]
    assert (await ada.post(f"/v1/keys/{old.id}/rotate")).status_code == 201
    error_of(await ada.post(f"/v1/keys/{old.id}/rotate", json={"grace_s": -1}), 400, "invalid_request")


@pytest.mark.parametrize(
    "bounds",
    [{"daily_limit": 5}, {"stages": frozenset({"plan"})}, {"expires_at": SOON}],
    ids=lambda bounds: next(iter(bounds)),
)
async def test_bound_key_cannot_rotate_one_that_may_more(people: People, bounds: dict[str, Any]) -> None:
    free, bound = await people.key("ada"), await people.key("ada", **bounds)
    bobs = await people.key("bob")
    ada = await people.client(bound)
    error_of(await ada.post(f"/v1/keys/{free.id}/rotate"), 403, "permission_denied")
    error_of(await ada.post(f"/v1/keys/{bobs.id}/rotate"), 404, "not_found")
    assert (await ada.post(f"/v1/keys/{bound.id}/rotate")).status_code == 201


HOSTILE: list[Any] = [
    {"label": "a\0b"},
    {"label": ""},
    {"label": "x" * 201},
    {"label": "\u202e"},
    {"label": 7},
    {"daily_limit": -1},
    {"daily_limit": 2**31},
    {"daily_limit": "many"},
    {"max_streams": 1001},
    {"expires_at": "2001-01-01"},
    {"expires_at": "0001-01-01T00:00:00+14:00"},
    {"expires_at": "soon"},
    {"permissions": ["x"] * 51},
    {"permissions": ["\0"]},
    {"permissions": "workspace"},
    {"stages": ["think"]},
    {"stages": []},
    {"models": ["\0"]},
    {"models": ["m"] * 101},
    {"role": "admin"},
    {"user": "a\0"},
    [],
    None,
    "'; DROP TABLE api_keys; --",
]


@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: json.dumps(body)[:40])
async def test_bad_wish_is_a_clear_refusal(client: httpx.AsyncClient, body: Any) -> None:
    assert error_of(await client.post("/v1/keys", json=body))["code"] in (
        "invalid_request",
        "permission_denied",
    )
    assert len((await client.get("/v1/keys")).json()["data"]) == 1


@pytest.mark.parametrize("body", [b'{"label": "\\ud800"}', b'{"user": "\\ud800"}', b"\xff", b"{" * 9000])
async def test_broken_text_is_a_clear_refusal(client: httpx.AsyncClient, body: bytes) -> None:
    error_of(await client.post("/v1/keys", content=body), 400)


@pytest.mark.parametrize(
    "which", ["x", "%00", "' OR 1=1 --", "🔑", "00000000-0000-0000-0000-000000000000", "A" * 12, "cfx_"]
)
async def test_unknown_key_is_not_found(client: httpx.AsyncClient, which: str) -> None:
    error_of(await client.delete(f"/v1/keys/{which}"), 404)


async def test_key_in_an_address_stays_out_of_the_log(
    people: People, logged: Sequence[MutableMapping[str, Any]]
) -> None:
    key = await people.key("ada")
    ada = await people.client(key)
    await ada.get(f"/v1/keys/{key.key}")
    await ada.get(f"/{key.key}/{key.key}")
    secret = key.key.removeprefix(f"cfx_{key.key_id}_")
    assert f"cfx_{key.key_id}_…" in str(logged)
    assert secret not in str(logged)
