"""What people and scripts send by mistake or on purpose: a clear OpenAI-shaped error each, never a 5xx."""

from __future__ import annotations

import gzip
import io
import json
import socket
import tarfile
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.support.flows import FILES, loop, says
from tests.support.provider import Provider
from tests.support.server import OwnServer, Server
from tests.support.shapes import assert_identified, error_of

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture(autouse=True)
def _nothing_is_lost(server: Server, provider: Provider) -> Iterator[None]:
    """After each blow the same server, the same process, still serves."""
    pid = server.process.pid
    yield
    provider.reply(says("Still here."))
    answer = server.client.post(CHAT, json={"model": "cfx-plan", "messages": HELLO})
    assert answer.json()["choices"][0]["message"]["content"] == "Still here."
    assert server.process.alive
    assert server.process.pid == pid


NOT_JSON = {
    "nothing": b"",
    "half a document": b'{"messages": [',
    "two documents": b"{}{}",
    "not UTF-8": b'{"messages": [{"role": "user", "content": "\xff\xfe"}]}',
    "UTF-16": json.dumps({"messages": HELLO}).encode("utf-16"),
    "a list": b"[]",
    "a string": b'"hello"',
    "null": b"null",
    "deep nesting": b"[" * 200_000,
    "deep nesting in a field": b'{"messages": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    "NUL bytes": b"\x00" * 100,
    "form fields": b"model=cfx-plan&messages=hello",
}


@pytest.mark.parametrize("path", [CHAT, "/v1/flows"])
@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
def test_body_that_is_no_json_object_is_refused(server: Server, path: str, body: bytes) -> None:
    error_of(server.client.post(path, content=body, headers={"Content-Type": "application/json"}), 400)


BAD_CHATS: dict[str, dict[str, Any]] = {
    "no messages": {"model": "cfx-plan"},
    "no message": {"messages": []},
    "messages is a string": {"messages": "hello"},
    "messages is an object": {"messages": {"role": "user", "content": "x"}},
    "messages is null": {"messages": None},
    "a message is a string": {"messages": ["hello"]},
    "a message is null": {"messages": [None]},
    "a role is missing": {"messages": [{"content": "x"}]},
    "a role is a number": {"messages": [{"role": 7, "content": "x"}]},
    "content is a number": {"messages": [{"role": "user", "content": 7}]},
    "content is an object": {"messages": [{"role": "user", "content": {"text": "x"}}]},
    "a part is a number": {"messages": [{"role": "user", "content": [7]}]},
    "model is a number": {"model": 7, "messages": HELLO},
    "model is a list": {"model": ["cfx-plan"], "messages": HELLO},
    "stream is a string": {"model": "cfx-plan", "messages": HELLO, "stream": "yes"},
    "stream is an object": {"model": "cfx-plan", "messages": HELLO, "stream": {}},
    "stream_options is a list": {
        "model": "cfx-plan",
        "messages": HELLO,
        "stream": True,
        "stream_options": [1],
    },
    "max_tokens is a string": {"model": "cfx-plan", "messages": HELLO, "max_tokens": "many"},
    "max_tokens is negative": {"model": "deepseek-v3", "messages": HELLO, "max_tokens": -5},
    "tools is a string": {"model": "cfx-code", "messages": HELLO, "tools": "all"},
}


@pytest.mark.parametrize("body", BAD_CHATS.values(), ids=BAD_CHATS)
def test_chat_of_the_wrong_shape_is_refused_before_any_upstream_call(
    server: Server, provider: Provider, body: dict[str, Any]
) -> None:
    error = error_of(server.client.post(CHAT, json=body), 400)
    assert error["type"] == "invalid_request_error"
    assert provider.calls() == []


def test_unknown_stage_is_told_the_four(server: Server) -> None:
    answer = server.client.post(CHAT, json={"messages": HELLO}, headers={"X-CFX-Stage": "deploy"})
    message = error_of(answer, 400, "invalid_request")["message"]
    assert all(stage in message for stage in ("plan", "code", "review", "direct"))


