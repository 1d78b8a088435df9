"""Whose turn it is: first come, first served, and it is never lost on the way."""

from __future__ import annotations

import asyncio

import pytest

from cfx_flow.errors import StoreUnavailable
from cfx_flow.store.write_turn import WriteTurn


async def test_it_goes_to_who_has_waited_longest_and_nobody_overtakes_them() -> None:
    turn, order = WriteTurn(5), list[int]()

    async def wait(number: int) -> None:
        async with turn:
            order.append(number)
            assert not turn.take()

    assert turn.take()
    waiting = [asyncio.create_task(wait(number)) for number in range(3)]
    await asyncio.sleep(0)
    turn.give_back()
    assert not turn.take()
    await asyncio.gather(*waiting)
    assert order == [0, 1, 2]
    assert turn.take()


async def test_who_waits_too_long_hears_that_the_database_is_busy_and_leaves_the_queue() -> None:
    turn = WriteTurn(0.01)
    assert turn.take()
    with pytest.raises(StoreUnavailable, match="busy"):
        async with turn:
            raise AssertionError("it was taken")
    turn.give_back()
    assert turn.take()


async def test_who_is_cancelled_in_the_moment_in_which_it_comes_gives_it_on() -> None:
    turn = WriteTurn(5)

    async def wait() -> None:
        async with turn:
            pass

    assert turn.take()
    first, second = asyncio.create_task(wait()), asyncio.create_task(wait())
    await asyncio.sleep(0)
    turn.give_back()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await asyncio.wait_for(second, 30)
    assert turn.take()
