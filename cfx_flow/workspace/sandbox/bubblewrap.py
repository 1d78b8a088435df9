"""The sandbox of namespaces: nothing of this machine but its programs, no network, no rights."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cfx_flow.workspace.sandbox import launch
from cfx_flow.workspace.sandbox.child import carry_out
from cfx_flow.workspace.sandbox.filter import filter_for
from cfx_flow.workspace.sandbox.model import HOME, Commands, Limits, Ran, SandboxFailed
from cfx_flow.workspace.sandbox.script import ENVIRON, FIRST, script_of

NOBODY = 65534
"""Who root becomes on the host: the kernel does not count root's processes."""
INSIDE = 1000
MB = 1024 * 1024
SHM_MB = 64
OPEN_FILES = 1024

_ISOLATED = (
    *("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--as-pid-1"),
    *("--new-session", "--cap-drop", "ALL", "--clearenv", "--hostname", "sandbox"),
)
_LINKED = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_OF_ETC = ("alternatives", "ld.so.cache", "localtime", "ssl/certs", "ssl/openssl.cnf", "java*")
"""programs are not found, or do not start, without them"""
_ETC = {
    "/etc/passwd": f"sandbox:x:{INSIDE}:{INSIDE}::{HOME}:/bin/sh\nnobody:x:{NOBODY}:{NOBODY}::/:/bin/false\n",
    "/etc/group": f"sandbox:x:{INSIDE}:\nnogroup:x:{NOBODY}:\n",
    "/etc/hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}

_ENVIRON = ENVIRON | {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
_KEPT_FREE = tuple(map(Path, ("/proc", "/dev", "/etc", "/tmp")))  # noqa: S108

Word = str | dict[str, str]
"""what ``launch`` reads; see there"""


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    program: str
    """Where ``bwrap`` lies."""
    name: str = "bubblewrap"

    async def run(self, commands: Commands) -> Ran:
        order = {
            "user": NOBODY if os.geteuid() == 0 else None,
            "limits": _limits(commands.limits),
            "argv": [self.program, *_arguments(commands)],
        }
        argv = [sys.executable, "-I", "-S", launch.__file__, json.dumps(order)]
        return await carry_out(argv, {}, commands, descends=True)


def _limits(limits: Limits) -> dict[str, int]:
    """Of each process. Twice the memory, since stacks of threads count that are hardly used; RLIMIT_AS would
    also count what the JVM and node only reserve."""
    return {
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": limits.disk_mb * MB,
        "RLIMIT_NOFILE": OPEN_FILES,
        "RLIMIT_DATA": 2 * limits.memory_mb * MB,
        "RLIMIT_CPU": round(limits.timeout_s * (os.cpu_count() or 1)) + 60,
    }


def _arguments(commands: Commands) -> Iterator[Word]:
    yield from (*_ISOLATED, "--uid", str(INSIDE), "--gid", str(INSIDE))
    if forbidden := filter_for(platform.machine()):
        yield from ("--seccomp", {"hex": forbidden.hex()})
    yield from ("--ro-bind", "/usr", "/usr")
    yield from _links()
    yield from _etc()
    yield from ("--proc", "/proc", "--dev", "/dev")
    yield from ("--size", str(SHM_MB * MB), "--perms", "1777", "--tmpfs", "/dev/shm", "--remount-ro", "/dev")  # noqa: S108
    yield from ("--size", str(commands.limits.disk_mb * MB), "--perms", "1777", "--tmpfs", "/tmp")  # noqa: S108
    yield from _read_only(commands)
    yield from ("--remount-ro", "/")
    for name, value in (_ENVIRON | dict(commands.env)).items():
        yield from ("--setenv", name, value)
    yield from ("--", "/bin/sh", "-c", FIRST, "sh", script_of(commands, count_processes=True))


def _links() -> Iterator[str]:
    """Where the machine keeps them beside /usr, they are shown as they are."""
    for place in map(Path, _LINKED):
        if place.is_symlink():
            yield from ("--symlink", str(place.readlink()), str(place))
        elif place.is_dir():
            yield from ("--ro-bind", str(place), str(place))


def _etc() -> Iterator[Word]:
    for place, text in _ETC.items():
        yield from ("--perms", "0444", "--file", {"hex": text.encode().hex()}, place)
    for pattern in _OF_ETC:
        for found in sorted(Path("/etc").glob(pattern)):
            yield from ("--ro-bind", str(found), str(found))


def _read_only(commands: Commands) -> Iterator[str]:
    for path in commands.read_only:
        hides = any(place.is_relative_to(path) for place in _KEPT_FREE)
        if not path.is_absolute() or ".." in path.parts or hides or not path.exists():
            raise SandboxFailed(
                f"{path} cannot be shown inside. Name a file or folder that is there by its absolute path."
            )
        yield from ("--ro-bind", str(path), str(path))
