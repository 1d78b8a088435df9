"""The sandbox of a container: Docker or Podman, whichever answers."""

from __future__ import annotations

import asyncio
import os
import uuid
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cfx_flow.to_its_end import to_its_end
from cfx_flow.workspace.sandbox.child import KILLED, carry_out
from cfx_flow.workspace.sandbox.model import Commands, Limits, Ran, SandboxFailed
from cfx_flow.workspace.sandbox.script import ENVIRON, FIRST, OWN_PROCESSES, script_of

NOBODY = "65534:65534"
SHM_MB = 64
MB = 1024 * 1024
ANSWERS_WITHIN_S = 20.0
_INHERITED = (
    *("PATH", "HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "DBUS_SESSION_BUS_ADDRESS"),
    *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"),
    *("CONTAINER_HOST", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF"),
)
"""by the client, not by what runs inside"""
_ISOLATED = (
    *("--rm", "-i", "--pull", "never", "--network", "none", "--hostname", "sandbox", "--read-only"),
    *("--user", NOBODY, "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--ulimit", "core=0:0", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"),
    *("--log-driver", "none", "--stop-signal", "SIGKILL"),
)
"""The third ulimit is of all containers of that user together: each has its own ``--pids-limit``."""


@dataclass(frozen=True, slots=True)
class Container:
    client: str
    """Where ``docker`` or ``podman`` lies."""
    image: str | None = None
    """Where the commands name none."""
    name: str = "container"

    async def run(self, commands: Commands) -> Ran:
        image = commands.image or self.image
        if image is None:
            raise SandboxFailed("No image is named: name one in the test policy, or in CFX_SANDBOX_IMAGE.")
        if commands.read_only:
            raise SandboxFailed(
                "A container sees no files of this machine (read_only); they belong into its image."
            )
        called = f"cfx-sandbox-{uuid.uuid4()}"
        argv = [self.client, "run", "--name", called, *self._options(commands), image, "-c", FIRST, "sh"]
        ended = False
        try:
            script = script_of(commands, count_processes=False)
            ran = await carry_out([*argv, script], client_environ(), commands, descends=False)
            ended = ran.exit_code not in (None, KILLED)
        finally:
            if not ended:
                await to_its_end(self._remove(called))
        return ran

    def _options(self, commands: Commands) -> Iterator[str]:
        yield from _ISOLATED
        if Path(self.client).name == "podman":
            yield "--read-only-tmpfs=false"  # else /run and /var/tmp can be written to, without a limit
        yield from _limits(commands.limits)
        for name, value in (ENVIRON | dict(commands.env)).items():
            yield from ("--env", f"{name}={value}")
        yield from ("--entrypoint", "/bin/sh")

    async def _remove(self, called: str) -> None:
        """The client is dead by now, which does not end what its engine runs."""
        await answered(self.client, "rm", "-f", called)


def _limits(limits: Limits) -> Iterator[str]:
    """The engine counts as memory what is written to a tmpfs."""
    memory = f"{limits.memory_mb + limits.disk_mb + SHM_MB}m"
    yield from (
        "--memory",
        memory,
        "--memory-swap",
        memory,
        "--pids-limit",
        str(limits.processes + OWN_PROCESSES),
    )
    yield from ("--tmpfs", f"/tmp:rw,exec,nosuid,nodev,size={limits.disk_mb}m,mode=1777")  # noqa: S108
    yield from ("--shm-size", f"{SHM_MB}m", "--ulimit", f"fsize={limits.disk_mb * MB}:{limits.disk_mb * MB}")


def client_environ() -> Mapping[str, str]:
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


async def answered(*argv: str) -> str | None:
    """None: it did what it was asked to; else what it said, or that it says nothing."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, env=client_environ(), start_new_session=True
    )
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            _, said = await process.communicate()
    except TimeoutError:
        return f"{Path(argv[0]).name} does not answer within {ANSWERS_WITHIN_S:g} s"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return said.decode("utf-8", "replace").strip() or "it failed" if process.returncode else None
