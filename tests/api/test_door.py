"""What every request meets before it reaches a route, and what every answer carries."""

from __future__ import annotations

from collections.abc import AsyncIterator, MutableMapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.types import Message

from api.app import create_app
from api.context import Admission
from api.middleware.entry import clean_path
from api.wiring import Services
from cfx_flow.accounts.principal import Principal
from cfx_flow.errors import RateLimitExceeded
from cfx_flow.limits.open import open_limits
from cfx_flow.limits.used_up import UsedUp
from tests.api.conftest import MAX_BODY_BYTES, client_of
from tests.support.clock import FakeClock
from tests.support.shapes import assert_identified, error_of

CHAT = "/v1/chat/completions"


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/openapi.json", "//healthz/"])
async def test_open_path_needs_no_key(stranger: httpx.AsyncClient, path: str) -> None:
    answer = await stranger.get(f"http://house{path}")
    assert answer.status_code == 200
    assert_identified(answer)
    assert "x-ratelimit-limit" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/v1/models", "/nowhere", "/healthz/x", "/docs/oauth2-redirect", "/HEALTHZ"]
)
async def test_every_other_path_needs_a_key(stranger: httpx.AsyncClient, path: str) -> None:
    answer = await stranger.get(path)
    error_of(answer, 401, "invalid_api_key")
    assert answer.headers["x-should-retry"] == "false"
    assert "x-ratelimit-limit" not in answer.headers


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", "Basic abc", "cfx_a_b", "Bearer \xff\xfe", "Bearer a b"]
)
async def test_header_without_a_usable_key_is_refused(stranger: httpx.AsyncClient, value: str) -> None:
    headers = [(b"authorization", value.encode("latin-1"))]
    error_of(await stranger.get("/v1/models", headers=headers), 401, "invalid_api_key")


async def test_two_keys_in_one_request_are_refused(stranger: httpx.AsyncClient, key: str) -> None:
    headers = [("authorization", f"Bearer {key}")] * 2
    error = error_of(await stranger.get("/v1/models", headers=headers), 401, "invalid_api_key")
    assert "2 Authorization headers" in error["message"]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER  "])
async def test_scheme_is_read_in_any_case(stranger: httpx.AsyncClient, key: str, scheme: str) -> None:
    answer = await stranger.get("/v1/models", headers={"authorization": f"{scheme} {key}"})
    assert answer.status_code == 200


@pytest.mark.parametrize("place", ["/v1/models?key={key}", "/v1/models?api_key={key}"])
async def test_key_in_the_address_opens_nothing(stranger: httpx.AsyncClient, key: str, place: str) -> None:
    error_of(await stranger.get(place.format(key=key), headers={"x-api-key": key}), 401)


@pytest.mark.parametrize(
    ("path", "clean"),
    [("/", "/"), ("//", "/"), ("//v1//models/", "/v1/models"), ("/v1/models", "/v1/models"), ("///a", "/a")],
)
def test_path_is_tidied(path: str, clean: str) -> None:
    assert clean_path(path) == clean


@pytest.mark.parametrize("path", ["/v1/models", "//v1//models/", "/models", "/v1/models/", "//models"])
async def test_glued_paths_reach_their_route(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(f"http://house{path}")).status_code == 200


async def test_requests_have_numbers_of_their_own(client: httpx.AsyncClient) -> None:
    first, second = await client.get("/v1/models"), await client.get("/v1/models")
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


# The caller's day ---------------------------------------------------------------------------------


async def test_reading_counts_nothing(client: httpx.AsyncClient) -> None:
    for _ in range(5):
        answer = await client.get("/v1/models")
        assert answer.headers["x-ratelimit-limit"] == "3"
        assert answer.headers["x-ratelimit-remaining"] == "3"
    reset = datetime.fromisoformat(answer.headers["x-ratelimit-reset"])
    assert reset.utcoffset() == timedelta(0)
    assert timedelta(0) < reset - datetime.now(UTC) <= timedelta(days=1)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/nowhere", 404), ("GET", CHAT, 405), ("POST", CHAT, 400), ("POST", "/v1/flows", 400)],
)
async def test_refusal_says_what_is_left_and_counts_nothing(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path)
    error_of(answer, status)
    assert answer.headers["x-ratelimit-remaining"] == "3"


