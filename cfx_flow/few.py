"""A queue that is nearly always empty: a deque takes 0.7 kB even then, and idle streams are many."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class Few(list[T]):
    """Of a deque's methods those that uvicorn and aiohttp use."""

    __slots__ = ()

    def appendleft(self, item: T) -> None:
        self.insert(0, item)

    def popleft(self) -> T:
        return self.pop(0)
