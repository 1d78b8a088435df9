"""Who has signed in with Supabase: in the dashboard's routes and flows as with a key, and not in chat."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update

from cfx_flow.store.tables import accounts
from tests.api.people import People, opened
from tests.support.supabase import ADA, SupabaseProject, supabase_project


@pytest.fixture(scope="module")
def project() -> Iterator[SupabaseProject]:
    with supabase_project() as project:
        yield project


@pytest.fixture
async def house(database_url: str, tmp_path: Path, project: SupabaseProject) -> AsyncIterator[People]:
    async with opened(database_url, tmp_path, SUPABASE_URL=project.url) as people:
        yield people


@pytest.fixture
async def ada(house: People, project: SupabaseProject) -> httpx.AsyncClient:
    return await house.client(project.token())


@pytest.mark.parametrize(
    "path", ["/v1/flows", "/v1/usage", "/v1/logs", "/v1/status", "/v1/keys", "/v1/models", "/v1/model/info"]
)
async def test_a_sign_in_opens_what_the_dashboard_shows(ada: httpx.AsyncClient, path: str) -> None:
    assert (await ada.get(path)).status_code == 200


async def test_chat_takes_keys_only_and_says_so(ada: httpx.AsyncClient) -> None:
    for model in ("cfx-plan", "cfx-flow"):
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
        refused = await ada.post("/v1/chat/completions", json=body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
        assert "keys only" in refused.json()["error"]["message"]


async def test_a_flow_is_started_and_read_back_by_its_owner(
    house: People, ada: httpx.AsyncClient, project: SupabaseProject
) -> None:
    wish = {"task": "Add a line", "workspace": {"files": {"a.txt": "one\n"}}}
    made = await ada.post("/v1/flows", json=wish)
    assert made.status_code == 202, made.text
    location = made.headers["location"]
    assert (await ada.get(location)).json()["id"] == made.json()["id"]
    assert (await ada.get(f"{location}/events")).status_code == 200
    other = await house.client(project.token(sub="1d1f6f62-3f0a-4f57-9a43-1f6c9e5b7a02"))
    for path in (location, f"{location}/events", f"{location}/diff", f"{location}/steps/1"):
        assert (await other.get(path)).status_code == 404


async def test_who_signs_in_makes_a_key_within_their_account_and_uses_it(
    house: People, ada: httpx.AsyncClient
) -> None:
    made = await ada.post("/v1/keys", json={"label": "editor", "daily_limit": 10})
    assert made.status_code == 201, made.text
    with_key = await house.client(made.json()["key"])
    (listed,) = (await with_key.get("/v1/keys")).json()["data"]
    assert (listed["label"], listed["is_current"]) == ("editor", True)
    (listed,) = (await ada.get("/v1/keys")).json()["data"]
    assert not listed["is_current"]
    assert (await ada.post(f"/v1/keys/{listed['id']}/rotate")).status_code == 201


@pytest.mark.parametrize("wish", [{"permissions": ["workspace"]}, {"daily_limit": 1_000_000}])
async def test_a_sign_in_gives_no_key_more_than_the_account_has(
    ada: httpx.AsyncClient, wish: dict[str, object]
) -> None:
    refused = await ada.post("/v1/keys", json=wish)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "permission_denied")


async def test_a_disabled_user_is_refused_with_any_token(
    house: People, ada: httpx.AsyncClient, project: SupabaseProject
) -> None:
    assert (await ada.get("/v1/usage")).status_code == 200
    change = update(accounts).where(accounts.c.user_id == ADA).values(disabled_at=datetime.now(UTC))
    async with house.services.store.transaction() as connection:
        await connection.execute(change)
    again = await house.client(project.token())
    refused = await again.get("/v1/usage")
    assert (refused.status_code, "disabled" in refused.json()["error"]["message"]) == (401, True)


async def test_keys_work_beside_sign_ins_and_a_bad_token_is_a_401(
    house: People, project: SupabaseProject
) -> None:
    bob = await house.client(await house.key("bob"))
    assert (await bob.get("/v1/usage")).status_code == 200
    forger = await house.client(project.token(aud="anon"))
    refused = await forger.get("/v1/usage")
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
    assert refused.headers["x-should-retry"] == "false"


async def test_a_house_without_supabase_takes_no_tokens(people: People, project: SupabaseProject) -> None:
    ada = await people.client(project.token())
    assert (await ada.get("/v1/usage")).status_code == 401
