"""Flows of an account that is disabled stop, wherever it was disabled, and go on once it is enabled."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import delete, select

from cfx_flow.accounts.audit import OPERATOR
from cfx_flow.accounts.users import Users
from cfx_flow.store.tables import accounts, api_keys, flows
from tests.flows.conftest import House
from tests.support.flows import GOOD_DIFF, PLAN_TEXT, loop, says
from tests.support.provider import PLAN, Provider

pytestmark = pytest.mark.e2e


SLOW = {"first_byte_delay_s": 60}


async def test_flow_in_the_middle_of_a_call_is_stopped_and_can_be_resumed(
    any_house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)], plan=[says(PLAN_TEXT, **SLOW), says(PLAN_TEXT)]))
    services = any_house.services
    async with await any_house.client_for("bob") as client:
        bob = House(services, client)
        flow_id = await bob.start()
        await asyncio.to_thread(provider.wait_for_calls, 1, PLAN)
        alices = await any_house.start()
        # As a command has it: nobody in this process is told, and its looking around finds it.
        await Users(services.store, services.clock).disable("bob", OPERATOR)
        await asyncio.to_thread(provider.wait_for_disconnect, timeout_s=10)
        await services.users.enable("bob", OPERATOR)
        flow = await bob.get(flow_id)
        assert (flow["status"], flow["reason"]) == ("cancelled", "disabled")
        assert "can be resumed" in flow["message"]
        assert (await client.post(f"/v1/flows/{flow_id}/resume")).status_code == 202
        assert (await bob.ended(flow_id))["status"] == "approved"
        assert (await any_house.ended(alices))["status"] == "approved"


async def test_flow_of_an_account_that_is_deleted_is_stopped(house: House, provider: Provider) -> None:
    """As Supabase deletes it, with its user."""
    provider.script(*loop([says(GOOD_DIFF)], plan=[says(PLAN_TEXT, **SLOW)]))
    services = house.services
    async with await house.client_for("bob") as client:
        flow_id = await House(services, client).start()
        await asyncio.to_thread(provider.wait_for_calls, 1, PLAN)
        async with services.store.transaction() as connection:
            for table in (api_keys, accounts):
                bobs = table.c.user_id.in_(select(accounts.c.user_id).where(accounts.c.name == "bob"))
                await connection.execute(delete(table).where(bobs))
        assert await services.disabled_owners.look() == 1
        await asyncio.to_thread(provider.wait_for_disconnect, timeout_s=10)
    async with services.store.read() as connection:
        row = (await connection.execute(select(flows.c.status).where(flows.c.id == flow_id))).one()
    assert row.status == "cancelled"


async def test_flow_that_waits_for_a_person_keeps_waiting(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow_id = await house.start(approval="plan")
    await house.until(flow_id, lambda flow: flow["status"] == "requires_action")
    await house.services.users.disable("alice", OPERATOR)
    assert await house.services.disabled_owners.look() == 0
    await house.services.users.enable("alice", OPERATOR)
    assert (await house.get(flow_id))["status"] == "requires_action"
