"""A process dies, or its machine, before and after each single commit of a flow: nothing is lost, or done or
paid again, but the call in flight."""

from __future__ import annotations

import asyncio
import subprocess
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import func, select

from api.wiring import Services, open_services
from cfx_flow.flows.feed import Feed
from cfx_flow.flows.model import Budget, FlowOptions
from cfx_flow.flows.runner import Drain, FlowRunner
from cfx_flow.flows.store import FlowStore
from cfx_flow.flows.submit import Origin, new_flow
from cfx_flow.settings import Settings
from cfx_flow.store.engine import Store
from cfx_flow.store.jobs import Job
from cfx_flow.store.tables import effects, flow_checkpoints
from cfx_flow.workspace.opened import OpenSnapshots
from cfx_flow.workspace.snapshot import from_files
from graphs.ask import Answer, Attempts, Progress, Question
from graphs.call import Tools
from graphs.runtime import LangGraphFlows
from tests.support.answers import answer
from tests.support.flows import BAD_DIFF, FILES, GOOD_DIFF, PLAN_TEXT, verdict
from tests.support.provider import CODE, PLAN

pytestmark = pytest.mark.e2e

CALLS = 4
"""a plan, a diff that is refused, one that fits, an approval"""
COMMITS = 1 + 2 * CALLS + 1
"""at least: the flow is taken up; before and after each call; the end"""
OPTIONS = FlowOptions(max_rounds=3, max_fixes=2, budget=Budget(Decimal(1), 10**6, 600), tests="unit")


