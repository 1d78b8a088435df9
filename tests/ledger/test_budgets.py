"""The month's budget: what was spent is known at once here, and soon where others spent it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import SecretStr
from sqlalchemy import update

from cfx_flow.accounts import Accounts
from cfx_flow.errors import BudgetExceeded, StoreUnavailable
from cfx_flow.ledger import Budgets, RequestLog
from cfx_flow.ledger.budgets import FRESH_S
from cfx_flow.store.engine import Store, open_store
from cfx_flow.store.tables import accounts as accounts_table
from tests.ledger.conftest import call
from tests.support.clock import FakeClock

LIMIT = Decimal("1.5")
MARCH = datetime(2026, 3, 31, 12, tzinfo=UTC)


@asynccontextmanager
async def process(store: Store, clock: FakeClock) -> AsyncIterator[tuple[Budgets, RequestLog]]:
    """What one process knows of budgets, and its log."""
    budgets = Budgets(store, clock)
    log = RequestLog(store, budgets=budgets, gather_s=0.01)
    await log.start()
    yield budgets, log
    await log.close()
    await budgets.close()


async def account(store: Store, clock: FakeClock, monthly_usd: str | None) -> str:
    accounts = Accounts(store, SecretStr("pepper of the tests"), clock, 1000)
    user_id = (await accounts.create_key("ada")).user_id
    limit = None if monthly_usd is None else Decimal(monthly_usd)
    async with store.transaction() as connection:
        await connection.execute(update(accounts_table).values(monthly_usd=limit))
    await accounts.close()
    return user_id


def spend(clock: FakeClock, user_id: str, usd: str, log: RequestLog) -> None:
    log.record(call(user_id=user_id, cost_usd=Decimal(usd), created_at=clock.now()))


async def test_budget_is_reached_to_the_micro_dollar(store: Store, fake_clock: FakeClock) -> None:
    user = await account(store, fake_clock, "1.5")
    async with process(store, fake_clock) as (budgets, log):
        for usd in ("1.4", "0.099999"):
            spend(fake_clock, user, usd, log)
            await budgets.require(user)
        await log.flush()
        fake_clock.advance(seconds=FRESH_S)
        await budgets.require(user)
        spend(fake_clock, user, "0.000001", log)
        with pytest.raises(BudgetExceeded, match=r"1\.50 USD is used up: 1\.50 USD were spent") as caught:
            await budgets.require(user)
    assert caught.value.headers["x-should-retry"] == "false"
    month_end = datetime(2026, 4, 1, tzinfo=UTC)
    assert int(caught.value.headers["retry-after"]) == (month_end - fake_clock.now()).total_seconds()


async def test_call_of_this_process_counts_before_it_is_written_and_once_when_it_is(
    store: Store, fake_clock: FakeClock
) -> None:
    user = await account(store, fake_clock, None)
    async with process(store, fake_clock) as (budgets, log):
        await budgets.require(user, LIMIT)
        for _ in range(8):  # 1.12 in all; a read may for its time count twice what is just being written
            spend(fake_clock, user, "0.14", log)
            await budgets.require(user, LIMIT)
            await asyncio.sleep(0.02)
            fake_clock.advance(seconds=FRESH_S / 2)  # the sum is read in between, more than once
        await log.flush()
        spend(fake_clock, user, "0.38", log)
        with pytest.raises(BudgetExceeded):
            await budgets.require(user, LIMIT)
        with pytest.raises(BudgetExceeded):
            budgets.refuse_early(user, LIMIT)


async def test_call_that_was_written_while_the_sum_was_read_counts_twice_against_nobody(
    store: Store, fake_clock: FakeClock
) -> None:
    user = await account(store, fake_clock, "1.5")
    async with process(store, fake_clock) as (_, log):
        budgets = Budgets(store, fake_clock)
        await budgets.require(user)
        written = call(user_id=user, cost_usd=Decimal("0.8"), created_at=fake_clock.now())
        budgets.recorded(written)
        log.record(written)
        await log.flush()
        fake_clock.advance(seconds=FRESH_S)
        with pytest.raises(BudgetExceeded):  # the row is there, and nobody has said so yet
            await budgets.require(user)
        budgets.settled(1)
        budgets.refuse_early(user, LIMIT)
        await budgets.require(user)
        budgets.recorded(written)
        with pytest.raises(BudgetExceeded):
            await budgets.require(user)
        await budgets.close()


async def test_what_another_process_spends_counts_once_its_rows_are_seen(
    store: Store, fake_clock: FakeClock
) -> None:
    user = await account(store, fake_clock, "1.5")
    async with process(store, fake_clock) as (ours, _), process(store, fake_clock) as (_, their_log):
        await ours.require(user)
        spend(fake_clock, user, "2", their_log)
        await their_log.flush()
        fake_clock.advance(seconds=FRESH_S - 0.1)
        await ours.require(user)
        fake_clock.advance(seconds=0.1)
        ours.refuse_early(user, LIMIT)  # it knows nothing new yet
        with pytest.raises(BudgetExceeded):
            await ours.require(user)


async def test_a_new_month_starts_anew(store: Store) -> None:
    clock = FakeClock(MARCH)
    user = await account(store, clock, "1.5")
    async with process(store, clock) as (budgets, log):
        spend(clock, user, "2", log)
        await log.flush()
        with pytest.raises(BudgetExceeded) as caught:
            await budgets.require(user)
        assert caught.value.headers["retry-after"] == str(12 * 3600)
        clock.advance(hours=12)
        budgets.refuse_early(user, LIMIT)
        await budgets.require(user)


async def test_user_without_a_budget_is_never_refused_and_one_of_nothing_always(
    sqlite_store: Store, fake_clock: FakeClock
) -> None:
    user = await account(sqlite_store, fake_clock, None)
    async with process(sqlite_store, fake_clock) as (budgets, log):
        spend(fake_clock, user, "9999", log)
        await log.flush()
        await budgets.require(user)
        with pytest.raises(BudgetExceeded):
            await budgets.require("0190a3c0-0000-7000-8000-000000000009", Decimal(0))


async def test_many_who_ask_at_once_get_one_answer(store: Store, fake_clock: FakeClock) -> None:
    user = await account(store, fake_clock, "1.5")
    async with process(store, fake_clock) as (budgets, log):
        spend(fake_clock, user, "1.5", log)
        await log.flush()
        answers = await asyncio.gather(*(budgets.require(user) for _ in range(50)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {BudgetExceeded}


async def test_cost_that_is_no_number_neither_fills_nor_empties_a_budget(
    sqlite_store: Store, fake_clock: FakeClock
) -> None:
    user = await account(sqlite_store, fake_clock, "1.5")
    async with process(sqlite_store, fake_clock) as (budgets, log):
        await budgets.require(user)
        for usd in ("NaN", "-7", "0.1"):
            spend(fake_clock, user, usd, log)
        await budgets.require(user)
        spend(fake_clock, user, "1.4", log)
        with pytest.raises(BudgetExceeded):
            await budgets.require(user)


async def test_without_the_database_nobody_is_let_through(fake_clock: FakeClock) -> None:
    nowhere = await open_store("postgresql://127.0.0.1:1/nothing-listens-here")
    budgets = Budgets(nowhere, fake_clock)
    with pytest.raises(StoreUnavailable):
        await budgets.require("0190a3c0-0000-7000-8000-000000000009", LIMIT)
    await budgets.close()
    await nowhere.close()
