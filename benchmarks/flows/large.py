"""Flows of the size that people have, and how long they keep a reader of a stream waiting meanwhile.

The repository is a part of this project's own packages, more than a prompt can show; the diff changes five of
its longest files throughout. Models are answered in process.
"""

from __future__ import annotations

import asyncio
import difflib
import os
import sqlite3
import statistics
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path

from benchmarks.flows.answers import Answering, Script
from benchmarks.flows.engine import Engine, open_flows
from tests.support.flows import plan_text

REPOSITORY_CHARS = 400_000
CHANGED_FILES = 5
BETWEEN = 17
"""lines, from one change to the next"""
PLAN = "# Plan\n\n" + "Change the things one after the other, as the task says, and keep the rest.\n" * 60
TICK_S = 0.001


async def measure(flows: int) -> None:
    files = _repository()
    changed = sorted(files, key=lambda path: -len(files[path]))[:CHANGED_FILES]
    diff = "".join([_diff(path, files[path]) for path in changed])
    script = Script(plan_text(*changed, head=PLAN), diff, changed[0])
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))  # what is done aside has a core of its own
    try:
        async with open_flows(Answering(script), files=files) as engine:
            await engine.run()
            for at_once in (1, 8):
                print(await _row(engine, flows, at_once))
    finally:
        os.sched_setaffinity(0, before)
    print(f"  each     {len(files)} files, {_kb(sum(map(len, files.values())))}, a diff of {_kb(len(diff))}")


async def _row(engine: Engine, flows: int, at_once: int) -> str:
    written, kept = _written_bytes(), _kept_bytes(engine)
    async with _held_up() as late:
        got = await engine.measure(flows, at_once)
    written, kept = (_written_bytes() - written) // flows, (_kept_bytes(engine) - kept) // flows
    *_, p99 = statistics.quantiles(late, n=100)
    return (
        f"large     {at_once:>4} at once{got.ms:>10.1f} ms{got.cpu_ms:>10.1f} ms CPU"
        f"{got.per_s:>8.0f} flows/s   {dict(got.outcomes)}\n"
        f"          {_kb(written)} written, {_kb(kept)} kept; a timer of the loop is "
        f"{p99 * 1000:.1f} ms late at the 99th percentile, {max(late) * 1000:.1f} at most"
    )


@asynccontextmanager
async def _held_up() -> AsyncIterator[list[float]]:
    """Seconds by which a timer came too late, time after time: so long a chunk would have waited."""
    late: list[float] = []

    async def ticking() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(TICK_S)
            late.append(time.perf_counter() - began - TICK_S)

    ticks = asyncio.create_task(ticking())
    try:
        yield late
    finally:
        ticks.cancel()


def _repository() -> Mapping[str, str]:
    root = Path(__file__).resolve().parents[2]
    files: dict[str, str] = {}
    for path in sorted((root / "cfx_flow").rglob("*.py")):
        files[path.relative_to(root).as_posix()] = path.read_text()
        if sum(map(len, files.values())) > REPOSITORY_CHARS:
            break
    return files


def _diff(path: str, text: str) -> str:
    before = text.splitlines(keepends=True)
    after = list(before)
    for at in range(len(before) // BETWEEN * BETWEEN, 0, -BETWEEN):
        after.insert(at, "# a line more, as models write them\n")
    hunks = difflib.unified_diff(before, after, f"a/{path}", f"b/{path}")
    return f"diff --git a/{path} b/{path}\n{''.join(hunks)}"


def _written_bytes() -> int:
    """By this process, as it asked the kernel to."""
    said = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in said if line.startswith("wchar"))


def _kept_bytes(engine: Engine) -> int:
    with closing(sqlite3.connect(engine.folder / "cfx.db")) as connection:
        used, free, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
    return (used - free) * size


def _kb(size: int) -> str:
    return f"{size / 1000:,.0f} kB"
