"""Which sandbox this machine has."""

from __future__ import annotations

import asyncio
import shutil
from typing import Literal

from cfx_flow.workspace.sandbox.bubblewrap import Bubblewrap
from cfx_flow.workspace.sandbox.container import Container, answered
from cfx_flow.workspace.sandbox.model import Commands, Limits, NoSandbox, Sandbox, SandboxFailed

Wanted = Literal["auto", "bubblewrap", "container", "none"]

AGAIN_AFTER_S = 1.0
_LIMITS = Limits(timeout_s=30, memory_mb=256, disk_mb=16, processes=32, output_chars=1000)
_TRUE = Commands(files={}, modes={}, argv=[["true"]], limits=_LIMITS)


async def find_sandbox(
    wanted: Wanted, *, image: str | None = None, search: str | None = None
) -> Sandbox | NoSandbox:
    """One that works: that programs are installed says little. ``image``: of a container, where the commands
    name none; ``search``: a PATH (None: our own)."""
    if wanted == "none":
        return NoSandbox("CFX_SANDBOX is none.")
    if wanted == "bubblewrap":
        return await _bubblewrap(search)
    if wanted == "container":
        return await _container(image, search)
    first = await _bubblewrap(search)
    if isinstance(first, Bubblewrap):
        return first
    second = await _container(image, search)
    return NoSandbox(f"{first.reason} {second.reason}") if isinstance(second, NoSandbox) else second


async def _bubblewrap(search: str | None) -> Bubblewrap | NoSandbox:
    program = shutil.which("bwrap", path=search)
    if program is None:
        return NoSandbox("bubblewrap is not installed.")
    found = Bubblewrap(program)
    problem = await _lasting_problem(found)
    return NoSandbox(f"bubblewrap does not work here: {_sentence(problem)}") if problem else found


async def _container(image: str | None, search: str | None) -> Container | NoSandbox:
    """Without an image nothing can be tried; the engine has answered, at least."""
    problems = []
    for name in ("docker", "podman"):
        program = shutil.which(name, path=search)
        if program is None:
            problems.append(f"{name} is not installed.")
            continue
        found = Container(program, image)
        problem = await answered(program, "info") or (await _lasting_problem(found) if image else None)
        if problem is None:
            return found
        problems.append(f"{name} does not work here: {_sentence(problem)}")
    return NoSandbox(" ".join(problems))


async def _lasting_problem(sandbox: Sandbox) -> str | None:
    """Tests are skipped where there is no sandbox, so a moment without memory or processes must not count."""
    if await _problem(sandbox) is None:
        return None
    await asyncio.sleep(AGAIN_AFTER_S)
    return await _problem(sandbox)


async def _problem(sandbox: Sandbox) -> str | None:
    try:
        ran = await sandbox.run(_TRUE)
    except SandboxFailed as failed:
        return str(failed)
    return None if ran.exit_code == 0 else ran.output.strip() or "true fails in it"


def _sentence(said: str) -> str:
    return said if said.endswith((".", "?", "!")) else f"{said}."
