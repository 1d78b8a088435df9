"""The structured log: one line a request, JSON on the way out, no secret in it."""

from __future__ import annotations

import asyncio
import io
import json
import re
import subprocess
import sys
from collections.abc import MutableMapping, Sequence
from typing import Any

import httpx

from api.logs import LATE_S, LineWriter
from tests.support.terminals import shown_at_terminal

Lines = Sequence[MutableMapping[str, Any]]


async def test_request_leaves_one_line_that_says_who_asked_what(
    client: httpx.AsyncClient, logged: Lines, key: str
) -> None:
    answer = await client.get("/v1/nowhere?secret=1")
    (line,) = [line for line in logged if line["event"] == "request.served"]
    assert line["request_id"] == answer.headers["x-request-id"]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/v1/nowhere", 404)
    assert line["error"] == "not_found"
    assert line["user_id"]
    assert line["api_key_id"]
    assert line["duration_ms"] >= 0
    assert key not in str(logged)
    assert "secret" not in str(logged)


async def test_probes_are_quiet(stranger: httpx.AsyncClient, logged: Lines) -> None:
    await stranger.get("/healthz")
    assert [line["log_level"] for line in logged if line["event"] == "request.served"] == ["debug"]


PROGRAM = """
import logging, sys
import structlog
from api.logs import configure_logs
configure_logs(sys.argv[1])
structlog.get_logger("mine").info("flow.ended", flow_id="f", path=__import__("pathlib").Path("x"))
structlog.get_logger("mine").debug("quiet")
logging.getLogger("library").warning("as %s", "formatted")
logging.getLogger("httpx").info("GET http://secret")
try:
    raise ValueError("why")
except ValueError:
    structlog.get_logger("mine").exception("broke")
"""


HOSTILE = """
import logging
import structlog
from api.logs import configure_logs
configure_logs("info")
bad = "\\x1b]0;HACKED\\x07\\x9b2J\\u202e"
structlog.get_logger("mine").info("served", path="/" + bad, among=[bad])
logging.getLogger("library").warning("heard " + bad)
try:
    raise ValueError(bad)
except ValueError:
    structlog.get_logger("mine").exception("broke")
"""


def test_nothing_that_a_caller_sends_rules_the_operator_s_terminal() -> None:
    shown = shown_at_terminal(["-c", HOSTILE], "stderr")
    assert shown.count("HACKED") == 4
    assert shown.count("\\x1b]0;HACKED\\x07\\x9b2J\\u202e") == 4
    colours = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert [char for char in colours if not char.isprintable() and char not in "\r\n\t"] == []
    assert "Traceback (most recent call last):\r\n" in shown


def _lines(level: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, level], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == ""
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_every_line_is_json_on_stderr_the_libraries_too() -> None:
    ended, library, broke = _lines("info")
    assert (ended["event"], ended["flow_id"], ended["level"], ended["path"]) == (
        "flow.ended",
        "f",
        "info",
        "x",
    )
    assert ended["timestamp"].endswith("Z")
    assert (library["event"], library["logger"], library["level"]) == ("as formatted", "library", "warning")
    assert "ValueError: why" in broke["exception"]


def test_level_is_obeyed() -> None:
    assert [line["event"] for line in _lines("error")] == ["broke"]


async def test_many_lines_are_written_at_once_and_a_warning_takes_them_along() -> None:
    written: list[str] = []

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            written.append(text)
            return len(text)

    lines = LineWriter(Stream())
    for line in ("one", "two"):
        lines.info(line)
    assert written == []
    await asyncio.sleep(LATE_S * 3)
    assert written == ["one\ntwo\n"]
    lines.info("three")
    lines.warning("four")
    assert written[1:] == ["three\nfour\n"]


async def test_line_of_a_thread_is_not_lost() -> None:
    stream = io.StringIO()
    lines = LineWriter(stream)
    await asyncio.gather(*(asyncio.to_thread(lines.info, f"line {n}") for n in range(50)))
    assert sorted(stream.getvalue().splitlines()) == sorted(f"line {n}" for n in range(50))


SERVED = """
import sys
from api.logs import Served, configure_logs
tell = configure_logs(sys.argv[1])
for path, level in (("/v1/models", "info"), ("/healthz", "debug"), ("/half/\\ud83d", "info")):
    tell(Served(level=level, request_id="r", method="GET", path=path, status=200, error=None, duration_ms=1.5,
                user_id=None, api_key_id=None, stage="plan", stage_source=None, model_used=None))
"""


def test_access_line_is_like_any_other_and_quiet_where_it_should_be() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVED, "info"], capture_output=True, text=True, timeout=30, check=True
    )
    models, half = (json.loads(line) for line in done.stderr.splitlines())
    assert (models["event"], models["level"], models["path"]) == ("request.served", "info", "/v1/models")
    assert (models["duration_ms"], models["stage"], models["error"]) == (1.5, "plan", None)
    assert models["timestamp"].endswith("Z")
    assert half["path"].startswith("/half/")
    assert half.keys() == models.keys()
