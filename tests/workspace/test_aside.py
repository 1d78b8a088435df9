"""Work for the processor, beside the loop."""

from __future__ import annotations

import asyncio
import threading
import time
from contextvars import ContextVar

import pytest

from cfx_flow.aside import IN_LOOP_CHARS, SECONDS_CHARS, aside

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


async def test_one_at_a_time_however_many_ask() -> None:
    inside, most = 0, 0

    def counted() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.002)
        inside -= 1

    await asyncio.gather(*(aside(IN_LOOP_CHARS + 1, counted) for _ in range(20)))
    assert most == 1


async def test_nobody_waits_for_what_takes_seconds_but_who_has_as_much() -> None:
    done = threading.Event()
    long = asyncio.create_task(aside(SECONDS_CHARS, done.wait, 60))
    await asyncio.sleep(0)
    try:
        assert await asyncio.wait_for(aside(SECONDS_CHARS - 1, max, 1, 2), 30) == 2
        assert not long.done()
    finally:
        done.set()
    assert await long
