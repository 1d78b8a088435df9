"""Work for the processor: in the loop while it is short, in a thread when it is long.

A hop to a thread and back costs some 0.2 ms on two cores, which is more than the work itself takes on a
small text; a long one would hold up every other stream and flow of the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

IN_LOOP_CHARS = 16_000
SECONDS_CHARS = 4_000_000
"""from here on it can take seconds, for which nobody with less should wait"""

_thread, _thread_of_seconds = ThreadPoolExecutor(1, "aside"), ThreadPoolExecutor(1, "aside-seconds")
"""More get no more done, for one alone has the interpreter, and keep the loop waiting for its turn two to
three times as long."""


async def aside(chars: int, job: Callable[P, T], /, *args: P.args, **options: P.kwargs) -> T:
    """``chars``: of the texts that ``job`` goes through."""
    if chars <= IN_LOOP_CHARS:
        return job(*args, **options)
    thread = _thread if chars < SECONDS_CHARS else _thread_of_seconds
    inside = partial(copy_context().run, job, *args, **options)
    return await asyncio.get_running_loop().run_in_executor(thread, inside)
