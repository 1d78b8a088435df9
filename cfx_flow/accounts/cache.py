"""Recent answers to "who is this?": the database is asked once per key, or sign-in, and 5 s, not once per
request."""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from functools import partial
from hashlib import blake2b
from typing import Any, TypeAlias

from cfx_flow.accounts.principal import Principal
from cfx_flow.clock import Clock

CACHE_TTL_S = 5.0
CAPACITY = 4096

Answer: TypeAlias = Principal | str
"""who it is, or why not"""


class AnswerCache:
    """By a label of the key, never by the key. Refusals live apart, so that a flood of invented keys
    cannot push the real ones out."""

    def __init__(self, clock: Clock, capacity: int = CAPACITY) -> None:
        self._clock = clock
        self._capacity = capacity
        self._secret = os.urandom(32)
        self._known: OrderedDict[bytes, tuple[Answer, float]] = OrderedDict()
        self._refused: OrderedDict[bytes, tuple[Answer, float]] = OrderedDict()
        self._asked: dict[bytes, asyncio.Task[Answer]] = {}

    def label(self, token: str) -> bytes:
        """Keyed, with a secret of this process: as good as the HMAC that is stored, for a third of its
        price, and of no use anywhere else."""
        return blake2b(token.encode(), digest_size=32, key=self._secret).digest()

    def get(self, label: bytes) -> Answer | None:
        for shelf in (self._known, self._refused):
            entry = shelf.get(label)
            if entry is not None:
                answer, until = entry
                if self._clock.monotonic() < until:
                    return answer
                del shelf[label]
        return None

    def put(self, label: bytes, answer: Answer, *, until: float) -> None:
        """``until`` is monotonic; the oldest entry makes room."""
        shelf = self._known if isinstance(answer, Principal) else self._refused
        shelf[label] = (answer, until)
        shelf.move_to_end(label)
        if len(shelf) > self._capacity:
            shelf.popitem(last=False)

    async def ask_once(self, label: bytes, look_up: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """Whoever asks for the same one meanwhile gets the same answer: when one falls out of the cache, a
        busy editor, or a page, would else ask the database as often as it has requests under way.
        ``look_up`` puts what may be kept; what it raises is not."""
        asked = self._asked.get(label)
        if asked is None:
            asked = self._asked[label] = asyncio.create_task(look_up())
            asked.add_done_callback(partial(self._answered, label))
        return await asyncio.shield(asked)

    def _answered(self, label: bytes, asked: asyncio.Task[Answer]) -> None:
        if self._asked.get(label) is asked:
            del self._asked[label]
        if not asked.cancelled():
            asked.exception()  # whoever waited for it has seen it; all of them may have gone

    async def close(self) -> None:
        """Waits for what is being asked."""
        await asyncio.gather(*self._asked.values(), return_exceptions=True)

    def clear(self) -> None:
        """What is under way goes on, and is told to nobody who asks from now on."""
        self._asked.clear()
        self._known.clear()
        self._refused.clear()
