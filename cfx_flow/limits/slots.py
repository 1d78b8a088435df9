"""Stream slots, as chat sees them: at most so many streams of one user at a time, across processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Talk:
    """What of a running stream decides whether a later request takes it over."""

    session_id: str | None
    message_count: int
    digest: bytes
    """of all its messages, in order; at most 64 bytes"""


class Claim(Protocol):
    """A request that wants a slot."""

    @property
    def talk(self) -> Talk: ...

    def retires(self, running: Talk) -> bool:
        """Whether this request goes on from the running one, which nobody reads any more."""
        ...


class Slot(Protocol):
    def release(self) -> None:
        """At once for this process's own books, in the store with the next batch. May be called again,
        after ``on_lost`` too, and never raises."""
        ...


class StreamSlots(Protocol):
    """A slot is a lease: renewed while its stream runs, free again 30 s after its process died."""

    async def acquire(
        self, user_id: str, max_streams: int, claim: Claim, on_lost: Callable[[], None]
    ) -> Slot:
        """Running streams that the claim retires give up their slots; then one is taken for it.

        ``on_lost`` is called once, in the loop, if a later claim retires this stream or its lease is
        lost: at once when that claim comes to this process, within 2 s otherwise. It is not called after
        ``release``, and may be called before ``acquire`` has returned to its caller. A caller that is
        cancelled here holds nothing.

        Raises TooManyConcurrentRequests (then nothing was retired), StoreUnavailable.
        """
        ...

    async def close(self) -> None:
        """Gives every slot back; nobody is told."""
        ...
