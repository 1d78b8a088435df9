"""Work for the processor, beside the loop."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar

import pytest

from cfx_flow.aside import AT_ONCE, IN_LOOP_CHARS, aside

WHO: ContextVar[str] = ContextVar("who")


def where(_text: str, *, name: str) -> tuple[str, bool]:
    """And whether it is in the loop's thread."""
    return f"{name} for {WHO.get()}", threading.current_thread() is threading.main_thread()


async def test_what_is_short_is_done_in_the_loop_and_what_is_long_is_not() -> None:
    WHO.set("ada")
    assert await aside(IN_LOOP_CHARS, where, "x", name="short") == ("short for ada", True)
    assert await aside(IN_LOOP_CHARS + 1, where, "x", name="long") == ("long for ada", False)
    with pytest.raises(ZeroDivisionError):
        await aside(IN_LOOP_CHARS + 1, divmod, 1, 0)


async def test_few_are_done_at_once_and_one_that_lasts_does_not_hold_up_the_others() -> None:
    go_on, running, most = threading.Event(), threading.Semaphore(0), []

    def lasting() -> None:
        running.release()
        go_on.wait(10)

    def counted() -> None:
        most.append(len([each for each in threading.enumerate() if each.name.startswith("aside")]))

    long = asyncio.create_task(aside(10**6, lasting))
    await asyncio.gather(*(aside(10**6, counted) for _ in range(20)))
    assert running.acquire(timeout=10)
    assert not long.done()
    assert max(most) <= AT_ONCE
    go_on.set()
    await long
