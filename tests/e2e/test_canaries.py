"""No secret leaves its place: the whole system runs with marked ones, and nothing that it says, stores or is
called holds a mark."""

from __future__ import annotations

import base64
import json
import sqlite3
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import jwt
import psutil
import psycopg
import pytest

from cfx_flow.settings import HOUSE
from cfx_flow.store.address import sqlite_file
from tests.support.flows import GOOD_DIFF, Flows, loop, says
from tests.support.postgres import APP_PASSWORD, PostgresServer
from tests.support.processes import child_environ, start, wait_for, wait_ready
from tests.support.provider import Provider
from tests.support.server import CFX, Server

pytestmark = pytest.mark.e2e

MARKED = {
    "CFX_HASH_SALT": "canary-pepper-6b1f0c2e9d8a7f45",
    "CFX_HASH_SALT_PREVIOUS": "canary-former-pepper-11aa22bb33cc",
    "CFX_LITELLM_KEY": "canary-upstream-0f9e8d7c6b5a4938",
    "CFX_METRICS_TOKEN": "canary-metrics-5d4c3b2a1f0e9d8c",
    "SUPABASE_JWT_SECRET": "canary-jwt-secret-7a6b5c4d3e2f1a0b-long",
}
SUPABASE_URL = "http://127.0.0.1:9"
PROMPT, REPLY = "canary-prompt-1c2d3e", "canary-reply-9f8e7d"
LEAKY = {"error": {"message": f"Incorrect API key provided: {MARKED['CFX_LITELLM_KEY']}", "code": "x"}}
CHAT = {"messages": [{"role": "user", "content": PROMPT}], "model": "cfx-review"}


@pytest.fixture(params=["sqlite", "postgres"])
def owners_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of the database, for who may look into all of it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'data' / 'cfx.db'}"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.as_owner(request.getfixturevalue("postgres_url"))


@pytest.fixture
def marked_server(owners_url: str, provider: Provider, tmp_path: Path) -> Iterator[Server]:
    values = dict(MARKED)
    if sqlite_file(owners_url) is None:
        values["CFX_DATABASE_URL"] = owners_url
    server = Server(
        tmp_path,
        provider.url,
        values.pop("CFX_LITELLM_KEY"),
        CFX_WEBHOOK_HOSTS="hooks.example.invalid",
        SUPABASE_URL=SUPABASE_URL,
        CFX_LOG_LEVEL="debug",
        **values,
    )
    yield server
    server.close()


def test_no_secret_is_in_logs_answers_rows_metrics_or_arguments(
    marked_server: Server, provider: Provider, owners_url: str
) -> None:
    server = marked_server
    said: list[str] = []
    server.key = server.create_key("me")[
        "key"
    ]  # that of a first start is shown on its terminal, as it must be
    server.client = server.client_of(server.key)
    secrets = {**MARKED, "database password": APP_PASSWORD, "key": server.key}
    revoked = server.create_key("me")
    server.cfx("keys", "revoke", revoked["id"])
    secrets["revoked key"] = revoked["key"]

    _talk(server, provider, revoked["key"], said)
    made = _heard(said, server.client.post("/v1/keys", json={"label": "a"}), hides="key")
    rotated = _heard(said, server.client.post(f"/v1/keys/{made['id']}/rotate"), hides="key")
    secrets |= {"made key": made["key"], "rotated key": rotated["key"]}
    webhook = server.client.get("/v1/webhook-secret").json()
    secrets["webhook secret"] = next(value for value in webhook.values() if "whsec_" in str(value))
    secrets["sign-in"] = _sign_in(server, said)
    with _worker(server, owners_url):
        _run_a_flow(server, provider, said)
    _administer(server, owners_url, said)
    _look_around(server, said)
    _break_the_store(server, owners_url, said)
    said.append(server.run("config", "check", "--json").stdout + server.run("keys", "list").stdout)

    places = {
        "answers": "\n".join(said),
        "log": (server.folder / "server.log").read_text("utf-8", "replace"),
        "files": "\n".join(_files(server, owners_url)),
        "arguments": "\n".join(" ".join(process) for process in _arguments(server)),
        "rows": _dump(owners_url),
    }
    found = {
        (name, place)
        for name, secret in secrets.items()
        for place, text in places.items()
        if _in(secret, text)
    }
    assert found == set()
    for text in (PROMPT, REPLY):
        assert text not in places["log"]
        assert text not in places["files"]
    assert REPLY not in places["rows"]
    assert len(places["rows"]) > 1000, "the dump has something in it"


