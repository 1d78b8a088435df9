"""Work that a cancel does not break off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def to_its_end(work: Awaitable[T]) -> T:
    """Also where we are cancelled meanwhile, again and again; then, when it has ended, CancelledError comes
    instead of what came of it. An error of its own is told to the loop, which logs it."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return task.result()
    if not task.cancelled() and (failure := task.exception()) is not None:
        told = {"message": "work failed while it was cancelled", "exception": failure, "task": task}
        asyncio.get_running_loop().call_exception_handler(told)
    raise cancelled
