"""Beside LangGraph's own server (``langgraph dev``, in ``.venv-peer``): the same graph, 64 at once, one core.

It keeps everything in memory and its nodes only give what ours would; ours check the diffs, are durable after
each step (``synchronous=FULL``) and keep journal, timeline, counter and log. Its flows come over HTTP, since
it has no other door: compare the time of execution too, which it says of each run.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from benchmarks.flows.answers import Answering
from benchmarks.flows.engine import open_flows

AT_ONCE = 64
HOUSE = Path(__file__).parents[2]
LANGGRAPH = HOUSE / ".venv-peer" / "bin" / "langgraph"
APP = Path(__file__).parent / "peer_app"
READY_S = 60
EXECUTED = re.compile(r"run_exec_ms\x1b\[0m=\x1b\[35m(\d+)|run_exec_ms=(\d+)")


async def measure(flows: int) -> None:
    if not LANGGRAPH.exists():
        raise SystemExit("The peer is not installed: make peer")
    async with open_flows(Answering()) as engine:
        await engine.run()
        got = await engine.measure(flows, AT_ONCE)
    _print("CF-X Flow", got.per_s, got.took_ms, dict(got.outcomes))
    with tempfile.TemporaryDirectory(prefix="cfx-peer-") as folder:
        async with _dev_server(Path(folder)) as url, aiohttp.ClientSession(url) as session:
            await _run(session)
            began = time.perf_counter()
            ended = await _run_many(session, flows)
            per_s = flows / (time.perf_counter() - began)
        took = [int(a or b) for a, b in EXECUTED.findall((Path(folder) / "log").read_text())][1:]
    _print("langgraph dev", per_s, statistics.mean(took), {"approved": ended.count("approved")})


def _print(who: str, per_s: float, took_ms: float, outcomes: dict[str, int]) -> None:
    print(f"{who:<16}{AT_ONCE} at once{per_s:>8.0f} flows/s{took_ms:>8.0f} ms of execution   {outcomes}")


async def _run_many(session: aiohttp.ClientSession, flows: int) -> list[str]:
    places = asyncio.Semaphore(AT_ONCE)

    async def one() -> str:
        async with places:
            return await _run(session)

    return await asyncio.gather(*(one() for _ in range(flows)))


async def _run(session: aiohttp.ClientSession) -> str:
    """One flow, durable as it can be; how it ended."""
    async with session.post("/threads", json={}) as answer:
        thread = (await answer.json())["thread_id"]
    body = {"assistant_id": "loop", "input": {"step": 0}, "durability": "sync"}
    async with session.post(f"/threads/{thread}/runs/wait", json=body) as answer:
        return str((await answer.json()).get("status"))


@asynccontextmanager
async def _dev_server(folder: Path) -> AsyncIterator[str]:
    """In a copy of the app, beside which it keeps files of its own."""
    app = shutil.copytree(APP, folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
    port = _free_port()
    options = ["--no-browser", "--no-reload", "--host", "127.0.0.1", "--port", str(port)]
    environ = {
        "PATH": f"{LANGGRAPH.parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "LANGSMITH_TRACING": "false",
        "LANGGRAPH_CLI_NO_ANALYTICS": "1",
    }
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            LANGGRAPH, "dev", *options, "--n-jobs-per-worker", str(AT_ONCE),
            cwd=app, env=environ, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            url = f"http://127.0.0.1:{port}"
            await _until_ready(url)
            yield url
        finally:
            process.terminate()
            await process.wait()


async def _until_ready(url: str) -> None:
    async with aiohttp.ClientSession(url) as session:
        for _ in range(READY_S * 4):
            try:
                async with session.get("/ok") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.25)
    raise SystemExit(f"langgraph dev did not start within {READY_S} s.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
