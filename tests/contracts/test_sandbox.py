"""What every sandbox does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cfx_flow.workspace.sandbox.model import Sandbox, SandboxFailed
from tests.support.sandboxes import LIMITS, bubblewrap, commands, printed, shell

pytestmark = pytest.mark.e2e


@pytest.fixture(params=["bubblewrap"])
async def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    return await bubblewrap()


async def test_commands_run_on_a_copy_of_the_files(sandbox: Sandbox) -> None:
    files = {"src/a b.txt": b"one\n", "run.sh": b"#!/bin/sh\ncat 'src/a b.txt'; echo two >> src/new\n"}
    ran = await sandbox.run(commands(["sh", "run.sh"], ["cat", "src/new"], files=files))
    assert (ran.exit_code, ran.failed, ran.output, ran.timed_out) == (0, None, "one\ntwo\n", False)
    assert set(files) == {"src/a b.txt", "run.sh"}


async def test_the_first_that_fails_is_the_last_that_runs(sandbox: Sandbox) -> None:
    ran = await sandbox.run(commands(["true"], ["sh", "-c", "echo no >&2; exit 7"], ["echo", "never"]))
    assert (ran.exit_code, ran.failed, ran.output) == (7, 1, "no\n")


async def test_the_report_is_read_when_a_command_failed_too(sandbox: Sandbox) -> None:
    ran = await sandbox.run(shell("mkdir out; printf '<a/>\\0' > out/r.xml; exit 1", report="out/r.xml"))
    assert (ran.exit_code, ran.report) == (1, b"<a/>\0")
    assert (await sandbox.run(shell("true", report="out/r.xml"))).report is None


async def test_what_is_not_ended_in_time_is_ended(sandbox: Sandbox) -> None:
    ran = await sandbox.run(shell("echo begun; sleep 300", limits=replace(LIMITS, timeout_s=0.5)))
    assert (ran.exit_code, ran.failed, ran.timed_out) == (None, 0, True)
    assert ran.output.startswith("begun\n")


async def test_files_that_do_not_fit_are_no_test_result(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxFailed, match="tar"):
        await sandbox.run(commands(["true"], files={"big": bytes(80 * 1024 * 1024)}))


async def test_it_is_not_root(sandbox: Sandbox) -> None:
    assert await printed(sandbox, "id -u") != "0\n"