class Models:
    """The three models, in this process: the provider that counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def ask(self, question: Question, on_progress: Progress, attempts: Attempts) -> Answer:
        model = question.targets[0].model
        self.asked.append(model)
        return answer(self._text(model, str(question.messages[-1].content)), model, tokens=10)

    def _text(self, model: str, question: str) -> str:
        """By what is asked, not by how often: a call that is made again gets the same."""
        if PLAN in model:
            return PLAN_TEXT
        if CODE in model:
            return GOOD_DIFF if "removed_line" in question else BAD_DIFF
        return str(verdict("approve")["content"])


class Dying:
    """A store of which a process dies at its ``at``-th transaction: before it, or once it is committed."""

    def __init__(self, store: Store, at: int, *, committed: bool) -> None:
        self._store, self._at, self._committed = store, at, committed
        self.commits = 0
        self.died, self.gone = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def run(self, job: Job[Any], *, is_lazy: bool = False) -> Any:
        self.commits += 1
        dies = self.commits == self._at
        if dies and not self._committed:
            await self._die()
        made = await self._made(job, is_lazy)
        if dies:
            await self._die()
        return made

    async def _made(self, job: Job[Any], is_lazy: bool) -> Any:
        return await self._store.run(job, is_lazy=is_lazy)

    async def _die(self) -> None:
        self.died.set()
        await self.gone.wait()
        raise asyncio.CancelledError


class Unplugged(Dying):
    """Its machine dies too: ``image`` is left, what the disk had at the last commit that waited for it."""

    def __init__(self, store: Store, at: int, *, committed: bool, image: Path) -> None:
        super().__init__(store, at, committed=committed)
        self._image = image
        self._copy()

    async def _made(self, job: Job[Any], is_lazy: bool) -> Any:
        made = await super()._made(job, is_lazy)
        if not is_lazy:
            self._copy()
        return made

    def _copy(self) -> None:
        """By another process: SQLite's locks are the process's, which loses them where it closes the file."""
        for end in ("", "-wal"):
            subprocess.run(["cp", f"{self._store.file}{end}", f"{self._image}{end}"], check=True)


class Life:
    """One process after the other, which run the same flow."""

    def __init__(self, services: Services) -> None:
        self.services, self.models = services, Models()
        self.flows = FlowStore(services.store, services.clock, Feed())

    async def begin(self) -> tuple[str, str]:
        accounts = self.services.accounts
        user = await accounts.authenticate((await accounts.create_key("alice")).key)
        snapshot = from_files(FILES)
        await self.services.snapshots.put(user.user_id, snapshot)
        origin = Origin(user, str(uuid.uuid4()), self.services.clock.now())
        flow = new_flow("Greet", snapshot.id, OPTIONS, origin)
        await self.flows.create(flow)
        return user.user_id, flow.id

    def runner(self, flows: FlowStore) -> FlowRunner:
        house = self.services
        tools = Tools(
            models=house.models,
            prompts=house.prompts,
            policy=house.policy,
            suites=house.suites,
            asker=self.models,
            day=house.day,
            request_log=house.request_log,
            budgets=house.budgets,
            clock=house.clock,
        )
        snapshots = OpenSnapshots(house.snapshots, most_bytes=0)
        return FlowRunner(flows, LangGraphFlows(tools, snapshots, flows), house.clock)

    async def run_until_death(self, flow_id: str, dying: Dying) -> None:
        flows = FlowStore(cast(Store, dying), self.services.clock, Feed())
        task = asyncio.ensure_future(self.runner(flows).run(flow_id, Drain()))
        died = asyncio.ensure_future(dying.died.wait())
        await asyncio.wait([task, died], return_when=asyncio.FIRST_COMPLETED, timeout=20)
        died.cancel()
        assert dying.died.is_set(), f"only {dying.commits} commits"
        task.cancel()
        dying.gone.set()
        await asyncio.wait([task])

    async def answered(self, flow_id: str) -> int:
        of_flow = effects.c.flow_id == flow_id
        return await self.count(select(func.count()).where(of_flow, effects.c.answer.is_not(None)))

    async def end(self, user_id: str, flow_id: str) -> None:
        """The next process goes on to the end, and leaves the flow as if nothing had been."""
        await self.runner(self.flows).run(flow_id, Drain())

        flow = await self.flows.get(user_id, flow_id)
        assert flow.status.value == "approved", flow.message
        assert flow.spent.calls == CALLS
        steps = await self.flows.steps_for(user_id, flow_id)
        assert [step.attempts for step in steps if step.attempts] == [1] * CALLS
        assert sum(step.cost_usd for step in steps) == flow.spent.cost_usd
        events = await self.flows.events(flow_id)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        finished = Counter(event.step for event in events if event.type == "step.completed")
        assert set(finished.values()) == {1}, finished
        assert [step.node for step in steps][-2:] == ["test", "review"]
        assert await self.count(select(func.count()).where(flow_checkpoints.c.flow_id == flow_id)) == 0

    async def count(self, statement: Any) -> int:
        async with self.services.store.read() as connection:
            return int((await connection.execute(statement)).scalar_one())


@asynccontextmanager
async def a_life(database_url: str, folder: Path) -> AsyncIterator[Life]:
    environ = {
        "CFX_DATA_DIR": str(folder),
        "CFX_DATABASE_URL": database_url,
        "CFX_LITELLM_URL": "http://127.0.0.1:9/v1",
        "CFX_HASH_SALT": "salt of the tests, of no other use",
        "CFX_TEST_POLICIES_FILE": str(folder / "test_policies.yaml"),
    }
    (folder / "test_policies.yaml").write_text("policies: {unit: {commands: [[grep, Hello, greet.py]]}}")
    async with AsyncExitStack() as closing:
        yield Life(await closing.enter_async_context(open_services(Settings.load(environ), environ)))


@pytest.mark.parametrize("committed", [False, True], ids=["before", "after"])
async def test_a_flow_whose_process_dies_at_a_commit_ends_as_if_nothing_had_been(
    database_url: str, tmp_path: Path, committed: bool
) -> None:
    async with a_life(database_url, tmp_path) as life:
        for at in range(1, COMMITS + 1):
            user_id, flow_id = await life.begin()
            life.models.asked.clear()
            await life.run_until_death(flow_id, Dying(life.services.store, at, committed=committed))
            lost = len(life.models.asked) - await life.answered(flow_id)
            assert lost <= 1
            await life.end(user_id, flow_id)
            assert len(life.models.asked) == CALLS + lost, at


@pytest.mark.parametrize("committed", [False, True], ids=["before", "after"])
async def test_a_flow_whose_machine_dies_at_a_commit_asks_one_model_again_at_most(
    sqlite_url: str, tmp_path: Path, committed: bool
) -> None:
    for at in range(1, COMMITS + 1):
        image = tmp_path / f"{at}.db"
        async with a_life(sqlite_url, tmp_path) as life:
            user_id, flow_id = await life.begin()
            unplugged = Unplugged(life.services.store, at, committed=committed, image=image)
            await life.run_until_death(flow_id, unplugged)
            asked = len(life.models.asked)
        async with a_life(f"sqlite:///{image}", tmp_path) as life:
            answered = await life.answered(flow_id)
            assert asked - answered <= 1
            await life.end(user_id, flow_id)
            assert len(life.models.asked) == CALLS - answered, at
