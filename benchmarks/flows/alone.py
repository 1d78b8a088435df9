"""The engine alone: models answered in process, on one core, with both settings of ``synchronous``."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

from benchmarks.flows.answers import Answering
from benchmarks.flows.engine import open_flows

WAITS_FOR_DISK = 30


async def measure(synchronous: str, flows: int) -> None:
    async with open_flows(Answering(), synchronous=synchronous) as engine:
        await engine.run()
        for at_once in (1, 16):
            got = await engine.measure(flows, at_once)
            print(
                f"{synchronous:<10}{at_once:>4} at once{got.ms:>10.1f} ms{got.cpu_ms:>10.1f} ms CPU"
                f"{got.per_s:>8.0f} flows/s   {dict(got.outcomes)}"
            )
        print(_must(synchronous, engine.folder))


def _must(synchronous: str, folder: Path) -> str:
    """Of issue 4, for a flow alone and for 16 at once; the disk's share is measured here and now."""
    if synchronous == "NORMAL":
        return "  must     <= 6 ms (aim 3.5), >= 160 flows/s at 16 (aim 300)"
    fsync_ms = _fsync_ms(folder / "fsync")
    must_ms = 3 + WAITS_FOR_DISK * fsync_ms
    return (
        f"  must     <= {must_ms:.1f} ms (3 ms and {WAITS_FOR_DISK} fsyncs of {fsync_ms:.2f} ms; aim 7 ms), "
        ">= 160 flows/s at 16 (aim 280)"
    )


def _fsync_ms(file: Path) -> float:
    """The median of what a commit waits for: a page at the end of a file, and its way to the disk."""
    took = []
    with file.open("wb", buffering=0) as log:
        for _ in range(50):
            log.write(bytes(4096))
            began = time.perf_counter()
            os.fsync(log.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)
