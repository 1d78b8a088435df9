from __future__ import annotations

from sqlalchemy import text

from cfx_flow.store.engine import Store


async def test_transaction_answers(store: Store) -> None:
    async with store.transaction() as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar() == 1
