"""Places that each user has to himself: who takes all of them keeps nobody else waiting."""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary


class Places:
    def __init__(self, each: int) -> None:
        """``each``: how many a user has."""
        self._each = each
        self._of: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        """of those who have or want one"""

    def of(self, user_id: str) -> asyncio.Semaphore:
        return self._of.setdefault(user_id, asyncio.Semaphore(self._each))
