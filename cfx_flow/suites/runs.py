"""Runs suites in the sandbox that this machine has, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from cfx_flow.aside import aside
from cfx_flow.suites.junit import read_report
from cfx_flow.suites.model import Suite, Suites
from cfx_flow.suites.verdict import Run
from cfx_flow.workspace.sandbox.model import Commands, NoSandbox, Sandbox

FindSandbox = Callable[[], Awaitable[Sandbox | NoSandbox]]


class SuiteRuns:
    """``at_once``: of this process; who comes later waits, on their flow's time."""

    def __init__(self, suites: Suites, find: FindSandbox, at_once: int) -> None:
        self.suites = suites
        self._find = find
        self._turns = asyncio.Semaphore(at_once)
        self._finding = asyncio.Lock()
        self._found: Sandbox | NoSandbox | None = None

    async def sandbox(self) -> Sandbox | NoSandbox:
        """Looked for once, when the first flow asks for tests."""
        async with self._finding:
            if self._found is None:
                self._found = await self._find()
        return self._found

    async def run(
        self,
        sandbox: Sandbox,
        suite: Suite,
        files: Mapping[str, bytes],
        modes: Mapping[str, int],
    ) -> Run:
        """Raises SandboxFailed."""
        if suite.report in files:  # an old one, or a forged one, is not this run's
            files = {path: content for path, content in files.items() if path != suite.report}
        commands = Commands(
            files=files,
            modes=modes,
            argv=suite.commands,
            limits=suite.limits,
            env=suite.env,
            read_only=suite.read_only,
            report=suite.report,
            image=suite.image,
        )
        async with self._turns:
            ran = await sandbox.run(commands)
        report = ran.report
        return Run(ran, None if report is None else await aside(len(report), read_report, report))
