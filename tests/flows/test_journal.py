"""What a step's calls have cost stays counted in it, wherever its run ended: the journal knows."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from msgspec.structs import replace
from sqlalchemy import delete, update

from cfx_flow.flows.model import Flow, FlowFailed, FlowStatus, Outcome, Reason, Step
from cfx_flow.flows.run import FlowRun, Result
from cfx_flow.flows.spending import Call
from cfx_flow.flows.usage import Usage
from cfx_flow.store.engine import Store
from cfx_flow.store.jobs import Steps
from cfx_flow.store.tables import effects, flows
from graphs.ask import Answer
from tests.flows.test_store import OPTIONS, Desk
from tests.support.answers import answer

ASKED, ASKED_OTHERWISE = b"1" * 32, b"2" * 32
MOST = Usage(1, 1000, 1000, Decimal("0.5"))
OUT_OF_TIME = Outcome(FlowStatus.FAILED, Reason.BUDGET, "The budget is used up.")
ONE = (1, 10, 10, Decimal("0.001"))
TWO = (2, 20, 20, Decimal("0.002"))


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


class Process:
    """A run of the flow's first step; the next one begins as if this one had died."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.run: FlowRun
        self.step: Step

    async def begins(self, flow_id: str) -> Flow:
        flow = await self._desk.flows.claim(flow_id)
        assert flow is not None
        self.run = FlowRun(flow, self._desk.flows, self._desk.clock)
        self.step = await self.run.begin(1, "plan", 0, stage="plan", input={"messages": []})
        return flow

    async def asks(self, request_hash: bytes = ASKED) -> bool:
        """Whether it had to pay."""
        effect = await self.run.next_call(self.step, request_hash)
        if effect.answer is not None:
            return False
        effect = await self.run.starts(effect, MOST)
        said = answer("# Plan", "planner", tokens=10)
        call = Call("plan", said.model, Usage(1, said.input_tokens, said.output_tokens, said.cost_usd, 5))
        self.step = await self.run.paid(self.step, effect, call, said.to_json())
        return True

    def dies(self) -> None:
        self.run.pen.drop()


def cost(step: Step | None) -> tuple[int, int, int, Decimal]:
    assert step is not None
    return step.attempts, step.input_tokens, step.output_tokens, step.cost_usd


async def test_what_was_paid_just_before_a_death_is_the_steps_when_it_is_done_again(desk: Desk) -> None:
    flow, process = await desk.flow(), Process(desk)
    await process.begins(flow.id)
    assert await process.asks()
    process.dies()
    assert cost(await desk.flows.step(flow.id, 1)) == (0, 0, 0, 0)

    await process.begins(flow.id)

    assert cost(process.step) == ONE
    assert process.step.model == "planner"
    assert not await process.asks()
    await process.run.finish(process.step, Result("# Plan"), stage="plan")
    await process.run.pen.settle()
    assert cost(await desk.flows.step(flow.id, 1)) == ONE
    assert (await desk.flows.get(desk.user.user_id, flow.id)).spent.calls == 1


async def test_a_step_that_asks_otherwise_when_it_is_done_again_has_cost_both(desk: Desk) -> None:
    """The prompts were changed meanwhile, say."""
    flow, process = await desk.flow(), Process(desk)
    await process.begins(flow.id)
    await process.asks(ASKED)
    process.dies()
    await process.begins(flow.id)
    assert await process.asks(ASKED_OTHERWISE)
    process.dies()

    await process.begins(flow.id)

    assert cost(process.step) == TWO


async def test_an_answer_that_cannot_be_read_any_more_is_counted_once(desk: Desk, store: Store) -> None:
    flow, process = await desk.flow(), Process(desk)
    await process.begins(flow.id)
    await process.asks(ASKED)
    await process.asks(ASKED_OTHERWISE)
    await process.run.pen.settle()
    process.dies()
    async with store.transaction() as connection:
        await connection.execute(update(effects).where(effects.c.call == 0).values(answer=b"{"))

    await process.begins(flow.id)

    assert cost(process.step) == TWO


async def test_a_call_in_flight_at_a_death_costs_the_step_nothing_and_counts_as_broken_off(
    desk: Desk,
) -> None:
    flow, process = await desk.flow(), Process(desk)
    await process.begins(flow.id)
    await process.asks()
    await process.run.starts(await process.run.next_call(process.step, ASKED_OTHERWISE), MOST)
    process.dies()

    again = await process.begins(flow.id)

    assert cost(process.step) == ONE
    assert again.broken_off.calls == 0
    await process.run.pen.settle()
    lost = (await desk.flows.get(desk.user.user_id, flow.id)).broken_off
    assert (lost.calls, lost.cost_usd) == (1, MOST.cost_usd)


async def test_a_row_that_an_earlier_release_has_counted_is_not_counted_twice(desk: Desk) -> None:
    """It wrote the row with each answer."""
    flow, process = await desk.flow(), Process(desk)
    await process.begins(flow.id)
    await process.asks()
    await process.run.pen.settle()
    assert cost(await desk.flows.step(flow.id, 1)) == ONE
    process.dies()

    await process.begins(flow.id)
    assert cost(process.step) == ONE


async def test_a_row_that_has_outlived_its_answers_keeps_what_they_cost(desk: Desk, store: Store) -> None:
    """The journal of a flow that ended long ago is taken out, and then it is resumed."""
    flow, process = await desk.flow(), Process(desk)
    await process.begins(flow.id)
    await process.asks()
    await process.run.pen.settle()
    process.dies()
    async with store.transaction() as connection:
        await connection.execute(delete(effects))

    await process.begins(flow.id)

    assert cost(process.step) == ONE
    assert await process.asks()
    assert cost(process.step) == TWO


