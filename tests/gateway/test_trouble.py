"""An upstream that fails, in every way that upstreams fail."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack
from itertools import islice
from typing import Any

import pytest

from cfx_flow.upstream.breaker import FAILURES_TO_OPEN, OPEN_FOR_S, Breakers
from tests.gateway.conftest import QUICK, Gateway, OpenGateway
from tests.support.clock import FakeClock
from tests.support.processes import free_port
from tests.support.provider import Provider

pytestmark = pytest.mark.e2e

UNAVAILABLE, LIMITED = "upstream_unavailable", "upstream_rate_limited"
CONTENT = {"content": "one two three four five six", "chunk_chars": 4}


async def test_a_busy_target_is_asked_twice_then_the_next_answers(
    gateway: Gateway, provider: Provider
) -> None:
    provider.script(
        {"model": "claude", "replies": [{"status": 503}]},
        {"model": "gpt-4.1", "replies": [{"content": "me"}]},
    )
    answer = await gateway.chat(model="cfx-plan")
    assert answer.headers["x-cfx-model-used"] == "gpt-4.1"
    assert [call["body"]["model"] for call in provider.calls()] == ["claude-sonnet-4-5"] * 2 + ["gpt-4.1"]
    assert answer.headers["x-ratelimit-remaining"] == "999"


async def test_a_stream_whose_first_target_fails_comes_from_the_next(
    gateway: Gateway, provider: Provider
) -> None:
    provider.script(
        {"model": "claude", "replies": [{"status": 500}]}, {"model": "gpt-4.1", "replies": [CONTENT]}
    )
    streamed = await gateway.stream(model="cfx-plan")
    assert streamed.text == CONTENT["content"]
    assert streamed.headers["x-cfx-model-used"] == "gpt-4.1"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        ({"status": 503}, 503, UNAVAILABLE),
        ({"status": 500}, 503, UNAVAILABLE),
        ({"status": 401}, 503, "upstream_auth"),
        ({"status": 429, "headers": {"retry-after": "7"}}, 429, LIMITED),
        ({"status": 400}, 400, "invalid_request"),
        ({"status": 422, "body": "no"}, 422, "invalid_request"),
        ({"raw": "null", "content_type": "application/json"}, 422, "invalid_request"),
        ({"drop_after_chunks": 0}, 503, UNAVAILABLE),
        ({"raw": "<html><body>nginx</body></html>"}, 503, UNAVAILABLE),
        ({"raw": "", "content_type": "text/event-stream"}, 503, UNAVAILABLE),
        ({"raw": "{", "content_type": "application/json"}, 503, UNAVAILABLE),
        ({"raw": "\xff\xfe", "encoding": "latin-1"}, 503, UNAVAILABLE),
        ({"raw": "x" * 1000, "headers": {"content-encoding": "gzip"}}, 503, UNAVAILABLE),
        ({"status": 302, "headers": {"location": "http://127.0.0.1:1/"}}, 503, UNAVAILABLE),
        ({"raw": '{"error": {"code": "429"}}', "content_type": "application/json"}, 429, LIMITED),
    ],
)
async def test_what_fails_before_the_first_byte_is_a_status(  # noqa: PLR0917
    gateway: Gateway, provider: Provider, reply: dict[str, Any], status: int, code: str, streamed: bool
) -> None:
    provider.reply(reply)
    answer = await gateway.chat(model="cfx-code", stream=streamed)
    error = answer.json()["error"]
    assert answer.status_code == status
    assert error["code"] == code
    assert "nginx" not in error["message"]
    assert ("retry-after" in answer.headers) is (status == 429)
    (row,) = await gateway.rows(1)
    assert (row["status"], row["input_tokens"], row["ttft_ms"]) == ("error", 0, None)


@pytest.mark.parametrize(
    "reply",
    [
        CONTENT | {"drop_after_chunks": 3},
        CONTENT | {"finish_reason": None, "chunk_delay_s": 0.01},
        CONTENT | {"finish_reason": None, "done": False, "chunk_delay_s": 0.01},
    ],
)
async def test_what_fails_in_the_stream_is_said_in_the_stream(
    gateway: Gateway, provider: Provider, reply: dict[str, Any]
) -> None:
    provider.reply(reply)
    streamed = await gateway.stream(model="cfx-plan")
    assert streamed.response.status_code == 200
    assert streamed.text.startswith("one")
    assert streamed.frames[-1]["error"]["code"] == "upstream_unavailable"
    assert not streamed.is_done
    assert len(provider.calls()) == 1
    (row,) = await gateway.rows(1)
    assert row["status"] == "error"
    assert row["estimated"] is (reply.get("finish_reason", "") is not None)


async def test_a_reply_without_usage_is_estimated(gateway: Gateway, provider: Provider) -> None:
    provider.reply(CONTENT | {"usage": None})
    await gateway.chat(model="cfx-plan")
    await gateway.stream(model="cfx-plan")
    rows = await gateway.rows(2)
    assert all(row["estimated"] and row["input_tokens"] and row["output_tokens"] for row in rows)
    assert all(row["cost_usd"] > 0 for row in rows)


async def test_a_dead_upstream_is_a_503_and_soon_an_open_circuit(open_gateway: OpenGateway) -> None:
    async with open_gateway(upstream=f"http://127.0.0.1:{free_port()}/v1") as gateway:
        codes = [(await gateway.chat(model="cfx-code")).json()["error"]["code"] for _ in range(4)]
        assert codes == ["upstream_unavailable"] * 3 + ["circuit_open"]
        refused = await gateway.chat(model="cfx-code")
        assert refused.status_code == 503
        assert 0 < int(refused.headers["retry-after"]) <= 30
        assert refused.headers["x-ratelimit-remaining"] == "997"


@pytest.mark.parametrize("streamed", [False, True])
async def test_of_a_hundred_at_once_exactly_one_tries_whether_an_upstream_has_healed(
    open_gateway: OpenGateway, provider: Provider, fake_clock: FakeClock, streamed: bool
) -> None:
    async with open_gateway(breakers=Breakers(fake_clock)) as gateway:
        provider.reply(*[{"status": 500}] * FAILURES_TO_OPEN, {"content": "Healed", "delay_s": 60})
        for _ in range(FAILURES_TO_OPEN):
            await gateway.chat(model="gpt-4o-mini")
        assert (await gateway.chat(model="gpt-4o-mini")).json()["error"]["code"] == "circuit_open"
        fake_clock.advance(seconds=OPEN_FOR_S)
        ask: dict[str, Any] = {"model": "gpt-4o-mini", "stream": streamed}
        asking = {asyncio.create_task(gateway.chat(**ask)) for _ in range(100)}
        refused = [await done for done in islice(asyncio.as_completed(asking), 99)]
        assert {answer.json()["error"]["code"] for answer in refused} == {"circuit_open"}
        assert len(provider.calls()) == FAILURES_TO_OPEN + 1
        for task in asking:
            task.cancel()  # the probe's caller leaves


@pytest.mark.parametrize(("streamed", "name"), [(False, "connect_s"), (True, "connect_stream_s")])
async def test_an_upstream_that_takes_no_connection_is_given_up(
    open_gateway: OpenGateway, streamed: bool, name: str
) -> None:
    with socket.socket() as deaf, ExitStack() as queue:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(3):  # until its queue is full, and further calls hang
            waiting = queue.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/v1"
        async with open_gateway(upstream=url, timeouts={name: 0.3}) as gateway:
            async with asyncio.timeout(5):
                answer = await gateway.chat(model="gpt-4o-mini", stream=streamed)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "upstream_timeout")


async def test_bad_requests_never_open_a_circuit(gateway: Gateway, provider: Provider) -> None:
    provider.reply(*[{"status": 400}] * (2 * FAILURES_TO_OPEN), {"content": "fine"})
    for _ in range(2 * FAILURES_TO_OPEN):
        assert (await gateway.chat(model="cfx-code")).status_code == 400
    assert (await gateway.chat(model="cfx-code")).status_code == 200


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_silent_upstream_is_given_up_and_the_next_asked(
    open_gateway: OpenGateway, provider: Provider, streamed: bool
) -> None:
    async with open_gateway(timeouts={"read_s": 0.6}) as gateway:
        provider.script(
            {"model": "claude", "replies": [{"content": "late", "delay_s": 30}]},
            {"model": "gpt-4.1", "replies": [{"content": "soon"}]},
        )
        answer = await gateway.chat(model="cfx-plan", stream=streamed)
        assert answer.status_code == 200
        assert answer.headers["x-cfx-model-used"] == "gpt-4.1"
        assert (await asyncio.to_thread(provider.wait_for_disconnect))["body"]["model"] == "claude-sonnet-4-5"


async def test_a_stream_that_falls_silent_ends_in_an_error_frame(
    open_gateway: OpenGateway, provider: Provider
) -> None:
    async with open_gateway(timeouts={"read_s": 0.3}) as gateway:
        provider.reply(CONTENT | {"chunk_delay_s": 30})
        streamed = await gateway.stream(model="cfx-plan")
        assert streamed.frames[-1]["error"]["code"] == "upstream_timeout"
        assert not streamed.is_done


async def test_a_slow_start_opens_the_stream_early_and_names_the_model_at_its_end(
    open_gateway: OpenGateway, provider: Provider
) -> None:
    async with open_gateway(pace=QUICK) as gateway:
        provider.script(
            {"model": "claude", "replies": [{"status": 500, "delay_s": 0.6}]},
            {"model": "gpt-4.1", "replies": [CONTENT]},
        )
        streamed = await gateway.stream(model="cfx-plan")
        assert streamed.pings >= 1
        assert streamed.events[0] == ": ping"
        assert streamed.text == CONTENT["content"]
        assert streamed.frames[-1]["cfx"] == {"stage": "plan", "model_used": "gpt-4.1"}
        assert streamed.is_done


async def test_after_an_early_start_a_refusal_is_said_in_the_stream(
    open_gateway: OpenGateway, provider: Provider
) -> None:
    async with open_gateway(pace=QUICK) as gateway:
        provider.reply({"status": 400, "delay_s": 0.6})
        streamed = await gateway.stream(model="cfx-plan")
        assert streamed.response.status_code == 200
        (frame,) = streamed.frames
        assert frame["error"]["code"] == "invalid_request"
        assert frame["cfx"] == {"stage": "plan", "model_used": "claude-sonnet-4-5"}


async def test_silence_within_a_stream_is_filled_with_pings(
    open_gateway: OpenGateway, provider: Provider
) -> None:
    async with open_gateway(pace=QUICK) as gateway:
        provider.reply(CONTENT | {"chunk_chars": 30, "chunk_delay_s": 0.7})
        streamed = await gateway.stream(model="cfx-plan")
        assert streamed.pings >= 2
        assert streamed.text == CONTENT["content"]
        assert streamed.is_done
