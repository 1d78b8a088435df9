"""Models, health and the OpenAPI document."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from sqlalchemy import text

from api.readiness import KEEP_S, Beside, ReadinessProbe
from cfx_flow.chores import Chores
from cfx_flow.settings import HOUSE
from cfx_flow.stages.load import load_models
from cfx_flow.stages.model import Models
from cfx_flow.store.engine import Store
from tests.support.clock import FakeClock
from tests.support.shapes import error_of
from tests.support.stores import eventually

IDS = [
    "cfx-plan",
    "cfx-code",
    "cfx-review",
    "cfx-auto",
    "cfx-flow",
    "claude-sonnet-4-5",
    "gpt-4.1",
    "deepseek-v3",
    "gpt-4.1-mini",
    "gpt-4o-mini",
    "gpt-4.1-nano",
]


@pytest.mark.parametrize("path", ["/v1/models", "/models"])
async def test_models_are_the_stages_and_the_whitelist(client: httpx.AsyncClient, path: str) -> None:
    body = (await client.get(path)).json()
    assert body["object"] == "list"
    assert [model["id"] for model in body["data"]] == IDS
    assert all(set(model) == {"id", "object", "created", "owned_by"} for model in body["data"])


async def test_one_model_is_shown_and_an_unknown_one_is_not_found(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/models/cfx-code")).json()["object"] == "model"
    error = error_of(await client.get("/v1/models/gpt-17"), 404, "model_not_found")
    assert "cfx-plan" in error["message"]


async def test_model_info_has_what_editors_read(client: httpx.AsyncClient) -> None:
    data = (await client.get("/v1/model/info")).json()["data"]
    info = {model["model_name"]: model["model_info"] for model in data}
    assert list(info) == IDS
    plan = info["cfx-plan"]
    assert plan["max_input_tokens"] == 200_000
    assert plan["max_output_tokens"] == plan["max_tokens"] == 32_768
    assert plan["input_cost_per_token"] * 1_000_000 == pytest.approx(3)
    assert plan["output_cost_per_token"] * 1_000_000 == pytest.approx(15)
    assert plan["cache_read_input_token_cost"] * 1_000_000 == pytest.approx(0.3)
    assert (plan["supports_vision"], info["cfx-code"]["supports_vision"]) == (True, False)
    assert all(model["litellm_params"]["model"] == model["model_name"] for model in data)


async def test_document_knows_chat_keys_and_the_shape_of_errors(stranger: httpx.AsyncClient) -> None:
    document = (await stranger.get("/openapi.json")).json()
    assert {"/v1/chat/completions", "/chat/completions", "/v1/flows", "/v1/models"} <= set(document["paths"])
    operations = [
        (path, operation) for path, methods in document["paths"].items() for operation in methods.values()
    ]
    for path, operation in operations:
        assert "422" not in operation["responses"], path
        assert "default" in operation["responses"], path
        is_open = path in {"/healthz", "/readyz", "/metrics", "/v1/ui-config"}
        assert ("security" in operation) is not is_open, path
    names = [operation["operationId"] for _, operation in operations]
    assert len(names) == len(set(names))


async def test_stages_show_models_yaml_without_addresses_and_keys(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/stages")
    shown = answer.json()
    assert [stage["stage"] for stage in shown["stages"]] == ["plan", "code", "review"]
    first = shown["stages"][0]["targets"][0]
    assert (first["id"], first["input_usd"]) == ("litellm/claude-sonnet-4-5", 3)
    assert [model["id"] for model in shown["direct"]] == IDS[5:]
    assert shown["modes"]["architect"] == "plan"
    assert "http" not in answer.text


# Readiness ----------------------------------------------------------------------------------------


@pytest.fixture
async def listener() -> AsyncIterator[asyncio.Server]:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    yield server
    server.close()


def _models(listener: asyncio.Server) -> Models:
    port = listener.sockets[0].getsockname()[1]
    return load_models(HOUSE / "config" / "models.yaml", {"CFX_LITELLM_URL": f"http://127.0.0.1:{port}"})


async def test_server_is_ready_with_its_database_and_upstream(
    sqlite_store: Store, listener: asyncio.Server, fake_clock: FakeClock
) -> None:
    found = await ReadinessProbe(sqlite_store, _models(listener), fake_clock).check()
    assert (found.status, found.error) == ("ready", None)
    assert found.checks == {"database": "ok", "upstream litellm": "ok"}


async def test_upstream_that_went_away_is_seen_once_the_answer_is_old(
    sqlite_store: Store, listener: asyncio.Server, fake_clock: FakeClock
) -> None:
    probe = ReadinessProbe(sqlite_store, _models(listener), fake_clock)
    await probe.check()
    listener.close()
    await listener.wait_closed()
    assert (await probe.check()).status == "ready"
    fake_clock.advance(seconds=KEEP_S + 0.1)
    found = await probe.check()
    assert (found.status, found.checks["upstream litellm"]) == ("unavailable", "nothing listens there")


async def test_one_upstream_of_two_within_reach_is_enough(
    sqlite_store: Store, listener: asyncio.Server, fake_clock: FakeClock
) -> None:
    """Taking the server out of the rotation would take the upstream that works away too."""
    models = _models(listener)
    (known,) = models.upstreams.values()
    gone = replace(known, name="gone", base_url="http://127.0.0.1:9/v1")
    both = replace(models, upstreams={"litellm": known, "gone": gone})
    found = await ReadinessProbe(sqlite_store, both, fake_clock).check()
    assert (found.status, found.error) == ("degraded", None)
    assert found.checks["upstream gone"] == "nothing listens there"


async def test_a_broken_chore_takes_no_server_out_of_the_rotation(
    sqlite_store: Store, listener: asyncio.Server, fake_clock: FakeClock
) -> None:
    chores = Chores()
    chores.begin("count", lambda: asyncio.sleep(0, int("no number")), every_s=0.001)
    await eventually(lambda: bool(chores.broken()))
    found = await ReadinessProbe(sqlite_store, _models(listener), fake_clock, Beside(chores=chores)).check()
    await chores.close()
    assert (found.status, found.error) == ("degraded", None)
    assert "count (ValueError)" in found.checks["chores"]


async def test_database_at_another_revision_is_not_ready(
    sqlite_store: Store, listener: asyncio.Server, fake_clock: FakeClock
) -> None:
    async with sqlite_store.transaction() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = 'long ago'"))
    found = await ReadinessProbe(sqlite_store, _models(listener), fake_clock).check()
    assert found.status == "unavailable"
    assert "cfx migrate" in found.checks["database"]


async def test_not_ready_is_a_503_that_says_why(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/readyz")
    assert answer.status_code == 503
    body = answer.json()
    assert body["checks"] == {"database": "ok", "upstream litellm": "nothing listens there"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
