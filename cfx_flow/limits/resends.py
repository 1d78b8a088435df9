"""What an SDK sends again after a failure is not counted again (SPEC section 3, "What counts").

OpenAI's SDKs re-send 408, 409, 429, 5xx and lost connections twice by themselves, and say so
in ``X-Stainless-Retry-Count``. The header alone proves nothing: free is only what this process
saw fail. Behind several processes a re-send that meets another one is counted; that costs its
user at most two requests of the day, and no process has to ask a store.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from dataclasses import dataclass

from cfx_flow.clock import Clock

HEADER = b"x-stainless-retry-count"
WINDOW_S = 60.0
MOST_FREE = 2
CAPACITY = 4096
_NUMBER = re.compile("0*[1-9][0-9]{0,8}", re.ASCII)


@dataclass(slots=True)
class _Failure:
    sent_at: float
    free_left: int


class Resends:
    """For the chat route, in this order:

    - a request whose header says more than 0 (``says_resend``) asks ``is_free(key id, body)`` once, when
      it would be charged; if so it is not charged, and goes on even when nothing is left of the day;
    - a request that was charged or free, and failed before its first byte went down, is told to
      ``failed(key id, body, sent_at, was_free=…)``. Refusals before the charge cost nothing and are not.

    The body is hashed in these two cases only.
    """

    def __init__(self, clock: Clock, capacity: int = CAPACITY) -> None:
        self._clock = clock
        self._capacity = capacity
        self._failures: OrderedDict[tuple[str, bytes], _Failure] = OrderedDict()

    def is_free(self, key_id: str, body: bytes) -> bool:
        """Uses up one of the two."""
        failure = self._failures.get((key_id, _digest(body)))
        if failure is None or failure.free_left == 0:
            return False
        if self._clock.monotonic() - failure.sent_at > WINDOW_S:
            return False
        failure.free_left -= 1
        return True

    def failed(self, key_id: str, body: bytes, sent_at: float, *, was_free: bool = False) -> None:
        """``sent_at``: the clock's monotonic seconds when the request came."""
        known = (key_id, _digest(body))
        before = self._failures.pop(known, None)
        free_left = before.free_left if before is not None and was_free else MOST_FREE
        self._failures[known] = _Failure(sent_at, free_left)
        if len(self._failures) > self._capacity:
            self._failures.popitem(last=False)


def says_resend(header: str | None) -> bool:
    """Of the header's value; rubbish is no re-send."""
    return header is not None and _NUMBER.fullmatch(header) is not None


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()
