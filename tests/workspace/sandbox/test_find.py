"""Which sandbox is found. The programs on the PATH here stand in for those that a machine has, and say so."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from cfx_flow.workspace.sandbox.bubblewrap import Bubblewrap
from cfx_flow.workspace.sandbox.container import Container
from cfx_flow.workspace.sandbox.find import Wanted, find_sandbox
from cfx_flow.workspace.sandbox.model import NoSandbox, SandboxFailed
from tests.support.browser import absent
from tests.support.sandboxes import commands, shell

pytestmark = pytest.mark.e2e


def stand_in(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n# stands in for {name}\n{script}\n")
    program.chmod(0o755)


async def reason(path: Path, wanted: Wanted = "auto", *, image: str | None = None) -> str:
    found = await find_sandbox(wanted, search=str(path), image=image)
    assert isinstance(found, NoSandbox)
    return found.reason


async def test_where_there_is_none_each_says_why(open_folder: Path) -> None:
    assert await reason(open_folder) == (
        "bubblewrap is not installed. docker is not installed. podman is not installed."
    )
    assert await reason(open_folder, "none") == "CFX_SANDBOX is none."
    stand_in(open_folder, "docker", "echo 'Cannot connect to the daemon. Is it running?' >&2; exit 1")
    assert "docker does not work here: Cannot connect to the daemon. Is it running? podman" in await reason(
        open_folder, "container"
    )


async def test_a_program_that_is_there_and_does_not_work_is_not_taken(open_folder: Path) -> None:
    stand_in(open_folder, "bwrap", "echo 'bwrap: setting up uid map: Permission denied' >&2; exit 1")
    assert await reason(open_folder, "bubblewrap") == (
        "bubblewrap does not work here: bwrap: setting up uid map: Permission denied."
    )


async def test_a_moment_in_which_it_does_not_work_is_let_pass(open_folder: Path) -> None:
    real = shutil.which("bwrap")
    if real is None:
        absent("bubblewrap is not installed")
    open_folder.chmod(0o777)
    stand_in(open_folder, "bwrap", f'mkdir {open_folder}/once 2>/dev/null && exit 1\nexec {real} "$@"')
    found = await find_sandbox("bubblewrap", search=str(open_folder))
    assert isinstance(found, Bubblewrap)


async def test_the_first_engine_that_answers_is_taken(open_folder: Path) -> None:
    stand_in(open_folder, "docker", "exit 1")
    stand_in(open_folder, "podman", "exit 0")
    assert await find_sandbox("auto", search=str(open_folder)) == Container(str(open_folder / "podman"))


async def test_docker_is_asked_for_no_more_than_it_knows(open_folder: Path) -> None:
    """The suite over all sandboxes runs Podman; of Docker there is no engine where the tests run."""
    stand_in(open_folder, "docker", f'echo "$@" | head -n 1 >> {open_folder}/asked; exit 125')
    with pytest.raises(SandboxFailed, match="before it was ready"):
        await Container(str(open_folder / "docker"), "python:3.12").run(shell("pytest -q", env={"CI": "1"}))
    run, remove = (open_folder / "asked").read_text().splitlines()
    name = re.match(r"run --name (cfx-sandbox-[\w-]+) --rm -i --pull never --network none ", run)
    assert name
    assert remove == f"rm -f {name[1]}", "whatever may have begun to run is taken away"
    assert " --env CI=1 --entrypoint /bin/sh python:3.12 -c " in run
    assert "--read-only-tmpfs" not in run, "which only Podman has"
    for held in ("--read-only", "--user 65534:65534", "--cap-drop ALL", "--security-opt no-new-privileges"):
        assert f" {held} " in run
    for held in ("--pids-limit 72", "--memory 384m", "--memory-swap 384m", "size=64m,mode=1777"):
        assert f"{held} " in run


async def test_what_a_container_cannot_do_is_said(open_folder: Path) -> None:
    nameless = Container("docker")
    with pytest.raises(SandboxFailed, match="CFX_SANDBOX_IMAGE"):
        await nameless.run(commands(["true"]))
    with pytest.raises(SandboxFailed, match="its image"):
        await nameless.run(commands(["true"], image="x", read_only=[Path("/opt")]))