def _talk(server: Server, provider: Provider, revoked: str, said: list[str]) -> None:
    """Chat as it goes well and as it goes wrong, upstreams that tell what they should not, keys where no key
    belongs."""
    provider.reply({"content": REPLY})
    for stream in (False, True):
        answer = _chat(server, stream=stream)
        assert answer.status_code == 200
        said.append(_head(answer))
    body = json.dumps(LEAKY)
    for status in (400, 401, 404, 422, 429, 500):
        provider.reply({"status": status, "body": body})
        said += [_all(_chat(server, stream=stream)) for stream in (False, True)]
    provider.reply({"raw": f"data: {body}\n\n", "content_type": "text/event-stream"})
    said.append(_all(_chat(server, stream=True)))
    provider.reply({"content": "x", "drop_after_chunks": 0})
    said.append(_all(_chat(server, stream=False)))
    nobody = server.client_of(None)
    said += [
        _all(nobody.get("/v1/usage", headers={"Authorization": f"Bearer {key}"}))
        for key in (revoked, server.key[:-1], "Basic " + server.key, MARKED["CFX_HASH_SALT"])
    ]
    for path in (
        f"/v1/keys/{server.key}",
        f"/{server.key}",
        f"/v1/logs?key={server.key}",
        f"/v1/keys?{server.key}",
    ):
        server.client.get(path)
        nobody.get(path, headers={"x-api-key": server.key, "cookie": f"key={server.key}"})
    said.append(_all(server.client.delete(f"/v1/keys/{revoked}")))


def _run_a_flow(server: Server, provider: Provider, said: list[str]) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flows = Flows(server.client)
    flow_id = flows.start(webhook={"url": "https://hooks.example.invalid/told"})

    def ended() -> bool:
        return server.client.get(f"/v1/flows/{flow_id}").json()["status"] in ("approved", "failed")

    wait_for(ended, timeout_s=60, what="flow's end")
    provider.script({"model": "", "replies": [{"status": 401, "body": json.dumps(LEAKY)}]})
    failing = flows.start()
    wait_for(
        lambda: server.client.get(f"/v1/flows/{failing}").json()["status"] == "failed",
        timeout_s=60,
        what="flow that fails",
    )
    for each in (flow_id, failing):
        paths = [f"/v1/flows/{each}{part}" for part in ("", "/events", "/report", "/steps/1")]
        said += [_all(server.client.get(path)) for path in paths]


def _sign_in(server: Server, said: list[str]) -> str:
    """With a token of the project's shared secret, as it should be and as it should not; its signature."""
    now = int(time.time())
    claims = {
        "iss": f"{SUPABASE_URL}/auth/v1",
        "aud": "authenticated",
        "role": "authenticated",
        "sub": str(uuid.uuid4()),
        "iat": now,
        "exp": now + 600,
    }
    token = jwt.encode(claims, MARKED["SUPABASE_JWT_SECRET"], "HS256")
    person = server.client_of(token)
    answer = person.get("/v1/status")
    assert answer.status_code == 200
    said += [_all(answer), _all(person.get(f"/v1/usage?access_token={token}"))]
    for bearer in (token[:-2], token + "x", f"{token}.{token}"):
        said.append(_all(server.client_of(bearer).get("/v1/status")))
    said.append(_all(_chat(server, client=person, stream=False)))
    return token.rpartition(".")[2]


