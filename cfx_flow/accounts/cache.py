"""Recent answers to "who is this?": the database is asked once per key and 5 s, not once per request."""

from __future__ import annotations

import os
from collections import OrderedDict
from hashlib import blake2b

from cfx_flow.accounts.principal import Principal
from cfx_flow.clock import Clock

CACHE_TTL_S = 5.0
CAPACITY = 4096


class AnswerCache:
    """By a label of the key, never by the key. Refusals live apart, so that a flood of invented keys
    cannot push the real ones out."""

    def __init__(self, clock: Clock, capacity: int = CAPACITY) -> None:
        self._clock = clock
        self._capacity = capacity
        self._secret = os.urandom(32)
        self._known: OrderedDict[bytes, tuple[Principal | str, float]] = OrderedDict()
        self._refused: OrderedDict[bytes, tuple[Principal | str, float]] = OrderedDict()

    def label(self, token: str) -> bytes:
        """Keyed, with a secret of this process: as good as the HMAC that is stored, for a third of its
        price, and of no use anywhere else."""
        return blake2b(token.encode(), digest_size=32, key=self._secret).digest()

    def get(self, label: bytes) -> Principal | str | None:
        for shelf in (self._known, self._refused):
            entry = shelf.get(label)
            if entry is not None:
                answer, until = entry
                if self._clock.monotonic() < until:
                    return answer
                del shelf[label]
        return None

    def put(self, label: bytes, answer: Principal | str, *, until: float) -> None:
        """``until`` is monotonic; the oldest entry makes room."""
        shelf = self._known if isinstance(answer, Principal) else self._refused
        shelf[label] = (answer, until)
        shelf.move_to_end(label)
        if len(shelf) > self._capacity:
            shelf.popitem(last=False)

    def clear(self) -> None:
        self._known.clear()
        self._refused.clear()
