"""How many model calls a day a flow may make: as its key and its account are at that moment, not as they were
when it began."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlalchemy import bindparam, select

from cfx_flow.accounts.key_rows import limit_of
from cfx_flow.store.engine import Store
from cfx_flow.store.jobs import Ask, Steps
from cfx_flow.store.tables import accounts, api_keys

_LIMITS = (
    select(accounts.c.daily_limit, api_keys.c.limits)
    .outerjoin_from(
        accounts,
        api_keys,
        (api_keys.c.user_id == accounts.c.user_id) & (api_keys.c.id == bindparam("api_key_id")),
    )
    .where(accounts.c.user_id == bindparam("user_id"))
)


class DailyLimits:
    def __init__(self, store: Store, default: int) -> None:
        self._store, self._default = store, default

    async def of(self, user_id: str, api_key_id: str | None) -> int:
        """``api_key_id``: of the key that began it, also one that was revoked since. Raises
        StoreUnavailable."""
        return await self._store.look(partial(self.read, user_id, api_key_id))

    def read(self, user_id: str, api_key_id: str | None) -> Steps[int]:
        """``of``, as a part of a job."""
        rows = yield Ask(_LIMITS, {"user_id": user_id, "api_key_id": api_key_id})
        row: Mapping[Any, Any] = rows[0] if rows else {}
        account_limit = row.get("daily_limit")
        default = self._default if account_limit is None else account_limit
        return limit_of(row.get("limits") or {}, "daily", default)
