"""Sandboxes for tests, what runs in them, and what they leave behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cfx_flow.workspace.sandbox.find import Wanted, find_sandbox
from cfx_flow.workspace.sandbox.model import Commands, Limits, NoSandbox, Sandbox
from tests.support.browser import absent
from tests.support.flows import GOOD_DIFF

KEEPS_HELLO = """echo looking for the greeting
failed() { printf '<testcase classname="greet" name="%s"><failure>%s does</failure></testcase>' "$1" "$1"; }
{ printf '<testsuite><testcase classname="greet" name="fine"/>'
grep -q Hello greet.py || failed new
printf '</testsuite>'; } > report.xml
! grep -q '<failure>' report.xml
"""
"""Tests of FILES that write a JUnit report: GOOD_DIFF passes them, BROKEN_DIFF does not."""
BROKEN_DIFF = GOOD_DIFF.replace('f"Hello {name}!"', 'f"Goodbye {name}!"')
LIMITS = Limits(timeout_s=60, memory_mb=256, disk_mb=64, processes=64, output_chars=20_000)
IMAGE = "localhost/cfx-test-sandbox:1"
BUSYBOX = Path("/bin/busybox")

_STORAGE = '[storage]\ndriver = "vfs"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
_ENGINE = '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n'
"""with which containers run beside cgroups of both versions too"""

_BOUNDED = (
    *("--rm", "--network", "none", "--read-only", "--memory", "64m", "--pids-limit", "50"),
    *("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"),  # its own may be above ours
)
"""What an engine must be able to do, asked of it without any code of ours."""


@pytest.fixture(scope="session")
def bubblewrap() -> Sandbox:
    found = _found("bubblewrap")
    if isinstance(found, NoSandbox):
        absent(found.reason)
    return found


@pytest.fixture(scope="session")
def container(busybox_image: str) -> Sandbox:
    found = _found("container", image=busybox_image)
    assert not isinstance(found, NoSandbox), found.reason
    return found


@pytest.fixture(scope="session")
def busybox_image() -> Iterator[str]:
    """Of a shell and what goes with it, in a store of Podman's that goes with the tests, at a short path:
    below pytest's own for many workers, each client waits 20 s for its container's end."""
    podman = shutil.which("podman")
    if podman is None or not BUSYBOX.exists():
        absent("podman (with runc) and busybox-static are not installed: no container was run.")
    folder = Path(tempfile.mkdtemp(prefix="cfx-"))
    (folder / "storage.conf").write_text(_STORAGE.format(folder=folder))
    (folder / "containers.conf").write_text(_ENGINE)
    with pytest.MonkeyPatch.context() as patched, contextlib.ExitStack() as closing:
        closing.callback(shutil.rmtree, folder)
        patched.setenv("CONTAINERS_STORAGE_CONF", str(folder / "storage.conf"))
        patched.setenv("CONTAINERS_CONF", str(folder / "containers.conf"))
        for argv in (["import", "-q", _root_of(folder), IMAGE], ["run", *_BOUNDED, IMAGE, "/bin/true"]):
            done = subprocess.run([podman, *argv], capture_output=True, check=False, text=True)
            if done.returncode:
                absent(f"podman itself does not work here: {done.stderr.strip()}")
        yield IMAGE


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Into which others may look, the user ``nobody`` among them; pytest's are their owner's alone."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def _found(wanted: Wanted, *, image: str | None = None) -> Sandbox | NoSandbox:
    with ThreadPoolExecutor(1) as aside:  # where Playwright is, its loop runs in this thread
        return aside.submit(asyncio.run, find_sandbox(wanted, image=image)).result()


def _root_of(folder: Path) -> str:
    archive = folder / "root.tar"
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, check=True, text=True).stdout.split()
    with tarfile.open(archive, "w") as tar:
        tar.add(BUSYBOX, "bin/busybox")
        for name in applets:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            if name != "busybox":
                tar.addfile(link)
        for name, mode in {"tmp": 0o1777, "etc": 0o755}.items():
            made = tarfile.TarInfo(name)
            made.type, made.mode = tarfile.DIRTYPE, mode
            tar.addfile(made)
    return str(archive)


def commands(
    *argv: Sequence[str], files: Mapping[str, bytes] | None = None, limits: Limits = LIMITS, **others: Any
) -> Commands:
    files = files or {}
    return Commands(files, dict.fromkeys(files, 0o644), argv, limits, **others)


def shell(text: str, **others: Any) -> Commands:
    return commands(["sh", "-c", text], **others)


async def printed(sandbox: Sandbox, text: str, **others: Any) -> str:
    ran = await sandbox.run(shell(text, **others))
    assert ran.exit_code == 0, ran.output
    return ran.output


def running(marker: str) -> list[int]:
    """Processes of this machine whose command line says so."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and int(entry.name) != os.getpid() and marker in _command_line(entry)
    ]


def _command_line(entry: Path) -> str:
    try:
        return (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:  # it ended
        return ""
