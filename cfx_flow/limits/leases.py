"""Stream slots as leases in a shared table: what is the same on every backend.

A row is (user, slot number, token of the holder, expiry, the stream's talk). A slot is free
when its row is absent or expired. A row is never removed while its slot may be asked about
again: its holder finds another token in it, and so learns that the slot was taken over.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeAlias

import structlog

from cfx_flow.clock import Clock
from cfx_flow.errors import TooManyConcurrentRequests
from cfx_flow.limits.slots import Claim, Slot, Talk
from cfx_flow.store.group_commit import GroupCommit, NowOrLater

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=30)
RENEW_EVERY_S = 1.5
MOST_TRIES = 5
NOBODY = ""
"""the token of a slot that was given back"""


@dataclass(frozen=True, slots=True)
class Row:
    """A slot that somebody holds."""

    user_id: str
    number: int
    token: str
    talk: Talk


@dataclass(frozen=True, slots=True)
class Take:
    """Any free slot below ``max_streams``, if fewer than that are held; a ``Taken``."""

    user_id: str
    token: str
    talk: Talk
    max_streams: int


@dataclass(frozen=True, slots=True)
class Taken:
    number: int | None
    """``None``: all are held"""
    running: tuple[Row, ...]
    """what the others hold"""


@dataclass(frozen=True, slots=True)
class Swap:
    """This slot, if ``old_token`` still holds it; a bool."""

    row: Row
    old_token: str


@dataclass(frozen=True, slots=True)
class End:
    """Frees the slot that the token holds, if any; a bool."""

    user_id: str
    token: str


@dataclass(frozen=True, slots=True)
class Renew:
    """A new expiry for each, also where the row is gone; the set of tokens that still hold theirs."""

    rows: tuple[Row, ...]


Op: TypeAlias = Take | Swap | End | Renew


class SlotTable(Protocol):
    def apply(self, ops: Sequence[Op], now: datetime, until: datetime) -> NowOrLater[Sequence[Any]]:
        """Each op is atomic, in this order, and answered as it says. Raises StoreUnavailable."""
        ...


@dataclass(eq=False, slots=True)
class _Lease:
    """One stream of this process: its Slot."""

    books: LeasedSlots
    user_id: str
    token: str
    talk: Talk
    on_lost: Callable[[], None]
    valid_until: datetime
    row: Row | None = None
    """once the slot is had"""

    def release(self) -> None:
        self.books.give_back(self)


class LeasedSlots:
    """StreamSlots over a table. Times are this machine's: machines that share a table share the hour."""

    def __init__(self, table: SlotTable, clock: Clock, *, renew_every_s: float = RENEW_EVERY_S) -> None:
        self._table = table
        self._clock = clock
        self._renew_every_s = renew_every_s
        self._ops: GroupCommit[Op, Any] = GroupCommit(self._commit)
        self._held: dict[str, _Lease] = {}
        self._ending: set[asyncio.Future[Any]] = set()
        self._not_ended: dict[str, tuple[str, datetime]] = {}
        """what the store did not take back: token → user, and when it ends by itself"""
        self._timer: asyncio.TimerHandle | None = None
        self._renewal: asyncio.Future[Any] | None = None

    async def acquire(
        self, user_id: str, max_streams: int, claim: Claim, on_lost: Callable[[], None]
    ) -> Slot:
        until = self._clock.now() + LEASE
        lease = _Lease(self, user_id, secrets.token_hex(16), claim.talk, on_lost, until)
        self._held[lease.token] = lease
        try:
            await self._take(lease, max_streams, claim)
        except TooManyConcurrentRequests:
            self._held.pop(lease.token, None)
            raise
        except BaseException:
            lease.release()  # whether the store has given it or not
            raise
        self._keep_time()
        return lease

    async def _take(self, lease: _Lease, max_streams: int, claim: Claim) -> None:
        for _ in range(MOST_TRIES):
            taken: Taken = await self._ops.ask(Take(lease.user_id, lease.token, lease.talk, max_streams))
            retired = [row for row in taken.running if claim.retires(row.talk)]
            if taken.number is not None:
                lease.row = Row(lease.user_id, taken.number, lease.token, lease.talk)
            elif not retired:
                break
            else:
                lease.row = await self._swap(lease, retired)
            if lease.row is not None:
                await self._retire(retired)
                return
        raise _too_many(max_streams)

    async def _swap(self, lease: _Lease, retired: list[Row]) -> Row | None:
        """``None`` if they ended meanwhile: then a slot is free."""
        for old in retired:
            row = Row(lease.user_id, old.number, lease.token, lease.talk)
            if await self._ops.ask(Swap(row, old.token)):
                self._lose(old.token)
                retired.remove(old)
                return row
        return None

    async def _retire(self, rows: list[Row]) -> None:
        for row in rows:
            await self._ops.ask(End(row.user_id, row.token))
            self._lose(row.token)

    def _lose(self, token: str) -> None:
        lease = self._held.pop(token, None)
        if lease is not None:
            lease.on_lost()

    def give_back(self, lease: _Lease) -> None:
        if self._held.pop(lease.token, None) is not None:
            self._end(lease.user_id, lease.token, self._clock.now() + LEASE)

    def _end(self, user_id: str, token: str, ends_at: datetime) -> None:
        ended = self._ops.ask(End(user_id, token))
        self._ending.add(ended)
        ended.add_done_callback(partial(self._ended, user_id, token, ends_at))

    def _ended(self, user_id: str, token: str, ends_at: datetime, ended: asyncio.Future[Any]) -> None:
        self._ending.discard(ended)
        if not ended.cancelled() and (error := ended.exception()) is not None:
            log.warning("slots.not_given_back", error=str(error))
            self._not_ended[token] = (user_id, ends_at)
            self._keep_time()

    def _keep_time(self) -> None:
        if self._timer is None and (self._held or self._not_ended):
            self._timer = asyncio.get_running_loop().call_later(self._renew_every_s, self._beat)

    def _beat(self) -> None:
        """All leases of this process in one statement, only while there are any."""
        self._timer = None
        now = self._clock.now()
        for lease in [lease for lease in self._held.values() if lease.valid_until <= now]:
            log.warning("slots.expired", user_id=lease.user_id)
            self._lose(lease.token)
        not_ended, self._not_ended = self._not_ended, {}
        for token, (user_id, ends_at) in not_ended.items():
            if ends_at > now:
                self._end(user_id, token, ends_at)
        rows = tuple(lease.row for lease in self._held.values() if lease.row is not None)
        if rows and self._renewal is None:
            self._renewal = self._ops.ask(Renew(rows))
            self._renewal.add_done_callback(partial(self._renewed, rows, now + LEASE))
        self._keep_time()

    def _renewed(self, rows: tuple[Row, ...], until: datetime, renewal: asyncio.Future[Any]) -> None:
        """A store that does not answer takes nothing away before the leases end."""
        self._renewal = None
        if renewal.cancelled():
            return
        if (error := renewal.exception()) is not None:
            log.warning("slots.not_renewed", leases=len(rows), error=str(error))
            return
        for row in rows:
            if row.token not in renewal.result():
                self._lose(row.token)
            elif (lease := self._held.get(row.token)) is not None:
                lease.valid_until = until

    def _commit(self, ops: list[Op]) -> NowOrLater[Sequence[Any]]:
        now = self._clock.now()
        return self._table.apply(ops, now, now + LEASE)

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for lease in list(self._held.values()):
            lease.release()
        await asyncio.gather(*self._ending, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()


def _too_many(max_streams: int) -> TooManyConcurrentRequests:
    if max_streams <= 0:
        return TooManyConcurrentRequests(
            'This key may not stream. Send `"stream": false`, or use another key.'
        )
    return TooManyConcurrentRequests(
        f"Too many concurrent requests: {max_streams} of your streams are running, which is the most at a "
        "time. Stop one or wait until it ends, then send this again; the operator can raise the limit.",
        headers={"retry-after": "5"},
    )