@pytest.mark.parametrize("model", ["gpt-17", "cfx-", "cfx-deploy", "../etc", "a" * 200, "\u0000", "🦊"])
def test_unknown_model_is_told_the_usable_ones(server: Server, model: str) -> None:
    error = error_of(
        server.client.post(CHAT, json={"model": model, "messages": HELLO}), 404, "model_not_found"
    )
    assert "cfx-plan" in error["message"]
    assert len(error["message"]) < 5_000


def test_direct_model_off_the_whitelist_is_forbidden(server: Server) -> None:
    body = {"model": "gpt-17", "messages": HELLO}
    error_of(server.client.post(CHAT, json=body, headers={"X-CFX-Stage": "direct"}), 403, "permission_denied")


def _typo(key: str) -> str:
    return key[:-1] + ("a" if key[-1] != "a" else "b")


BAD_KEYS: dict[str, Callable[[str], str | None]] = {
    "none": lambda key: None,
    "empty": lambda key: "Bearer",
    "another scheme": lambda key: f"Basic {key}",
    "no scheme": lambda key: key,
    "a typo": lambda key: f"Bearer {_typo(key)}",
    "only its start": lambda key: f"Bearer {key[:20]}",
    "somebody else's form": lambda key: "Bearer sk-" + "a" * 48,
    "huge": lambda key: "Bearer " + "a" * 30_000,
    "two keys": lambda key: f"Bearer {key} {key}",
}


@pytest.mark.parametrize("header", BAD_KEYS.values(), ids=BAD_KEYS)
@pytest.mark.parametrize(("method", "path"), [("POST", CHAT), ("POST", "/v1/flows"), ("GET", "/v1/models")])
def test_wrong_key_opens_nothing(
    server: Server, method: str, path: str, header: Callable[[str], str | None]
) -> None:
    value = header(server.key)
    headers = {} if value is None else {"Authorization": value}
    answer = server.client_of(None).request(method, path, headers=headers, json={})
    error_of(answer, 401, "invalid_api_key")
    assert answer.headers["x-should-retry"] == "false"
    assert "x-ratelimit-limit" not in answer.headers


def test_key_of_strange_bytes_opens_nothing(server: Server) -> None:
    headers = {b"Authorization": b"Bearer cfx_\xff\xfe_\xc3\xa4"}
    error_of(server.client_of(None).get("/v1/models", headers=headers), 401)


def test_unknown_paths_and_methods_are_named(server: Server) -> None:
    error_of(server.client.get("/v1/nowhere"), 404)
    error_of(server.client.get(CHAT), 405)
    error_of(server.client.delete("/v1/flows"), 405)
    error_of(server.client.get("/v1/flows/..%2f..%2fetc%2fpasswd"), 404)


def test_body_over_the_cap_is_refused_with_and_without_its_length(own_server: OwnServer) -> None:
    small = own_server(CFX_MAX_BODY_BYTES="20000")
    body = json.dumps({"messages": [{"role": "user", "content": "x" * 30_000}]}).encode()
    for path in (CHAT, "/v1/flows", "/v1/snapshots"):
        error_of(small.client.post(path, content=body), 413)
        error_of(small.client.post(path, content=iter([body[:10_000], body[10_000:]])), 413)


def test_body_that_claims_an_absurd_length_is_refused_at_once(server: Server) -> None:
    host, port = httpx.URL(server.url).host, httpx.URL(server.url).port
    with socket.create_connection((host, port), timeout=10) as connection:
        head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\n"
        connection.sendall(f"{head}Content-Length: 99999999999999\r\n\r\n".encode())
        assert b" 413 " in connection.recv(4096).split(b"\r\n")[0]