async def test_store_that_fails_costs_the_headers_and_not_the_answer(services: Services, key: str) -> None:
    nowhere = "postgresql://127.0.0.1:1/nothing-listens-here"
    async with open_limits(nowhere, services.clock) as limits:
        dead = replace(services, limiter=limits.daily)
        async with client_of(create_app(dead), key) as client:
            answer = await client.get("/v1/models")
    assert answer.status_code == 200
    assert "x-ratelimit-limit" not in answer.headers


@pytest.fixture
async def admission(services: Services, fake_clock: FakeClock) -> Admission:
    principal = Principal("00000000-0000-4000-8000-000000000001", "ada", "user", "k", daily_limit=2)
    return Admission(services.limiter, UsedUp(fake_clock), services.budgets, principal, fake_clock)


async def test_charge_counts_down_to_a_refusal_that_says_when_to_come_back(admission: Admission) -> None:
    assert (await admission.charge()).remaining == 1
    assert (await admission.charge()).remaining == 0
    with pytest.raises(RateLimitExceeded, match="daily limit of 2 requests") as caught:
        await admission.charge()
    assert caught.value.headers == {"retry-after": str(12 * 3600), "x-should-retry": "false"}
    assert (await admission.status()).remaining == 0


async def test_asking_what_is_left_counts_nothing_and_refuses_when_it_is_nothing(
    admission: Admission,
) -> None:
    assert (await admission.require_left()).remaining == 2
    await admission.charge()
    await admission.charge()
    with pytest.raises(RateLimitExceeded):
        await admission.require_left()


# The body -----------------------------------------------------------------------------------------


async def _chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * 1000


@pytest.mark.parametrize("path", [CHAT, "/v1/flows", "/v1/snapshots"])
async def test_body_over_the_cap_is_refused_with_and_without_its_length(
    client: httpx.AsyncClient, path: str
) -> None:
    error = error_of(await client.post(path, content=b"x" * (MAX_BODY_BYTES + 1)), 413, "body_too_large")
    assert "CFX_MAX_BODY_BYTES" in error["message"]
    error_of(await client.post(path, content=_chunks(100)), 413, "body_too_large")


@pytest.mark.parametrize("path", [CHAT, "/v1/flows"])
async def test_body_up_to_the_cap_is_read(client: httpx.AsyncClient, path: str) -> None:
    error_of(await client.post(path, content=b"x" * MAX_BODY_BYTES), 400)
    error_of(await client.post(path, content=_chunks(MAX_BODY_BYTES // 1000)), 400)


@pytest.mark.parametrize("length", ["-1", "many", "1e9", "９"])
async def test_strange_length_does_not_pass_for_a_small_body(client: httpx.AsyncClient, length: str) -> None:
    headers = [(b"content-length", length.encode())]
    error_of(await client.post(CHAT, content=_chunks(100), headers=headers), 413)


async def test_caller_who_leaves_amid_the_body_is_no_bug_of_ours(
    services: Services, key: str, logged: Sequence[MutableMapping[str, Any]]
) -> None:
    messages: list[Message] = [
        {"type": "http.request", "body": b"half", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        pass

    headers = [(b"authorization", b"Bearer " + key.encode())]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/snapshots",
        "headers": headers,
        "query_string": b"",
    }
    await create_app(services)(scope | {"headers": headers}, receive, send)
    assert [line["log_level"] for line in logged if line["event"] == "request.broke"] == []
    (served,) = [line for line in logged if line["event"] == "request.served"]
    assert (served["status"], served["error"]) == (499, "client_gone")
