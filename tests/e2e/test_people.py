"""Keys, the daily limit, and users who must not see each other."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.support.flows import FILES, GOOD_DIFF, Flows, loop, says
from tests.support.provider import Provider
from tests.support.server import OwnServer, Server
from tests.support.shapes import error_of

HELLO = {"model": "cfx-plan", "messages": [{"role": "user", "content": "Hello"}]}


def ask(client: httpx.Client) -> httpx.Response:
    return client.post("/v1/chat/completions", json=HELLO)


def test_first_start_makes_a_key_that_only_its_owner_can_read(own_server: OwnServer) -> None:
    server = own_server()
    credentials = server.folder / "data" / "credentials.json"
    assert credentials.stat().st_mode & 0o077 == 0
    assert json.loads(credentials.read_text()) == {"url": server.url, "key": server.key}
    assert server.log_tail().count(server.key) == 1
    server.process.stop()
    server.start()
    assert server.log_tail().count(server.key) == 1, "shown once"


def test_created_key_opens_the_door_until_it_is_revoked(server: Server, provider: Provider) -> None:
    provider.reply(says("hello"))
    made = server.create_key("anna")
    assert made["id"]
    client = server.client_of(made["key"])
    assert ask(client).status_code == 200
    listed = json.loads(server.cfx("keys", "list", "--user", "anna", "--json"))
    assert made["key"] not in json.dumps(listed)
    server.cfx("keys", "revoke", made["id"], "--json")
    ends = time.monotonic() + 6
    while ask(client).status_code == 200:
        assert time.monotonic() < ends, "revoked keys still open the door after 6 s"
        time.sleep(0.2)
    error_of(ask(client), 401, "invalid_api_key")


def test_daily_limit_is_exact_under_concurrency(server: Server, provider: Provider) -> None:
    provider.reply(says("hello"))
    client = server.client_of(server.create_key("limited", "--daily-limit", "5")["key"])
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(client), range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429] * 7
    assert len(provider.calls()) == 5
    refused = ask(client)
    error_of(refused, 429, "rate_limit_exceeded")
    assert refused.headers["x-should-retry"] == "false"
    assert int(refused.headers["retry-after"]) > 0
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert refused.headers["x-ratelimit-limit"] == "5"
    assert client.get("/v1/models").status_code == 200, "a GET counts nothing"


def test_refused_requests_count_nothing(server: Server, provider: Provider) -> None:
    provider.reply(says("hello"))
    client = server.client_of(server.create_key("careful", "--daily-limit", "2")["key"])
    for _ in range(3):
        error_of(client.post("/v1/chat/completions", json={"messages": []}), 400)
        error_of(client.post("/v1/chat/completions", json={"model": "gpt-17", **HELLO, "messages": 1}), 400)
    assert [ask(client).status_code for _ in range(3)] == [200, 200, 429]


def test_flow_that_uses_up_the_day_fails_with_that_reason(server: Server, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flows = Flows(server.client_of(server.create_key("two-calls", "--daily-limit", "2")["key"]))
    flow = flows.run()
    assert (flow["status"], flow["reason"]) == ("failed", "limit_reached")
    assert len(provider.calls()) == 2
    answer = flows.client.post("/v1/flows", json={"task": "More", "workspace": {"files": FILES}})
    error_of(answer, 429, "rate_limit_exceeded")


def test_limit_survives_a_kill(own_server: OwnServer, provider: Provider) -> None:
    provider.reply(says("hello"))
    server = own_server(CFX_DAILY_LIMIT="3")
    assert [ask(server.client).status_code for _ in range(2)] == [200, 200]
    server.kill()
    server.start()
    assert [ask(server.client).status_code for _ in range(2)] == [200, 429]


def test_two_users_do_not_see_each_other_s_flows(server: Server, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    owner, other = (Flows(server.client_of(server.create_key(name)["key"])) for name in ("owner", "other"))
    flow = owner.run()
    for part in ("", "/events", "/diff", "/plan", "/steps/1"):
        assert owner.client.get(f"/v1/flows/{flow['id']}{part}").status_code == 200
        error_of(other.client.get(f"/v1/flows/{flow['id']}{part}"), 404)
    error_of(other.cancel(flow["id"]), 404)
    assert other.client.get("/v1/flows").json()["data"] == []
    borrowed = {"task": "Steal", "workspace": {"snapshot_id": flow["snapshot_id"]}}
    error_of(other.client.post("/v1/flows", json=borrowed), 404)


def test_model_calls_are_logged_and_hold_no_secret(own_server: OwnServer, provider: Provider) -> None:
    provider.reply(says("the reply itself"))
    server = own_server()
    body: dict[str, Any] = {**HELLO, "messages": [{"role": "user", "content": "the prompt itself"}]}
    assert server.client.post("/v1/chat/completions", json=body).status_code == 200
    server.process.stop()
    log = server.process.log.read_text()
    store = b"".join(path.read_bytes() for path in (server.folder / "data").glob("cfx.db*"))
    assert b"deepseek" in store or b"claude-sonnet-4-5" in store
    for text in ("the prompt itself", "the reply itself"):
        assert text not in log
        assert text.encode() not in store
    assert server.key.rsplit("_", 1)[-1] not in log.replace(server.key, "", 1)
    assert server.key.encode() not in store


def test_readiness_and_health_need_no_key(server: Server) -> None:
    stranger = server.client_of(None)
    for path in ("/healthz", "/readyz", "/openapi.json", "/docs"):
        assert stranger.get(path).status_code == 200, path
    assert "/v1/chat/completions" in stranger.get("/openapi.json").json()["paths"]


def test_readiness_names_what_is_missing(own_server: OwnServer, provider: Provider) -> None:
    server = own_server()
    assert server.client_of(None).get("/readyz").json()["status"] == "ready"
    with provider.down():
        time.sleep(1.1)  # an answer is kept for a second
        answer = server.client_of(None).get("/readyz")
        assert answer.status_code == 503
        assert "upstream" in answer.json()["error"]["message"]
        assert server.client_of(None).get("/healthz").status_code == 200


@pytest.mark.parametrize("name", ["", "a" * 500, "two\nlines"])
def test_user_name_that_cannot_be_is_refused_in_words(server: Server, name: str) -> None:
    done = server.run("keys", "create", "--user", name, "--json")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr + done.stdout
