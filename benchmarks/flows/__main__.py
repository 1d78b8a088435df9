"""``python -m benchmarks.flows [alone] [large] [whole] [waiting] [finished] [peer]``: the figures of issue 4,
and of flows of a usual size; all if none is named, but for ``peer``, which needs ``make peer``.

A flow is plan + 3 × code, check and review, durable after each step, with journal, checkpoints, events, daily
counter and request log, on SQLite. The loop and the garbage collector are the server's. ``--flows N`` for
each row.
"""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
import uvloop

from benchmarks.flows import alone, finished, large, peer, waiting, whole
from cfx_flow.interpreter import after_imports, before_imports
from cfx_flow.store.sqlite_jobs import FULL, NORMAL

Measure = Callable[[int], Coroutine[Any, Any, None]]


def figures() -> dict[str, list[Measure]]:
    return {
        "alone": [lambda flows: alone.measure(NORMAL, flows), lambda flows: alone.measure(FULL, flows)],
        "large": [large.measure],
        "whole": [whole.measure],
        "waiting": [lambda _: waiting.measure()],
        "finished": [lambda _: finished.measure()],
        "peer": [peer.measure],
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flows")
    parser.add_argument("what", nargs="*", choices=[*figures(), []], default=[])
    parser.add_argument("--flows", type=int, default=100)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    before_imports()
    after_imports()
    for what in options.what or [name for name in figures() if name != "peer"]:
        for measure in figures()[what]:
            uvloop.run(measure(options.flows))


if __name__ == "__main__":
    main()
