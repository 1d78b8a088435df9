"""Keys of what is still running: a stream must not outlive the key that opened it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Generic, Protocol, TypeVar

import structlog

from cfx_flow.errors import InvalidApiKey, StoreUnavailable

log = structlog.get_logger(__name__)

CHECK_EVERY_S = 30.0
RETRY_AFTER_S = 1.0

OnRefused = Callable[[InvalidApiKey], None]
W = TypeVar("W")


class Door(Protocol[W]):
    """Accounts by the ids of keys, SignedIn by sign-ins."""

    async def refused_among(self, who: Sequence[W], /) -> Mapping[W, str]: ...


class KeyWatch(Generic[W]):
    """One look at all keys in use every 30 s, not a timer for each stream. While the database does not
    answer nothing is ended: it is asked again soon."""

    def __init__(self, door: Door[W], check_every_s: float = CHECK_EVERY_S) -> None:
        self._door = door
        self._check_every_s = check_every_s
        self._in_use: dict[W, set[OnRefused]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._checking: asyncio.Task[None] | None = None

    @property
    def running(self) -> int:
        """How many blocks of ``over`` are entered."""
        return sum(map(len, self._in_use.values()))

    def over(self, who: W, on_refused: OnRefused) -> AbstractContextManager[None]:
        """Inside the block ``on_refused`` is called, in the loop, once the key is no longer good."""
        return _Use(self, who, on_refused)

    def _begin(self, who: W, on_refused: OnRefused) -> None:
        self._in_use.setdefault(who, set()).add(on_refused)
        if self._timer is None:
            self._check_in(self._check_every_s)

    def _end(self, who: W, on_refused: OnRefused) -> None:
        users = self._in_use[who]
        users.discard(on_refused)
        if not users:
            del self._in_use[who]

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._checking is not None:
            self._checking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._checking

    def _check_in(self, pause_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(pause_s, self._begin_check)

    def _begin_check(self) -> None:
        """Idle while nothing runs."""
        self._timer = None
        if self._in_use:
            self._checking = asyncio.create_task(self._check_and_go_on())

    async def _check_and_go_on(self) -> None:
        pause_s = self._check_every_s
        try:
            await self.check()
        except StoreUnavailable as error:
            log.warning("key_watch.store_unavailable", reason=error.message)
            pause_s = min(RETRY_AFTER_S, pause_s)
        except Exception:  # a watch that ends silently would let every key live on
            log.exception("key_watch_broke")
        if self._timer is None:
            self._check_in(pause_s)

    async def check(self) -> None:
        """Raises StoreUnavailable."""
        for who, reason in (await self._door.refused_among(list(self._in_use))).items():
            for on_refused in tuple(self._in_use.get(who, ())):
                on_refused(InvalidApiKey(reason))


class _Use(Generic[W]):
    """Every stream is in one: as a generator it would take half a kilobyte."""

    __slots__ = ("_on_refused", "_watch", "_who")

    def __init__(self, watch: KeyWatch[W], who: W, on_refused: OnRefused) -> None:
        self._watch, self._who, self._on_refused = watch, who, on_refused

    def __enter__(self) -> None:
        self._watch._begin(self._who, self._on_refused)

    def __exit__(self, *_: object) -> None:
        self._watch._end(self._who, self._on_refused)
