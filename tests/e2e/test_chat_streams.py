"""Streams of the real server: two processes on one store, and a server that is asked to stop."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import openai
import pytest

from tests.support.flows import says
from tests.support.postgres import PostgresServer
from tests.support.provider import Provider
from tests.support.server import OwnServer, Server
from tests.support.shapes import error_of

LONG = {"content": "word " * 4000, "chunk_chars": 5, "chunk_delay_s": 0.05}
FIRST = [{"role": "user", "content": "Fix it"}]
NEXT = [*FIRST, {"role": "assistant", "content": "I wi"}, {"role": "user", "content": "Go on"}]


@contextmanager
def stream(server: Server, messages: list[dict[str, str]], **headers: str) -> Iterator[Iterator[str]]:
    """Its lines; it has begun."""
    body = {"model": "cfx-review", "stream": True, "messages": messages}
    with server.client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        lines = answer.iter_lines()
        next(lines)
        yield lines


def ask(server: Server, messages: list[dict[str, str]]) -> httpx.Response:
    body = {"model": "cfx-review", "stream": True, "messages": messages}
    return server.client.post("/v1/chat/completions", json=body)


def last_error(lines: Iterator[str]) -> dict[str, Any]:
    said = [line for line in lines if line.startswith("data: ")]
    assert "data: [DONE]" not in said
    error: dict[str, Any] = json.loads(said[-1].removeprefix("data: "))["error"]
    return error


@pytest.fixture
def two(own_server: OwnServer, provider: Provider, postgres_server: PostgresServer) -> tuple[Server, Server]:
    """On one database, with one key."""
    shared = {
        "CFX_DATABASE_URL": postgres_server.create_database(),
        "CFX_HASH_SALT": "of the tests, and long enough",
    }
    one, other = own_server(**shared), own_server(**shared)
    other.key = one.key
    other.client = other.client_of(one.key)
    return one, other


def test_two_streams_at_a_time_over_two_processes(two: tuple[Server, Server], provider: Provider) -> None:
    provider.reply(LONG)
    one, other = two
    with stream(one, FIRST), stream(other, [{"role": "user", "content": "Something else"}]):
        for server in two:
            refused = error_of(ask(server, [{"role": "user", "content": "A third"}]), 429)
            assert refused["code"] == "too_many_concurrent_requests"
    provider.reply(says("Free again."))
    time.sleep(0.5)
    assert [ask(server, FIRST).status_code for server in two] == [200, 200]


def test_next_turn_takes_over_from_a_stream_of_another_process(
    two: tuple[Server, Server], provider: Provider
) -> None:
    provider.script({"last_contains": "Go on", "replies": [says("Gladly.")]}, {"replies": [LONG]})
    one, other = two
    with stream(one, FIRST) as stopped:
        assert ask(other, NEXT).text.endswith("data: [DONE]\n\n")
        assert last_error(stopped)["code"] == "stream_replaced"
    provider.wait_for_disconnect()


def test_killed_server_locks_nobody_out_of_its_slots_for_long(
    own_server: OwnServer, provider: Provider
) -> None:
    """The next turn takes over at once; a stranger's third stream waits for the leases to end."""
    provider.script({"last_contains": "Go on", "replies": [says("Gladly.")]}, {"replies": [LONG]})
    server = own_server()
    with ExitStack() as stack:
        for messages in (FIRST, [{"role": "user", "content": "Something else"}]):
            stack.enter_context(stream(server, messages))
        server.kill()
        stack.pop_all()
    server.start()
    assert ask(server, [{"role": "user", "content": "A third"}]).status_code == 429
    assert ask(server, NEXT).status_code == 200


def test_server_that_is_asked_to_stop_says_so_in_its_streams(
    own_server: OwnServer, provider: Provider
) -> None:
    provider.reply(LONG)
    server = own_server()
    with stream(server, FIRST) as lines:
        asked_at = time.monotonic()
        os.kill(server.process.pid, signal.SIGTERM)
        error = last_error(lines)
    assert "restarted" in error["message"]
    assert server.process.process.wait(20) == 0
    print(f"stopped {time.monotonic() - asked_at:.1f} s after SIGTERM")
    assert time.monotonic() - asked_at < 9, "Docker kills after 10 s"
    server.start()
    provider.reply(says("Back."))
    with ExitStack() as stack:
        for text in ("one", "two"):
            stack.enter_context(stream(server, [{"role": "user", "content": text}]))
    provider.wait_for_disconnect()


def test_sdk_sees_a_stream_that_was_taken_over_as_an_error(own_server: OwnServer, provider: Provider) -> None:
    provider.script({"last_contains": "Go on", "replies": [says("Gladly.")]}, {"replies": [LONG]})
    server = own_server()
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.key) as sdk:
        messages: Any = FIRST
        chunks = sdk.chat.completions.create(model="cfx-review", messages=messages, stream=True)
        next(iter(chunks))
        assert ask(server, NEXT).status_code == 200
        with pytest.raises(openai.APIError, match="newer request"):
            list(chunks)