ODD_BUT_FINE: dict[str, dict[str, Any]] = {
    "lone surrogate": {"messages": [{"role": "user", "content": "\ud800"}]},
    "NUL in the text": {"messages": [{"role": "user", "content": "a\x00b"}]},
    "huge number": {"messages": HELLO, "seed": 10**40},
    "very long text": {"messages": [{"role": "user", "content": "word " * 400_000}]},
    "many messages": {"messages": HELLO * 5_000},
    "unclosed slug": {"messages": [{"role": "user", "content": "Current Mode <slug>" * 20_000}]},
}


@pytest.mark.parametrize("body", ODD_BUT_FINE.values(), ids=ODD_BUT_FINE)
def test_odd_request_is_served_or_refused_but_breaks_nothing(
    server: Server, provider: Provider, body: dict[str, Any]
) -> None:
    provider.reply(says("Fine."))
    answer = server.client.post(CHAT, content=json.dumps(body).encode())
    assert answer.status_code == 200 or error_of(answer, 400)
    assert_identified(answer)


def flow(**fields: Any) -> dict[str, Any]:
    return {"task": "Greet", "workspace": {"files": FILES}} | fields


def files(**changed: Any) -> dict[str, Any]:
    return flow(workspace={"files": changed})


BAD_FLOWS: dict[str, dict[str, Any]] = {
    "no task": {"workspace": {"files": FILES}},
    "an empty task": flow(task=""),
    "a task of spaces": flow(task=" \n\t "),
    "a task that is a number": flow(task=7),
    "no workspace": {"task": "Greet"},
    "an empty workspace": flow(workspace={}),
    "a workspace that is a string": flow(workspace="/srv/project"),
    "two workspaces": flow(workspace={"files": FILES, "snapshot_id": "sha256:" + "0" * 64}),
    "files that are a list": flow(workspace={"files": ["greet.py"]}),
    "a file that is a number": files(**{"greet.py": 7}),
    "a path outside": files(**{"../greet.py": ""}),
    "a path outside, later": files(**{"a/../../greet.py": ""}),
    "an absolute path": files(**{"/etc/passwd": ""}),
    "a Windows path": files(**{"C:\\greet.py": ""}),
    "an empty path": files(**{"": ""}),
    "a path with NUL": files(**{"a\x00b": ""}),
    "a path into .git": files(**{".git/hooks/post-checkout": "#!/bin/sh"}),
    "a file that is also a folder": files(**{"a": "", "a/b": ""}),
    "a path on the server": flow(workspace={"path": "/etc"}),
    "a snapshot id of no known form": flow(workspace={"snapshot_id": "latest"}),
    "no round": flow(max_rounds=0),
    "too many rounds": flow(max_rounds=11),
    "rounds in words": flow(max_rounds="three"),
    "half a round": flow(max_rounds=1.5),
    "approval by nobody known": flow(approval="maybe"),
    "tests that nobody has named": flow(tests="unit"),
    "a webhook to nowhere that was named": flow(webhook={"url": "https://example.com"}),
    "a webhook within": flow(webhook={"url": "https://127.0.0.1/"}),
    "a negative budget": flow(budget={"usd": -1}),
    "a budget in words": flow(budget={"tokens": "many"}),
    "a model off the whitelist": flow(stages={"code": {"model": "gpt-17"}}),
    "an unknown stage": flow(stages={"deploy": {"model": "deepseek-v3"}}),
    "an unknown field": flow(aproval="auto"),
    "metadata that is a list": flow(metadata=[1]),
}


@pytest.mark.parametrize("body", BAD_FLOWS.values(), ids=BAD_FLOWS)
def test_flow_of_the_wrong_shape_is_refused_and_leaves_nothing(server: Server, body: dict[str, Any]) -> None:
    before = server.client.get("/v1/flows").json()["data"]
    answer = server.client.post("/v1/flows", json=body)
    assert answer.status_code in {400, 403}, answer.text
    error_of(answer)
    assert server.client.get("/v1/flows").json()["data"] == before