@contextmanager
def _worker(server: Server, owners_url: str) -> Iterator[None]:
    """Beside the server's own, where there may be more than one."""
    if sqlite_file(owners_url) is not None:
        yield
        return
    log = server.folder / "worker.log"
    worker = start("cfx worker", [str(CFX), "worker"], log=log, env=server.env, cwd=server.folder)
    try:
        wait_ready(worker, lambda: log.exists() and log.stat().st_size > 0, timeout_s=60)
        yield
    finally:
        worker.stop()


def _administer(server: Server, owners_url: str, said: list[str]) -> None:
    """Accounts change hands, by command and by an admin, and the schema is brought up to date."""
    said.append(server.cfx("users", "limit", "me", "--role", "admin", "--json"))
    said.append(server.cfx("users", "list"))
    if sqlite_file(owners_url) is None:
        env = server.env | {"CFX_DATABASE_URL": owners_url, "CFX_APP_PASSWORD": APP_PASSWORD}
        done = subprocess.run(
            [str(CFX), "migrate"], env=env, cwd=server.folder, capture_output=True, text=True, check=True
        )
        said.append(done.stdout + done.stderr)
    boss = server.client_of(_heard(said, server.client.post("/v1/keys", json={}), hides="key")["key"])
    made = boss.post("/v1/admin/users", json={"name": "eve", "monthly_usd": 1})
    assert made.status_code == 201
    said += [_all(made), _all(boss.post("/v1/admin/users/eve/disable")), _all(boss.get("/v1/admin/users"))]
    audit = boss.get("/v1/admin/audit?limit=200")
    assert {"key.rotated", "key.revoked", "user.disabled"} <= {row["action"] for row in audit.json()["data"]}
    said.append(_all(audit))


def _files(server: Server, owners_url: str) -> Iterator[str]:
    """Whatever it has left on the disk, and what it serves from there, but its store, and the first key."""
    file = sqlite_file(owners_url)
    for path in server.folder.rglob("*"):
        is_store = file is not None and path.name.startswith(file.name)
        if path.is_file() and not is_store and path.name != "credentials.json":
            yield path.read_bytes().decode("latin-1")
    site = HOUSE / "dashboard" / "site"
    yield from (path.read_bytes().decode("latin-1") for path in site.rglob("*") if path.is_file())


def _look_around(server: Server, said: list[str]) -> None:
    said.append(_all(server.client.get("/v1/logs", headers={"accept": "text/csv"})))
    bearer = {"Authorization": f"Bearer {MARKED['CFX_METRICS_TOKEN']}"}
    assert "cfx_requests_total" in server.client.get("/metrics", headers=bearer).text
    said.append(server.client.get("/metrics", headers=bearer).text)
    own = ("/v1/logs", "/v1/usage", "/v1/status", "/v1/keys", "/v1/models", "/v1/model/info", "/readyz")
    said += [_all(server.client.get(path)) for path in own]
    nobody = server.client_of(None)
    open_to_all = ("/", "/openapi.json", "/docs", "/v1/ui-config", "/metrics")
    said += [_all(nobody.get(path)) for path in open_to_all]


def _break_the_store(server: Server, owners_url: str, said: list[str]) -> None:
    """A table is gone: whatever is written about that has the statement and its values at hand."""
    fresh = server.create_key("me")["key"]
    for there, gone in (("api_keys", "api_keys_gone"), ("api_keys_gone", "api_keys")):
        _execute(owners_url, f"ALTER TABLE {there} RENAME TO {gone}")
        if gone != "api_keys":
            answer = server.client_of(fresh).get("/v1/usage")
            assert answer.status_code >= 500
            said.append(_all(answer))
    assert fresh.rsplit("_", 1)[1] not in (server.folder / "server.log").read_text("utf-8")


