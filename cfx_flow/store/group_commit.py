"""Group commit: what is asked together is committed together.

Everything asked in one tick of the loop, and everything asked while a batch is in flight,
forms the next batch: one transaction for all of them, one batch in flight, no timer. A lone
ask waits for nothing; a thousand at once cost a few transactions.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeAlias, TypeVar

from cfx_flow.errors import CfxError

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")

NowOrLater: TypeAlias = T | Awaitable[T]


class GroupCommit(Generic[A, B]):
    """``commit`` is given the asks of a batch in order and answers each of them, at once (a transaction
    of microseconds) or later. When it raises, every caller of the batch gets the exception.

    A caller that is cancelled before its batch starts is left out. One that is cancelled later has been
    answered without hearing it: what was committed stays so.
    """

    def __init__(self, commit: Callable[[list[A]], NowOrLater[Sequence[B]]]) -> None:
        self._commit = commit
        self._waiting: list[tuple[A, asyncio.Future[B]]] = []
        self._is_under_way = False

    def ask(self, ask: A) -> asyncio.Future[B]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[B] = loop.create_future()
        self._waiting.append((ask, answer))
        if not self._is_under_way:
            self._is_under_way = True
            loop.call_soon(self._start)
        return answer

    def _start(self) -> None:
        batch = [(ask, answer) for ask, answer in self._waiting if not answer.cancelled()]
        self._waiting = []
        if not batch:
            self._is_under_way = False
            return
        waiters = [answer for _, answer in batch]
        try:
            outcome = self._commit([ask for ask, _ in batch])
        except Exception as error:  # noqa: BLE001 - handed to those who wait, who would wait for ever
            self._end(waiters, error)
            return
        if isinstance(outcome, Awaitable):
            later = asyncio.ensure_future(outcome)
            later.add_done_callback(lambda done: self._end(waiters, _outcome_of(done)))
        else:
            self._end(waiters, outcome)

    def _end(self, waiters: list[asyncio.Future[B]], outcome: Sequence[B] | BaseException) -> None:
        if isinstance(outcome, BaseException):
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(_own(outcome))
        else:
            for waiter, answer in zip(waiters, outcome, strict=True):
                if not waiter.done():
                    waiter.set_result(answer)
        self._is_under_way = bool(self._waiting)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._start)


def _outcome_of(done: asyncio.Future[Sequence[B]]) -> Sequence[B] | BaseException:
    if done.cancelled():
        return asyncio.CancelledError()
    return done.exception() or done.result()


def _own(error: BaseException) -> BaseException:
    """Each caller's own: raised in many tasks, one object would collect all their tracebacks."""
    if not isinstance(error, CfxError):
        return error
    own = copy.copy(error)
    own.__cause__ = error
    return own
