"""The day's sums: what the rows say, to the micro-dollar, and written once however often it is tried."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from cfx_flow.ledger.record import ordered_ids, to_row
from cfx_flow.ledger.usage import Used, read_usage_of, total
from cfx_flow.ledger.write import write_batch
from cfx_flow.store.engine import Store
from cfx_flow.store.tables import request_logs
from tests.ledger.conftest import NOON, call, store_calls

ADA = str(uuid.uuid4())
DAY = NOON.date()


async def used(store: Store, first: date = DAY, last: date = DAY) -> Used:
    return total(await read_usage_of(store, ADA, first, last))


async def test_sums_are_per_day_stage_and_model(store: Store) -> None:
    def mine(**values: Any) -> Any:
        return call(user_id=ADA, **values)

    await store_calls(
        store,
        [
            mine(),
            mine(status="error", output_tokens=0),
            mine(stage="plan", model="claude-sonnet-4-5"),
            mine(stage=None, model=None, status="rate_limited", input_tokens=0, output_tokens=0),
            mine(created_at=NOON - timedelta(days=1), status="cancelled"),
            call(),
        ],
    )
    parts = await read_usage_of(store, ADA, DAY - timedelta(days=1), DAY)
    assert [(part.day, part.stage, part.model) for part in parts] == [
        (DAY, None, None),
        (DAY, "code", "deepseek-chat"),
        (DAY, "plan", "claude-sonnet-4-5"),
        (DAY - timedelta(days=1), "code", "deepseek-chat"),
    ]
    code = parts[1].used
    assert (code.requests, code.errors, code.input_tokens, code.output_tokens) == (2, 1, 2400, 34)
    assert (parts[0].used.rate_limited, parts[3].used.cancelled) == (1, 1)
    assert await used(store) == total(parts[:3])


async def test_sums_are_exact_where_floats_are_not(store: Store) -> None:
    await store_calls(store, [call(user_id=ADA, cost_usd=Decimal("0.1")) for _ in range(300)])
    await store_calls(store, [call(user_id=ADA, cost_usd=Decimal("0.0000014")) for _ in range(3)])
    assert (await used(store)).cost_usd == Decimal("30.000003")


async def test_sums_grow_beyond_what_one_row_may_hold(store: Store) -> None:
    dear = {"user_id": ADA, "cost_usd": Decimal("9999.999999"), "input_tokens": 2**31 - 1}
    await store_calls(store, [call(**dear) for _ in range(10)])
    found = await used(store)
    assert (found.cost_usd, found.input_tokens) == (Decimal("99999.999990"), 10 * (2**31 - 1))


async def test_batch_that_was_written_after_all_is_not_counted_twice(store: Store) -> None:
    batch = [call(user_id=ADA) for _ in range(4)]
    rows = [to_row(row_id, one) for row_id, one in zip(ordered_ids(4), batch, strict=True)]
    await write_batch(store, rows)
    await write_batch(store, rows, perhaps_written=True)
    assert (await used(store)).requests == 4
    async with store.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(request_logs))).scalar() == 4


async def test_batch_that_was_not_written_is_written_by_the_next_try(store: Store) -> None:
    rows = [to_row(row_id, call(user_id=ADA)) for row_id in ordered_ids(2)]
    await write_batch(store, rows, perhaps_written=True)
    assert (await used(store)).requests == 2


def test_ids_come_in_order() -> None:
    first, second = ordered_ids(3), ordered_ids(3)
    assert first == sorted(first)
    assert len({*first, *second}) == 6
    assert all(uuid.UUID(one).version == 7 for one in first)
