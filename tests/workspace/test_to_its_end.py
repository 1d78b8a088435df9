"""Work that a cancel does not break off."""

from __future__ import annotations

import asyncio

import pytest

from cfx_flow.to_its_end import to_its_end


async def test_what_comes_of_it_comes_back() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    async def broken() -> int:
        raise ValueError("broken")

    assert await to_its_end(work()) == 7
    with pytest.raises(ValueError, match="broken"):
        await to_its_end(broken())


async def test_it_ends_though_we_are_cancelled_twice_and_then_we_are() -> None:
    go_on, done = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await go_on.wait()
        done.set()

    waiting = asyncio.ensure_future(to_its_end(work()))
    for _ in range(2):
        await asyncio.sleep(0.01)
        waiting.cancel()
    await asyncio.sleep(0.01)
    assert not waiting.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert done.is_set()


async def test_an_error_that_comes_after_a_cancel_is_told_to_the_loop() -> None:
    async def broken() -> None:
        await asyncio.sleep(0.02)
        raise ValueError("broken")

    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: told.append(str(what["exception"])))
    waiting = asyncio.ensure_future(to_its_end(broken()))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert told == ["broken"]