@pytest.mark.parametrize("times", [1, 2])
async def test_it_keeps_them_also_when_its_next_run_pays_and_dies(
    desk: Desk, store: Store, times: int
) -> None:
    """What stands in the row, and not in the journal, is known as often as that happens."""
    flow, process = await desk.flow(), Process(desk)
    await process.begins(flow.id)
    await process.asks()
    for _ in range(times):
        await process.run.pen.settle()
        process.dies()
        async with store.transaction() as connection:
            await connection.execute(delete(effects))
        await process.begins(flow.id)
        await process.asks()
    process.dies()
    paid = times + 1

    await process.begins(flow.id)

    assert cost(process.step) == (paid, 10 * paid, 10 * paid, paid * Decimal("0.001"))
    process.dies()
    await desk.flows.cancel(desk.user.user_id, flow.id)
    assert cost(await desk.flows.step(flow.id, 1)) == cost(process.step)


async def test_a_cancelled_step_has_what_was_paid_just_before(desk: Desk) -> None:
    flow, process = await desk.flow(), Process(desk)
    await process.begins(flow.id)
    await process.asks()
    process.dies()

    await desk.flows.cancel(desk.user.user_id, flow.id)

    step = await desk.flows.step(flow.id, 1)
    assert step is not None
    assert (step.status, step.model, cost(step)) == ("cancelled", "planner", ONE)


RUBBISH = [b"{", b'{"text": "\xff"}', b'{"more": ' + b"[" * 50_000]


@pytest.mark.parametrize("stored", RUBBISH, ids=["cut off", "no UTF-8", "deep"])
async def test_an_answer_that_cannot_be_read_keeps_nobody_from_cancelling(
    desk: Desk, store: Store, stored: bytes
) -> None:
    flow, process = await desk.flow(), Process(desk)
    await process.begins(flow.id)
    await process.asks()
    async with store.transaction() as connection:
        await connection.execute(update(effects).values(answer=stored))

    cancelled = await desk.flows.cancel(desk.user.user_id, flow.id)

    assert cancelled.status.value == "cancelled"
    process.dies()


async def test_a_step_under_way_shows_its_calls(desk: Desk) -> None:
    """With the next thing that is written."""
    flow, process = await desk.flow(), Process(desk)
    await process.begins(flow.id)
    await process.asks()
    await process.run.progress(process.step, "plan", 7)
    step = await desk.flows.step(flow.id, 1)
    assert step is not None
    assert (step.status, cost(step)) == ("started", ONE)
    process.dies()


async def test_a_call_that_broke_off_is_counted_though_time_runs_out_before_another_try_is_written(
    desk: Desk, store: Store
) -> None:
    flow, process = await desk.flow(), Process(desk)
    epoch = (await process.begins(flow.id)).epoch
    effect = await process.run.starts(await process.run.next_call(process.step, ASKED), MOST)
    effect = process.run.broke_off(process.step, effect, "plan", MOST)
    # On Postgres, all connections wanted below: time is to run out in the write, not while one opens.
    await asyncio.gather(*(store.run(nothing) for _ in range(3)))
    async with store.transaction() as connection:
        await connection.execute(update(flows).values(round=flows.c.round))  # nobody else writes it meanwhile
        before = asyncio.create_task(store.run(nothing))
        await asyncio.sleep(0.01)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await process.run.tries_again(effect, MOST)
    await before

    await desk.flows.end(flow.id, epoch, OUT_OF_TIME, await process.run.pen.last())

    lost = (await desk.flows.get(desk.user.user_id, flow.id)).broken_off
    assert (lost.calls, lost.cost_usd) == (1, MOST.cost_usd)


def nothing() -> Steps[None]:
    """A transaction that is under way: on SQLite the next one waits for it."""
    yield from ()


async def test_what_tests_took_in_an_earlier_run_is_spent_of_the_flows_time(desk: Desk) -> None:
    flow, process = await desk.flow(replace(OPTIONS, tests="unit")), Process(desk)
    await process.begins(flow.id)
    await process.run.finish(process.step, Result("# Plan"), stage="plan")
    test = await process.run.begin(2, "test", 1, input={})
    desk.clock.advance(seconds=90)
    await process.run.finish(test, Result("passed"))
    await process.run.pen.settle()
    left = process.run.seconds_left
    process.dies()
    desk.clock.advance(days=1)  # a person thinks

    claimed = await desk.flows.claim(flow.id)
    assert claimed is not None
    again = FlowRun(claimed, desk.flows, desk.clock)
    await again.look_back()

    assert again.seconds_left == left == OPTIONS.budget.seconds - 90
    test = await again.begin(3, "test", 2, input={})
    desk.clock.advance(hours=-1)  # somebody puts the clock back
    await again.finish(test, Result("passed"))
    await again.pen.settle()
    assert await desk.flows.seconds_of_tests(claimed) == 90
    fork = replace(claimed, parent_step=2)
    assert await desk.flows.seconds_of_tests(fork) == 0


@pytest.mark.parametrize("stored", RUBBISH, ids=["cut off", "no UTF-8", "deep"])
def test_an_answer_that_cannot_be_read_is_the_states_fault(stored: bytes) -> None:
    with pytest.raises(FlowFailed) as failed:
        Answer.from_json(stored)
    assert failed.value.reason is Reason.STATE
