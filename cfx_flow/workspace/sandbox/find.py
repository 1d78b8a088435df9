"""Which sandbox this machine has."""

from __future__ import annotations

import shutil
from typing import Literal

from cfx_flow.workspace.sandbox.bubblewrap import Bubblewrap
from cfx_flow.workspace.sandbox.model import Commands, Limits, NoSandbox, Sandbox, SandboxFailed

Wanted = Literal["auto", "bubblewrap", "container", "none"]

_TRUE = Commands(
    files={},
    modes={},
    argv=[["true"]],
    limits=Limits(30, memory_mb=256, disk_mb=16, processes=32, output_chars=1000),
)


async def find_sandbox(wanted: Wanted, *, search: str | None = None) -> Sandbox | NoSandbox:
    """One that has just run ``true``: its program alone says little. ``search``: a PATH (None: ours)."""
    if wanted == "none":
        return NoSandbox("CFX_SANDBOX is none.")
    return await _bubblewrap(search)


async def _bubblewrap(search: str | None) -> Bubblewrap | NoSandbox:
    program = shutil.which("bwrap", path=search)
    if program is None:
        return NoSandbox("bubblewrap is not installed.")
    found = Bubblewrap(program)
    try:
        ran = await found.run(_TRUE)
    except SandboxFailed as failed:
        return NoSandbox(f"bubblewrap does not work here: {failed}")
    return found if ran.exit_code == 0 else NoSandbox(f"bubblewrap does not work here: {ran.output.strip()}")
