"""``/metrics``, read with Prometheus' own parser."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from api.app import create_app
from api.wiring import Services
from cfx_flow.errors import UpstreamFailed
from cfx_flow.ledger import CallRecord, Meter
from tests.api.conftest import client_of
from tests.support.shapes import error_of

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def call(**values: Any) -> CallRecord:
    defaults: dict[str, Any] = {
        "user_id": str(uuid.uuid4()),
        "api_key_id": None,
        "request_id": str(uuid.uuid4()),
        "stage": "code",
        "model": "deepseek-v3",
        "input_tokens": 100,
        "output_tokens": 20,
        "cost_usd": Decimal("0.25"),
        "latency_ms": 800,
        "ttft_ms": 90,
        "status": "success",
        "created_at": datetime.now(UTC),
    }
    return CallRecord(**{**defaults, **values})


async def scrape(client: httpx.AsyncClient) -> Samples:
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(answer.text))
    assert all(family.documentation for family in families)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


async def test_calls_are_counted_with_their_tokens_cost_and_times(
    services: Services, stranger: httpx.AsyncClient
) -> None:
    for one in (call(), call(latency_ms=60, ttft_ms=50), call(status="cancelled", error_code="client_gone")):
        services.request_log.record(one)
    found = await scrape(stranger)
    labels = {"stage": "code", "model": "deepseek-v3"}
    assert value(found, "cfx_requests_total", **labels, status="success", code="") == 2
    assert value(found, "cfx_requests_total", **labels, status="cancelled", code="client_gone") == 1
    assert value(found, "cfx_tokens_total", **labels, direction="input") == 300
    assert value(found, "cfx_cost_usd_total", **labels) == 0.75
    latency = "cfx_request_duration_seconds"
    assert value(found, f"{latency}_count", stage="code", status="success") == 2
    assert value(found, f"{latency}_sum", stage="code", status="success") == pytest.approx(0.86)
    assert value(found, f"{latency}_bucket", stage="code", status="success", le="0.1") == 1
    assert value(found, f"{latency}_bucket", stage="code", status="success", le="+Inf") == 2
    assert value(found, "cfx_time_to_first_token_seconds_bucket", stage="code", le="0.05") == 1
    assert 0 <= value(found, "cfx_request_log_queue") <= 3  # the writer may have been quicker


async def test_state_of_the_house_is_shown(services: Services, stranger: httpx.AsyncClient) -> None:
    for _ in range(5):
        services.breakers.of("litellm/deepseek-v3").admit().failed()
    services.request_log.dropped = 7
    with services.key_watch.over("a key", lambda _: None):
        found = await scrape(stranger)
    assert value(found, "cfx_breaker_state", target="litellm/deepseek-v3", cfx_breaker_state="open") == 1
    assert value(found, "cfx_breaker_state", target="litellm/deepseek-v3", cfx_breaker_state="closed") == 0
    assert value(found, "cfx_request_log_dropped_total") == 7
    assert value(found, "cfx_streams_running") == 1
    assert (value(found, "cfx_flows_running"), value(found, "cfx_flows_waiting")) == (0, 0)
    assert (value(found, "process_resident_memory_bytes") or 0) > 1_000_000


async def test_answers_are_counted_by_status_refused_strangers_too(stranger: httpx.AsyncClient) -> None:
    await stranger.get("/v1/models")
    await stranger.get("/healthz")
    found = await scrape(stranger)
    assert value(found, "cfx_http_responses_total", code="401") == 1
    assert value(found, "cfx_http_responses_total", code="200") == 1


def test_what_others_make_up_makes_no_time_series() -> None:
    meter = Meter({"deepseek-v3"})
    for n in range(50):
        meter.observe(call(model=f"model-{n}", error_code=f"code\n{n}", status="error"))
        meter.observe(call(model=f'"}} {n}', error_code=UpstreamFailed.code, status="error"))
    assert {(one.model, one.code) for one in meter.totals()} == {
        ("other", "other"),
        ("other", "upstream_unavailable"),
    }
    assert sum(one.calls for one in meter.totals()) == 100


async def test_token_closes_the_door_if_the_operator_sets_one(services: Services) -> None:
    settings = services.settings.model_copy(update={"metrics_token": SecretStr("let me in")})
    app = create_app(replace(services, settings=settings))
    odd = {b"authorization": "Bearer é".encode()}
    async with client_of(app) as nobody, client_of(app, "let me in") as prometheus:
        error_of(await nobody.get("/metrics"), 401, "invalid_api_key")
        error_of(await nobody.get("/metrics", headers=odd), 401, "invalid_api_key")
        assert await scrape(prometheus)


async def test_only_get_is_taken(stranger: httpx.AsyncClient) -> None:
    error_of(await stranger.post("/metrics"), 405)
