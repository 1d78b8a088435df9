"""Runs suites in the sandbox that this machine has, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from cfx_flow.aside import aside
from cfx_flow.suites.junit import read_report
from cfx_flow.suites.model import Suite, Suites
from cfx_flow.suites.turns import Turns
from cfx_flow.suites.verdict import Run
from cfx_flow.workspace.sandbox.model import Commands, NoSandbox, Sandbox
from cfx_flow.workspace.snapshot import Snapshot

FindSandbox = Callable[[], Awaitable[Sandbox | NoSandbox]]
Tree = Callable[[], Awaitable[Snapshot]]
LOOK_AGAIN_S = 60.0


class SuiteRuns:
    """``at_once``: of this process; who comes later waits, on their flow's time, and no user for
    all of another's."""

    def __init__(
        self, suites: Suites, find: FindSandbox, at_once: int, look_again_s: float = LOOK_AGAIN_S
    ) -> None:
        self.suites = suites
        self._find, self._look_again_s = find, look_again_s
        self._turns = Turns(at_once)
        self._finding = asyncio.Lock()
        self._found: Sandbox | NoSandbox | None = None
        self._found_at = 0.0

    async def sandbox(self) -> Sandbox | NoSandbox:
        """Looked for when the first flow asks for tests; where there was none, again after a while: an engine
        that is started anew, or a machine that was out of memory, must not leave all later tests out."""
        now = asyncio.get_running_loop().time
        async with self._finding:
            is_old = now() - self._found_at >= self._look_again_s
            if self._found is None or (isinstance(self._found, NoSandbox) and is_old):
                self._found = await self._find()
                self._found_at = now()
            return self._found

    async def run(
        self,
        user_id: str,
        sandbox: Sandbox,
        suite: Suite,
        tree: Tree,
    ) -> Run:
        """``user_id``: whose flow it is. ``tree`` is made when its turn has come: it may be large. Raises
        SandboxFailed, and what ``tree`` raises."""
        async with self._turns.turn(user_id):
            ran = await sandbox.run(_commands(suite, await tree()))
        report = ran.report
        cases = None if report is None else await aside(len(report), read_report, report)
        return Run(replace(ran, report=None), cases)  # one run may be remembered for as long as its flow runs


def _commands(suite: Suite, tree: Snapshot) -> Commands:
    files = tree.files
    if suite.report in files:  # an old one, or a forged one, is not this run's
        files = {path: content for path, content in files.items() if path != suite.report}
    return Commands(
        files=files,
        modes=tree.modes,
        argv=suite.commands,
        limits=suite.limits,
        env=suite.env,
        read_only=suite.read_only,
        report=suite.report,
        image=suite.image,
    )
