"""``cfx serve``, ``cfx config check`` and ``cfx`` itself, as processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.processes import child_environ
from tests.support.shapes import error_of

pytestmark = pytest.mark.e2e

CFX = Path(sys.executable).with_name("cfx")
TIMEOUT_S = 60
NOBODY = "http://127.0.0.1:9"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs ``cfx`` in an empty folder to its end."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [CFX, *arguments],
            cwd=tmp_path,
            env=child_environ(**variables),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    return run


def said_once(done: subprocess.CompletedProcess[str]) -> str:
    """The one line on stderr; no traceback, nothing on stdout."""
    assert done.returncode == 2, done
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("cfx: ")
    return line


# cfx itself ---------------------------------------------------------------------------------------


def test_version_is_shown(run: Run) -> None:
    assert run("--version").stdout.startswith("cfx 0.")


def test_help_names_every_command(run: Run) -> None:
    shown = run("--help").stdout
    for command in ("serve", "demo", "run", "watch", "flows", "diff", "keys", "migrate", "config"):
        assert f" {command} " in shown


def test_env_file_is_read_and_the_real_environment_wins(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('CFX_LITELLM_URL="http://from-file:1"\nCFX_PORT=rubbish\n')
    report = json.loads(run("config", "check", "--json", CFX_PORT="8000").stdout)
    assert report["upstreams"] == {"litellm": "http://from-file:1/v1"}


# cfx config check ---------------------------------------------------------------------------------


def test_check_of_what_is_shipped_is_well_and_warns_of_the_unset_address(run: Run) -> None:
    done = run("config", "check")
    assert done.returncode == 0
    assert "all is well" in done.stdout
    assert "warning: CFX_LITELLM_URL is not set" in done.stdout


def test_check_names_file_line_and_key(run: Run, tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("upstreams:\n  a: {url_env: A}\nmodel: {}\n")
    line = said_once(run("config", "check", CFX_MODELS_FILE="models.yaml"))
    assert line.startswith("cfx: models.yaml:3: model: unknown key")
    done = run("config", "check", "--json", CFX_MODELS_FILE="models.yaml")
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["file"], error["line"], error["key"]) == (2, "models.yaml", 3, "model")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CFX_PORT", "many"),
        ("CFX_LOG_LEVEL", "loud"),
        ("CFX_MAX_BODY_BYTES", "-1"),
        ("CFX_WORKSPACE_ROOTS", "relative"),
        ("CFX_WEBHOOK_HOSTS", "127.0.0.1"),
        ("CFX_WEBHOOK_HOSTS", "hooks.example.com:84433"),
        ("CFX_REDIS_URL", "localhost"),
        ("SUPABASE_JWT_SECRET", "short"),
    ],
)
def test_setting_that_is_wrong_is_named_by_who_checks_and_by_who_starts_and_leaves_nothing(
    run: Run, tmp_path: Path, variable: str, value: str
) -> None:
    variables = {"CFX_LITELLM_URL": NOBODY, "SUPABASE_URL": "https://a.example", "CFX_PORT": "0"}
    checked = said_once(run("config", "check", **variables | {variable: value}))
    assert checked.startswith(f"cfx: {variable}: ")
    assert "Value error" not in checked
    assert said_once(run("serve", **variables | {variable: value})) == checked
    assert list(tmp_path.iterdir()) == []


def test_check_warns_of_what_keeps_a_server_on_postgres_from_starting(run: Run) -> None:
    done = run("config", "check", CFX_DATABASE_URL="postgresql://u:p@127.0.0.1:9/x")
    assert "warning: CFX_HASH_SALT is not set" in done.stdout
    assert "CFX_HASH_SALT" not in run("config", "check").stdout


def test_misspelt_setting_is_told_with_what_was_meant(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CFX_KEEP_FLOW_DAYS=0\n")
    done = run("config", "check")
    assert "warning: CFX_KEEP_FLOW_DAYS is read by nobody. Did you mean CFX_KEEP_FLOWS_DAYS?" in done.stdout


# cfx serve that does not start ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({}, "CFX_LITELLM_URL: is not set"),
        ({"CFX_LITELLM_URL": "litellm"}, "CFX_LITELLM_URL holds no usable address"),
        ({"CFX_LITELLM_URL": NOBODY, "CFX_MODELS_FILE": "absent.yaml"}, "absent.yaml: cannot be read"),
        ({"CFX_LITELLM_URL": NOBODY, "CFX_DATABASE_URL": "mysql://x"}, "CFX_DATABASE_URL"),
        ({"CFX_LITELLM_URL": NOBODY, "CFX_DATABASE_URL": "postgresql://u:p@127.0.0.1:9/x"}, "CFX_HASH_SALT"),
        ({"CFX_LITELLM_URL": NOBODY, "CFX_HOST": "203.0.113.1"}, "CFX_HOST: cannot listen on 203.0.113.1"),
        ({"CFX_LITELLM_URL": NOBODY, "CFX_HOST": "nobody.invalid"}, "CFX_HOST: cannot listen on nobody"),
        ({"CFX_LITELLM_URL": NOBODY, "CFX_HOST": f"{'a' * 64}.x"}, "CFX_HOST: cannot listen on aaa"),
        ({"CFX_LITELLM_URL": NOBODY, "CFX_DATA_DIR": "no/such/place"}, "another place with CFX_DATA_DIR"),
    ],
)
def test_wrong_configuration_is_one_line_and_leaves_nothing_behind(
    run: Run, tmp_path: Path, variables: dict[str, str], says: str
) -> None:
    assert says in said_once(run("serve", **{"CFX_PORT": "0"} | variables))
    assert list(tmp_path.iterdir()) == []


def test_taken_port_is_told_before_a_key_is_made(run: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = said_once(run("serve", "--port", port, CFX_LITELLM_URL=NOBODY))
    assert f"port {port}" in line
    assert "--port" in line
    assert list(tmp_path.iterdir()) == []


# cfx serve ----------------------------------------------------------------------------------------


class Serving:
    def __init__(self, folder: Path, *arguments: str, **variables: str) -> None:
        environ = child_environ(CFX_LITELLM_URL=NOBODY, CFX_PORT="0", **variables)
        self.log = (folder / "log").open("w+")
        self.process = subprocess.Popen(
            [CFX, "serve", "--json", *arguments],
            cwd=folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        assert self.process.stdout is not None
        self.said: dict[str, Any] = json.loads(self.process.stdout.readline())

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(TIMEOUT_S)

    def lines(self) -> list[dict[str, Any]]:
        self.log.seek(0)
        return [json.loads(line) for line in self.log]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self.log.close()


Serve = Callable[..., Serving]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    started: list[Serving] = []

    def serve(*arguments: str, **variables: str) -> Serving:
        started.append(Serving(tmp_path, *arguments, **variables))
        return started[-1]

    yield serve
    for one in started:
        one.close()


def test_first_start_shows_a_key_once_and_leaves_it_for_the_other_commands(
    serve: Serve, tmp_path: Path
) -> None:
    first = serve()
    stored = tmp_path / ".cfx" / "credentials.json"
    assert json.loads(stored.read_text()) == {"url": first.said["url"], "key": first.said["key"]}
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    headers = {"authorization": f"Bearer {first.said['key']}"}
    assert httpx.get(f"{first.said['url']}/v1/models", headers=headers, trust_env=False).status_code == 200
    assert first.stop() == 0

    second = serve()
    assert second.said["key"] is None
    assert json.loads(stored.read_text()) == {"url": second.said["url"], "key": first.said["key"]}
    assert second.said["url"] != first.said["url"]
    assert first.said["key"] not in second.log.read()


def test_server_warns_of_a_misspelt_setting_and_starts(serve: Serve) -> None:
    lines = serve(CFX_KEEP_FLOW_DAYS="0").lines()
    warned = [line["reason"] for line in lines if line["event"] == "setting_unknown"]
    assert warned == ["CFX_KEEP_FLOW_DAYS is read by nobody. Did you mean CFX_KEEP_FLOWS_DAYS?"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_signal_ends_the_server_in_order(serve: Serve, number: int) -> None:
    one = serve()
    assert one.stop(number) == 0
    events = [line["event"] for line in one.lines()]
    assert (events[0], events[-1]) == ("server.started", "server.stopped")
    assert not [line for line in one.lines() if line["level"] == "error"]


def test_signal_at_once_ends_the_server_too(serve: Serve) -> None:
    """The graph is still being imported then."""
    one = serve()
    os.kill(one.process.pid, signal.SIGTERM)
    assert one.process.wait(TIMEOUT_S) == 0


def test_damaged_credentials_file_does_not_keep_the_server_from_starting(
    serve: Serve, tmp_path: Path
) -> None:
    serve().stop()
    (tmp_path / ".cfx" / "credentials.json").write_text("{")
    second = serve()
    assert second.said["credentials"] is None
    assert httpx.get(f"{second.said['url']}/healthz", trust_env=False).status_code == 200


def test_postgres_that_is_not_there_is_waited_for(serve: Serve) -> None:
    one = serve(CFX_DATABASE_URL="postgresql://u:p@127.0.0.1:9/x", CFX_HASH_SALT="of-the-tests" * 4)
    assert one.said["key"] is None
    answer = httpx.get(f"{one.said['url']}/readyz", trust_env=False)
    assert answer.status_code == 503
    assert "database" in answer.json()["error"]["message"]
    while not [line for line in one.lines() if line["event"] == "flows.wait_for_store"]:
        assert one.process.poll() is None
        time.sleep(0.05)
    assert one.stop() == 0


def _talk(one: Serving, *pieces: bytes) -> httpx.Response:
    """Sends bytes as they are; reads until the server closes."""
    url = httpx.URL(one.said["url"])
    with socket.create_connection((url.host, url.port or 80), timeout=TIMEOUT_S) as connection:
        for piece in pieces:
            try:
                connection.sendall(piece)
            except ConnectionError:
                break
        received = b""
        try:
            while piece := connection.recv(65_536):
                received += piece
        except ConnectionResetError:
            pass
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name: value for name, _, value in (line.partition(": ") for line in lines[1:])}
    return httpx.Response(int(lines[0].split()[1]), headers=headers, content=body)


def test_bytes_that_are_no_http_are_answered_in_openai_s_shape(serve: Serve) -> None:
    one = serve()
    error_of(_talk(one, b"\x16\x03\x01 hello, is this TLS?\r\n\r\n"), 400, "invalid_request")
    error_of(_talk(one, b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n"), 400, "invalid_request")
    error_of(_talk(one, b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), 400, "invalid_request")


def test_head_without_end_is_cut_off(serve: Serve) -> None:
    one = serve()
    endless = _talk(one, b"GET / HTTP/1.1\r\nX-Long: ", *[b"x" * 10_000] * 100)
    assert "too large" in error_of(endless, 431)["message"]
    many = _talk(one, b"GET / HTTP/1.1\r\n", *[b"X-Many: 1\r\n" * 1000] * 100)
    error_of(many, 431)
    assert httpx.get(f"{one.said['url']}/healthz", trust_env=False).status_code == 200