def _execute(owners_url: str, statement: str) -> None:
    file = sqlite_file(owners_url)
    if file is not None:
        with sqlite3.connect(file, timeout=10) as connection:
            connection.execute(statement)
        return
    with psycopg.connect(owners_url, autocommit=True) as postgres:
        postgres.execute(statement.encode())


def _dump(owners_url: str) -> str:
    """Every row of every table; of SQLite the files themselves."""
    file = sqlite_file(owners_url)
    if file is not None:
        return "\n".join(each.read_bytes().decode("latin-1") for each in file.parent.glob(f"{file.name}*"))
    rows: list[Any] = []
    with psycopg.connect(owners_url) as connection:
        tables = connection.execute(
            "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"
        )
        for (table,) in tables.fetchall():
            rows += connection.execute(f"SELECT t, t::text FROM {table} t".encode()).fetchall()
    return "\n".join(map(str, rows))


def _arguments(server: Server) -> list[list[str]]:
    """Of the server, what it started, and whatever else of ours runs on this machine."""
    found = []
    for process in psutil.process_iter():
        try:
            found.append(process.cmdline())
        except psutil.Error:
            continue
    assert any("serve" in arguments for arguments in found)
    return found


def _heard(said: list[str], answer: httpx.Response, *, hides: str) -> dict[str, Any]:
    """The answer that shows a key is the one place where it belongs."""
    body: dict[str, Any] = answer.json()
    said.append(json.dumps({name: value for name, value in body.items() if name != hides}))
    return body


def _chat(server: Server, *, stream: bool, client: httpx.Client | None = None) -> httpx.Response:
    return (client or server.client).post("/v1/chat/completions", json={**CHAT, "stream": stream})


def _head(answer: httpx.Response) -> str:
    return "\n".join(f"{name}: {value}" for name, value in answer.headers.items())


def _all(answer: httpx.Response) -> str:
    return f"{answer.status_code}\n{_head(answer)}\n{answer.text}"


def _in(secret: str, text: str) -> bool:
    """As it is, or as it is easily written."""
    body = secret.rsplit("_", 1)[1] if secret.startswith("cfx_") else secret
    raw = body.encode()
    forms = (body, base64.b64encode(raw).decode().rstrip("="), raw.hex(), json.dumps(body)[1:-1])
    return any(form in text for form in forms)


BAD = "canary-bad-setting-3e2d1c"


@pytest.mark.parametrize(
    "variables",
    [
        {"CFX_DATABASE_URL": f"postgresql://cfx:{BAD}@127.0.0.1:port/cfx"},
        {"CFX_DATABASE_URL": f"postgresql://cfx:{BAD}@127.0.0.1:9/cfx"},
        {"CFX_DATABASE_URL": f"oracle://cfx:{BAD}@127.0.0.1/cfx"},
        {"CFX_REDIS_URL": f"http://:{BAD}@127.0.0.1:6379"},
        {"SUPABASE_URL": f"https://me:{BAD}@supabase.example.com"},
        {"CFX_PUBLIC_URL": f"https://me:{BAD}@cfx.example.com/x"},
        {"CFX_LITELLM_URL": f"ftp://me:{BAD}@127.0.0.1:4000"},
    ],
    ids=lambda variables: " ".join(f"{name}={value.partition(':')[0]}" for name, value in variables.items()),
)
def test_setting_that_is_refused_is_not_shown_with_its_password(
    variables: dict[str, str], tmp_path: Path
) -> None:
    """By the command that says what is wrong with the settings, and by one that needs the database."""
    env = child_environ(HOME=str(tmp_path), CFX_LITELLM_URL="http://127.0.0.1:9", CFX_HASH_SALT="x" * 32)
    for command in (["config", "check"], ["keys", "list"]):
        done = subprocess.run(
            [str(CFX), *command],
            env=env | variables,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert BAD not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
