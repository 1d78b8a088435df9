"""The daily limit of a flow's key, as it is when the flow makes a call."""

from __future__ import annotations

import uuid

from sqlalchemy import update

from cfx_flow.accounts import Accounts
from cfx_flow.accounts.daily_limits import DailyLimits
from cfx_flow.store.engine import Store
from cfx_flow.store.tables import accounts as accounts_table


async def test_flow_is_held_to_the_limits_of_its_key_and_account_as_they_are(
    accounts: Accounts, store: Store
) -> None:
    limits = DailyLimits(store, 1000)
    plain = await accounts.create_key("ada")
    given = await accounts.create_key("ada", daily_limit=900)
    own = await accounts.create_key("ada", daily_limit=900, by_owner=True)
    stranger = await accounts.create_key("bob", daily_limit=1)
    asked = (plain.id, given.id, own.id, stranger.id, str(uuid.uuid4()), None)

    async def held_to() -> list[int]:
        return [await limits.of(plain.user_id, key) for key in asked]

    assert await held_to() == [1000, 900, 900, 1000, 1000, 1000]
    async with store.transaction() as connection:
        await connection.execute(
            update(accounts_table).where(accounts_table.c.name == "ada").values(daily_limit=5)
        )
    await accounts.revoke_key(own.id)
    assert await held_to() == [5, 900, 5, 5, 5, 5]
