"""Which asks are committed together, and who hears of what."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from cfx_flow.errors import StoreUnavailable
from cfx_flow.store.group_commit import GroupCommit, NowOrLater


class Desk:
    """Doubles what it is asked; each batch waits to be let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.flights: list[asyncio.Future[Sequence[int]]] = []
        self.queue: GroupCommit[int, int] = GroupCommit(self._commit)

    def _commit(self, asks: list[int]) -> NowOrLater[Sequence[int]]:
        self.batches.append(asks)
        self.flights.append(asyncio.get_running_loop().create_future())
        return self.flights[-1]

    def land(self) -> None:
        self.flights[-1].set_result([2 * ask for ask in self.batches[-1]])


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_what_arrives_during_a_commit_forms_the_next_batch() -> None:
    desk = Desk()
    first = [desk.queue.ask(n) for n in (1, 2)]
    await turns()
    second = [desk.queue.ask(n) for n in (3, 4, 5)]
    await turns()
    assert desk.batches == [[1, 2]]
    desk.land()
    assert await asyncio.gather(*first) == [2, 4]
    await turns()
    assert desk.batches == [[1, 2], [3, 4, 5]]
    desk.land()
    assert await asyncio.gather(*second) == [6, 8, 10]


async def test_commit_that_answers_at_once_keeps_the_order() -> None:
    queue: GroupCommit[int, int] = GroupCommit(lambda asks: [2 * ask for ask in asks])
    assert await asyncio.gather(*(queue.ask(n) for n in range(5))) == [0, 2, 4, 6, 8]
    assert await queue.ask(7) == 14


async def test_caller_that_left_before_its_batch_is_left_out() -> None:
    desk = Desk()
    gone, there = desk.queue.ask(1), desk.queue.ask(2)
    gone.cancel()
    await turns()
    assert desk.batches == [[2]]
    desk.land()
    assert await there == 4


async def test_batch_of_nobody_does_not_stop_the_queue() -> None:
    desk = Desk()
    desk.queue.ask(1).cancel()
    await turns()
    later = desk.queue.ask(2)
    await turns()
    desk.land()
    assert await later == 4


async def test_caller_that_leaves_during_the_commit_disturbs_nobody() -> None:
    desk = Desk()
    gone, there = desk.queue.ask(1), desk.queue.ask(2)
    await turns()
    gone.cancel()
    desk.land()
    assert await there == 4
    assert gone.cancelled()


async def test_failure_reaches_each_caller_as_its_own_and_the_next_batch_goes_on() -> None:
    desk = Desk()
    asks = [desk.queue.ask(n) for n in (1, 2)]
    await turns()
    later = desk.queue.ask(3)
    desk.flights[-1].set_exception(StoreUnavailable("gone", headers={"retry-after": "2"}))
    errors = await asyncio.gather(*asks, return_exceptions=True)
    assert [str(error) for error in errors] == ["gone", "gone"]
    assert errors[0] is not errors[1]
    assert all(isinstance(error, StoreUnavailable) and error.headers for error in errors)
    await turns()
    desk.land()
    assert await later == 6


async def test_mistake_of_ours_hangs_nobody() -> None:
    def broken(asks: list[int]) -> list[int]:
        raise ZeroDivisionError

    queue: GroupCommit[int, int] = GroupCommit(broken)
    with pytest.raises(ZeroDivisionError):
        await queue.ask(1)
    with pytest.raises(ZeroDivisionError):
        await queue.ask(2)