def test_validation_error_names_the_field(server: Server) -> None:
    error = error_of(server.client.post("/v1/flows", json=flow(max_rounds="three")), 400, "invalid_request")
    assert "max_rounds" in f"{error['param']} {error['message']}"


def test_workspace_that_does_not_exist_is_an_error_never_an_empty_one(server: Server) -> None:
    body = flow(workspace={"snapshot_id": "sha256:" + "0" * 64})
    assert "snapshot" in error_of(server.client.post("/v1/flows", json=body), 404)["message"].lower()


@pytest.mark.parametrize(
    "flow_id",
    ["nothing", "0", "7f3c1f8e-52a4-4f0c-9b0e-1d0a6f0c2b11", "a" * 5_000, "%00", "'; drop table flows"],
)
@pytest.mark.parametrize("part", ["", "/events", "/diff", "/plan", "/steps/1"])
def test_unknown_flow_is_not_found(server: Server, flow_id: str, part: str) -> None:
    error_of(server.client.get(f"/v1/flows/{flow_id}{part}"), 404)


def test_unknown_flow_cannot_be_cancelled(server: Server) -> None:
    error_of(server.client.post(f"/v1/flows/{uuid.uuid4()}/cancel"), 404)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-1", "limit=many", f"limit={10**30}", "cursor=rubbish", "status=happy"]
)
def test_list_with_a_rubbish_query_is_refused(server: Server, query: str) -> None:
    error_of(server.client.get(f"/v1/flows?{query}"), 400)


@pytest.mark.parametrize("after", ["-1", "many", str(10**30)])
def test_events_after_rubbish_are_refused_or_none(server: Server, provider: Provider, after: str) -> None:
    provider.script(*loop([says("no diff")]))
    flow_id = server.client.post("/v1/flows", json=flow(max_rounds=1)).json()["id"]
    answer = server.client.get(f"/v1/flows/{flow_id}/events", params={"after": after})
    assert (answer.status_code == 200 and answer.json()["data"] == []) or error_of(answer, 400)
    streamed = {"Accept": "text/event-stream", "Last-Event-ID": after}
    with server.client.stream("GET", f"/v1/flows/{flow_id}/events", headers=streamed) as answer:
        assert answer.status_code in {200, 400}


def _tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def _link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def _bomb() -> bytes:
    """300 MiB of zeroes in 300 kB: over what a snapshot may unpack to."""
    info = tarfile.TarInfo("zeroes")
    info.size = 300 * 1024 * 1024
    out = io.BytesIO()
    with gzip.open(out, "wb", compresslevel=1) as stream:
        stream.write(info.tobuf())
        for _ in range(300):
            stream.write(bytes(1024 * 1024))
    return out.getvalue()


BAD_SNAPSHOTS: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "rubbish": lambda: b"rubbish" * 100,
    "gzip of rubbish": lambda: gzip.compress(b"rubbish" * 100),
    "half an archive": lambda: _tar((tarfile.TarInfo("a.py"), b"x = 1\n" * 1000))[:60],
    "a path outside": lambda: _tar((tarfile.TarInfo("../a.py"), b"")),
    "an absolute path": lambda: _tar((tarfile.TarInfo("/etc/passwd"), b"")),
    "a symlink": lambda: _tar(_link("a", "/etc/passwd")),
    "a hard link": lambda: _tar(_link("a", "b", tarfile.LNKTYPE)),
    "a device": lambda: _tar(_link("a", "", tarfile.CHRTYPE)),
    "a bomb": _bomb,
}


@pytest.mark.parametrize("make", BAD_SNAPSHOTS.values(), ids=BAD_SNAPSHOTS)
def test_archive_that_is_unsafe_or_broken_is_refused(server: Server, make: Callable[[], bytes]) -> None:
    headers = {"Content-Type": "application/gzip"}
    answer = server.client.post("/v1/snapshots", content=make(), headers=headers)
    assert answer.status_code in {400, 413}, answer.text
    error_of(answer)
