"""Suites take turns, and the machine's sandbox is looked for once, if there is one."""

from __future__ import annotations

import asyncio

import pytest

from cfx_flow.suites.model import Suite
from cfx_flow.suites.runs import FindSandbox, SuiteRuns
from cfx_flow.suites.turns import Turns
from cfx_flow.workspace.sandbox.model import Commands, Limits, NoSandbox, Ran, Sandbox
from cfx_flow.workspace.snapshot import Snapshot, from_files

SUITE = Suite("unit", (("true",),), Limits(5, 64, 16, 8, 1000), report="report.xml")


async def nothing() -> Snapshot:
    return from_files({})


class Slow:
    """A sandbox that notes how many are in it."""

    name = "slow"

    def __init__(self) -> None:
        self.inside = self.most = 0
        self.seen: list[Commands] = []

    async def run(self, commands: Commands) -> Ran:
        self.seen.append(commands)
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await asyncio.sleep(0.01)
        finally:
            self.inside -= 1
        return Ran(exit_code=0, failed=None, output="", report=b"<x/>", timed_out=False, duration_ms=10)


async def test_no_more_run_at_once_than_may_and_one_that_is_cancelled_gives_its_turn_back() -> None:
    sandbox = Slow()
    runs = SuiteRuns({}, _found(sandbox, []), at_once=2)
    tasks = [asyncio.create_task(runs.run("alice", sandbox, SUITE, nothing)) for _ in range(8)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[7].cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(each, asyncio.CancelledError) for each in ended] == [True, *[False] * 6, True]
    assert (sandbox.most, sandbox.inside) == (2, 0)


async def test_no_user_waits_for_all_of_anothers() -> None:
    """Alice's five came first; then Bob's one."""
    turns, order = Turns(1), list[str]()

    async def run(name: str) -> None:
        async with turns.turn(name.partition(" ")[0]):
            order.append(name)
            await asyncio.sleep(0)

    names = [*(f"alice {n}" for n in range(5)), "bob 0", "alice 5", "carol 0", "bob 1"]
    await asyncio.gather(*map(run, names))
    last = [f"alice {n}" for n in range(2, 6)]
    assert order == ["alice 0", "bob 0", "carol 0", "alice 1", "bob 1", *last]


async def test_turns_that_are_given_up_at_any_moment_are_not_lost() -> None:
    turns = Turns(2)

    async def run(user: str) -> None:
        async with turns.turn(user):
            await asyncio.sleep(0)

    for cancel_after in range(6):
        tasks = [asyncio.create_task(run(f"user {n % 3}")) for n in range(9)]
        for _ in range(cancel_after):
            await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(30), turns.turn("a"), turns.turn("a"):
        pass


async def test_the_sandbox_is_looked_for_once_however_many_ask() -> None:
    asked: list[None] = []
    runs = SuiteRuns({}, _found(Slow(), asked), at_once=1)
    found = await asyncio.gather(*(runs.sandbox() for _ in range(10)))
    assert len(asked) == 1
    assert len(set(map(id, found))) == 1


@pytest.mark.parametrize(("after_s", "times"), [(0.0, 3), (3600.0, 1)])
async def test_where_there_is_none_it_is_looked_for_again_after_a_while(after_s: float, times: int) -> None:
    looked: list[None] = []

    async def find() -> Sandbox | NoSandbox:
        looked.append(None)
        return NoSandbox("the engine does not answer") if len(looked) < 3 else Slow()

    runs = SuiteRuns({}, find, at_once=1, look_again_s=after_s)
    found = [await runs.sandbox() for _ in range(5)]
    assert len(looked) == times
    assert isinstance(found[-1], NoSandbox) == (times == 1)


async def test_what_a_run_leaves_behind_does_not_hold_the_report() -> None:
    ran = (await SuiteRuns({}, _found(Slow(), []), at_once=1).run("alice", Slow(), SUITE, nothing)).ran
    assert (ran.exit_code, ran.report) == (0, None)


async def test_a_report_of_the_tree_is_left_out_of_it() -> None:
    sandbox = Slow()
    runs = SuiteRuns({}, _found(sandbox, []), at_once=1)

    async def tree() -> Snapshot:
        return from_files({"report.xml": "<old/>", "a.py": ""})

    await runs.run("alice", sandbox, SUITE, tree)
    assert list(sandbox.seen[0].files) == ["a.py"]


def _found(sandbox: Sandbox, asked: list[None]) -> FindSandbox:
    async def find() -> Sandbox:
        asked.append(None)
        await asyncio.sleep(0.01)
        return sandbox

    return find
