"""``/v1/admin``: accounts made, limited, disabled; only by admins, and every change is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from cfx_flow.accounts.audit import Actor
from cfx_flow.accounts.users import Users
from cfx_flow.errors import NotFound, PermissionDenied
from tests.api.people import People
from tests.support.shapes import error_of

pytestmark = pytest.mark.e2e

ROUTES = [
    ("GET", "/v1/admin/users"),
    ("POST", "/v1/admin/users"),
    ("GET", "/v1/admin/users/ada"),
    ("PATCH", "/v1/admin/users/ada"),
    ("POST", "/v1/admin/users/ada/disable"),
    ("POST", "/v1/admin/users/ada/enable"),
    ("GET", "/v1/admin/audit"),
]


async def admin(people: People) -> httpx.AsyncClient:
    key = await people.key("chief")
    await people.make_admin("chief")
    return await people.client(key)


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_only_admins_come_in(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, method: str, path: str
) -> None:
    body = {"name": "eve", "role": "admin"} if method == "POST" else {"role": "admin"}
    error_of(await client.request(method, path, json=body), 403, "permission_denied")
    error_of(await stranger.request(method, path, json=body), 401, "invalid_api_key")


async def test_account_is_made_with_its_limits_and_found_by_name_and_id(people: People) -> None:
    chief = await admin(people)
    wish = {"name": "ada", "daily_limit": 7, "monthly_usd": 12.5}
    made = (await chief.post("/v1/admin/users", json=wish)).json()
    assert {name: made[name] for name in wish} == wish
    assert (made["role"], made["disabled_at"]) == ("user", None)
    for which in ("ada", made["id"]):
        assert (await chief.get(f"/v1/admin/users/{which}")).json() == made
    listed = (await chief.get("/v1/admin/users", params={"limit": 1})).json()
    assert listed["data"] == [made]
    rest = (await chief.get("/v1/admin/users", params={"cursor": listed["next_cursor"]})).json()
    assert [one["name"] for one in rest["data"]] == ["chief"]
    error_of(await chief.post("/v1/admin/users", json=wish), 409, "conflict")
    key = (await chief.post("/v1/keys", json={"user": "ada"})).json()["key"]
    status = (await (await people.client(key)).get("/v1/status")).json()
    assert (status["today"]["limit"], status["month"]["limit_usd"]) == (7, 12.5)


async def test_what_is_not_named_stays_and_null_takes_a_limit_away(people: People) -> None:
    chief, ada = await admin(people), await people.client(await people.key("ada"))
    for wish, daily, monthly in (
        ({"daily_limit": 5, "monthly_usd": 1}, 5, 1),
        ({"daily_limit": 6}, 6, 1),
        ({"monthly_usd": None}, 6, None),
        ({}, 6, None),
        ({"daily_limit": None}, 1000, None),
    ):
        await chief.patch("/v1/admin/users/ada", json=wish)
        status = (await ada.get("/v1/status")).json()  # at once, though keys are remembered for 5 s
        assert (status["today"]["limit"], status["month"]["limit_usd"]) == (daily, monthly)
    audit = (await chief.get("/v1/admin/audit", params={"user": "ada"})).json()["data"]
    changes = [one["detail"] for one in audit if one["action"] == "user.changed"]
    assert changes[::-1] == [
        {"daily_limit": 5, "monthly_usd": "1.000000"},
        {"daily_limit": 6},
        {"monthly_usd": None},
        {"daily_limit": None},
    ]


async def test_disabled_account_is_out_until_it_is_enabled(people: People) -> None:
    chief, ada = await admin(people), await people.client(await people.key("ada"))
    assert (await ada.get("/v1/usage")).status_code == 200
    for _ in range(2):
        disabled = await chief.post("/v1/admin/users/ada/disable")
        assert disabled.json()["disabled_at"] is not None
    message = error_of(await ada.get("/v1/usage"), 401, "invalid_api_key")["message"]
    assert "disabled" in message
    error_of(await chief.post("/v1/keys", json={"user": "ada"}), 409, "conflict")
    assert (await chief.post("/v1/admin/users/ada/enable")).json()["disabled_at"] is None
    assert (await ada.get("/v1/usage")).status_code == 200
    audit = (await chief.get("/v1/admin/audit")).json()["data"]
    assert [(one["actor"], one["action"], one["subject"]) for one in audit[:2]] == [
        ("chief", "user.enabled", "ada"),
        ("chief", "user.disabled", "ada"),
    ]


async def test_new_admin_may_at_once_what_a_former_one_may_no_more(people: People) -> None:
    chief, ada = await admin(people), await people.client(await people.key("ada"))
    await chief.patch("/v1/admin/users/ada", json={"role": "admin"})
    assert (await ada.get("/v1/admin/users")).status_code == 200
    await ada.patch("/v1/admin/users/chief", json={"role": "user"})
    error_of(await chief.get("/v1/admin/users"), 403, "permission_denied")


async def test_admin_cannot_lock_everybody_out(people: People) -> None:
    chief = await admin(people)
    error_of(await chief.post("/v1/admin/users/chief/disable"), 409, "conflict")
    error_of(await chief.patch("/v1/admin/users/chief", json={"role": "user"}), 409, "conflict")
    assert (await chief.get("/v1/admin/users/chief")).json()["role"] == "admin"


@pytest.mark.parametrize("change", [{"role": "user"}, None], ids=["demote", "disable"])
async def test_of_two_admins_who_shut_each_other_out_at_once_one_remains(
    people: People, change: dict[str, Any] | None
) -> None:
    for name in ("chief", "boss"):
        await people.key(name)
        await people.make_admin(name)
    known = {name: await people.services.users.get(name) for name in ("chief", "boss")}

    def turn(who: str, whom: str) -> Awaitable[Any]:
        """As another process has it."""
        users = Users(people.services.store, people.services.clock)
        actor = Actor(who, known[who].user_id)
        return users.disable(whom, actor) if change is None else users.change(whom, change, actor)

    done = await asyncio.gather(turn("chief", "boss"), turn("boss", "chief"), return_exceptions=True)
    assert [type(each) for each in done if isinstance(each, Exception)] == [PermissionDenied]
    now = [await people.services.users.get(name) for name in known]
    assert sum(each.role == "admin" and each.disabled_at is None for each in now) == 1


async def test_user_is_found_by_id_where_keys_are_made_and_listed(people: People) -> None:
    chief = await admin(people)
    made = (await chief.post("/v1/admin/users", json={"name": "ada"})).json()
    key = (await chief.post("/v1/keys", json={"user": made["id"]})).json()
    assert key["user"] == "ada"
    assert (await people.key(made["id"])).user_name == "ada"
    assert len((await chief.get("/v1/keys", params={"user": made["id"]})).json()["data"]) == 2
    with pytest.raises(NotFound):
        await people.key("00000000-0000-4000-8000-000000000000")
    error_of(await chief.post("/v1/admin/users", json={"name": made["id"]}), 400, "invalid_request")


HOSTILE: list[Any] = [
    {"role": "root"},
    {"daily_limit": -1},
    {"daily_limit": 2**31},
    {"monthly_usd": -1},
    {"monthly_usd": 10_000},
    {"monthly_usd": "NaN"},
    {"monthly_usd": 1e400},
    {"disabled_at": None},
    {"name": "a\0"},
    [],
]


@pytest.mark.parametrize("body", HOSTILE, ids=str)
async def test_bad_wish_changes_nothing(people: People, body: Any) -> None:
    chief = await admin(people)
    await people.key("ada")
    before = (await chief.get("/v1/admin/users/ada")).json()
    content = str(body).replace("'", '"').replace("inf", "1e400") if body == {"monthly_usd": 1e400} else None
    sent: dict[str, Any] = {"content": content} if content else {"json": body}
    error_of(await chief.patch("/v1/admin/users/ada", **sent), 400)
    named = body | {"name": body.get("name", "eve")} if isinstance(body, dict) and not content else []
    error_of(await chief.post("/v1/admin/users", json=named), 400)
    assert (await chief.get("/v1/admin/users/ada")).json() == before


@pytest.mark.parametrize(
    "which", ["nobody", "%00", "🔑", "00000000-0000-0000-0000-000000000000", "' OR 1=1 --"]
)
async def test_unknown_user_is_not_found(people: People, which: str) -> None:
    chief = await admin(people)
    error_of(await chief.get(f"/v1/admin/users/{which}"), 404)
    error_of(await chief.post(f"/v1/admin/users/{which}/disable"), 404)
    error_of(await chief.get("/v1/admin/users", params={"cursor": "x"}), 400)


async def test_money_of_a_budget_is_exact(people: People) -> None:
    chief = await admin(people)
    await people.key("ada")
    await chief.patch("/v1/admin/users/ada", json={"monthly_usd": 0.000001})
    assert (await people.services.users.get("ada")).monthly_usd == Decimal("0.000001")


async def test_key_bound_to_a_stage_has_no_admin_s_powers(people: People) -> None:
    chief = await admin(people)
    key = (await chief.post("/v1/keys", json={"stages": ["code"]})).json()["key"]
    editor = await people.client(key)
    error_of(await editor.get("/v1/admin/users"), 403, "permission_denied")
    error_of(await editor.post("/v1/keys", json={"user": "ada"}), 403, "permission_denied")
    assert (await editor.post("/v1/keys", json={})).json()["stages"] == ["code"]
