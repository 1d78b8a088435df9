"""The server that a campaign attacks, the upstream behind it, and what must be as before afterwards."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import yaml

from tests.support.processes import HOUSE, Running, child_environ, start, wait_ready
from tests.support.raw_upstream import RawUpstream
from tests.support.watched_server import USERS

T = TypeVar("T")
LANES = USERS
READ_S, PATIENT_READ_S = 0.4, 60
SETTLE_S = 20.0
"""a bound, not a figure: other work may hold the machine"""


class Bench:
    """An event loop in a thread: hypothesis is not asynchronous, sockets by the dozen should be."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], *, timeout_s: float = 120) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class Watched:
    """The running server. Lane N has the user, key and model (``lane-N``) of that number."""

    def __init__(self, folder: Path, bench: Bench, upstream: RawUpstream) -> None:
        self.bench, self.upstream = bench, upstream
        self._database = folder / "data" / "cfx.db"
        models = folder / "models.yaml"
        models.write_text(yaml.safe_dump(_models()))
        env = child_environ(
            HOME=str(folder),
            CFX_DATA_DIR=str(folder / "data"),
            CFX_MODELS_FILE=str(models),
            CFX_DAILY_LIMIT="1000000",
            CFX_LOG_LEVEL="warning",
            CFX_STAGES_LANE=f"{upstream.url}/stages",
            **{f"CFX_LANE_{n}": f"{upstream.url}/{lane(n)}" for n in range(LANES)},
            **{f"CFX_PATIENT_{n}": f"{upstream.url}/{patient(n)}" for n in range(LANES)},
        )
        (folder / "data").mkdir()
        ready = folder / "ready.json"
        argv = [sys.executable, "-m", "tests.support.watched_server", str(ready)]
        self.process: Running = start("server", argv, log=folder / "server.log", env=env, cwd=HOUSE)
        wait_ready(self.process, ready.exists, timeout_s=60)
        told = json.loads(ready.read_text())
        self.port: int = told["port"]
        self.keys: list[str] = told["keys"]
        self._window: int = told["window"]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def state(self, word: str = "state") -> dict[str, Any]:
        return self.bench.run(self._ask(word))

    async def _ask(self, word: str) -> dict[str, Any]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._window)
        writer.write(word.encode() + b"\n")
        line = await reader.readline()
        writer.close()
        state: dict[str, Any] = json.loads(line)
        return state

    def settled(self, before: dict[str, Any]) -> dict[str, Any]:
        """Waits until nothing is under way, and nothing more is held than ``before``."""
        ends = time.monotonic() + SETTLE_S
        while True:
            left = self._left_over(now := self.state(), before)
            if not left:
                return now
            assert time.monotonic() < ends, f"left behind: {left}\n{self.process.log_tail()}"
            time.sleep(0.02)

    def _left_over(self, now: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        more = {
            "tasks": dict(Counter(now["tasks"]) - Counter(before["tasks"])),
            "upstream connections": now["upstream_connections"],
            "waits": now["waiting"],
            "log rows": now["rows_waiting"],
            "slots": self.slots_held(),
        }
        return {name: count for name, count in more.items() if count}

    def rows(self) -> Counter[str]:
        """How many rows of the request log have each status."""
        return Counter(dict(self._query("select status, count(*) from request_logs group by 1")))

    def slots_held(self) -> int:
        """Slots that were given back expired long ago."""
        count: int = self._query("select count(*) from stream_slots where expires_at > '2000-01-01'")[0][0]
        return count

    def _query(self, statement: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as connection:
            return connection.execute(statement).fetchall()

    def log_tail(self) -> str:
        return self.process.log_tail()


def lane(number: int) -> str:
    return f"lane-{number}"


def patient(number: int) -> str:
    """The same lane's other model, whose upstream may stay silent for long."""
    return f"patient-{number}"


def _models() -> dict[str, Any]:
    """Two models for each lane, each with an address of its own; the stages have one more."""
    shipped: dict[str, Any] = yaml.safe_load((HOUSE / "config" / "models.yaml").read_text())
    timeouts = {"connect_stream_s": 2, "connect_s": 2, "read_s": READ_S}
    model = {"context_window": 131072, "max_output_tokens": 8192, "price": {"input": 1, "output": 2}}
    shipped["upstreams"] = {lane(n): {"url_env": f"CFX_LANE_{n}", "timeouts": timeouts} for n in range(LANES)}
    waits = {"connect_stream_s": 2, "connect_s": 2, "read_s": PATIENT_READ_S}
    for n in range(LANES):
        shipped["upstreams"][patient(n)] = {"url_env": f"CFX_PATIENT_{n}", "timeouts": waits}
    shipped["upstreams"]["stages"] = {"url_env": "CFX_STAGES_LANE", "timeouts": timeouts}
    shipped["models"] = {name: {"upstream": name, **model} for name in shipped["upstreams"]}
    for stage in shipped["stages"].values():
        stage["targets"] = ["stages"]
    shipped["direct"]["models"] = list(shipped["models"])
    return shipped


@contextmanager
def watched_server(folder: Path) -> Iterator[Watched]:
    bench, upstream = Bench(), RawUpstream()
    bench.run(upstream.open())
    try:
        server = Watched(folder, bench, upstream)
        try:
            yield server
        finally:
            server.process.stop()
    finally:
        bench.run(upstream.close())
        bench.close()
