"""What a program in bubblewrap sees of the machine, and what it may take of it."""

from __future__ import annotations

import asyncio
import errno
import os
import platform
import random
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from cfx_flow.workspace.sandbox.child import carry_out
from cfx_flow.workspace.sandbox.family import share_left
from cfx_flow.workspace.sandbox.model import Sandbox, SandboxFailed
from tests.support.sandboxes import LIMITS, commands, printed, running, shell
from tests.support.stores import eventually

pytestmark = pytest.mark.e2e

HERE = Path(__file__).resolve().parents[3]
CALLS = {
    "x86_64": (39, (248, 249, 250, 298, 321, 323)),
    "aarch64": (172, (217, 218, 219, 241, 280, 282)),
}
"""By machine: getpid, which is allowed, and the calls that are refused; their numbers are the kernel's
``unistd_64.h``, and from 424 on the same everywhere."""


async def test_of_the_machine_only_programs_are_seen(bubblewrap: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the-pepper")
    seen = await printed(bubblewrap, "ls /; echo; ls /etc; echo; ls -A /tmp /tmp/home; hostname; pwd")
    root, etc, rest = seen.split("\n\n", 2)
    links = {"bin", "sbin", "lib", "lib32", "lib64", "libx32"}
    assert set(root.split()) - links == {"usr", "etc", "dev", "proc", "tmp"}
    assert {"passwd", "group", "hosts"} <= set(etc.split())
    assert not set(etc.split()) & {"shadow", "ssh", "machine-id", "environment", "resolv.conf"}
    assert rest.splitlines()[1:3] == ["home", "work"]
    assert rest.endswith("sandbox\n/tmp/work\n")
    ran = await bubblewrap.run(shell(f"cat {tmp_path}/secret {HERE}/pyproject.toml /var/lib/dpkg/status"))
    assert ran.output.count("No such file") == 3


async def test_it_sees_its_own_processes_and_descriptors(bubblewrap: Sandbox) -> None:
    seen = await printed(bubblewrap, "echo /proc/[0-9]* | wc -w; ls /proc/self/fd | wc -l")
    processes, descriptors = map(int, seen.split())
    assert processes <= 8
    assert descriptors == 4, "three, and that of the folder which ls reads"


async def test_on_the_machine_it_is_not_root_either(bubblewrap: Sandbox) -> None:
    marker = f"1.{os.getpid()}{random.randrange(10_000)}"
    one = asyncio.create_task(bubblewrap.run(shell(f"sleep {marker}")))
    await eventually(lambda: len(running(f"sleep {marker}")) >= 4)
    owners = {Path(f"/proc/{pid}").stat().st_uid for pid in running(f"sleep {marker}")}
    await one
    assert owners == ({65534} if os.geteuid() == 0 else {os.geteuid()})


async def test_no_further_namespace_can_be_made(bubblewrap: Sandbox) -> None:
    ran = await bubblewrap.run(commands(["unshare", "--user", "--map-root-user", "true"]))
    assert ran.exit_code not in (0, None, 127)


async def test_sockets_are_of_families_that_namespaces_hold(bubblewrap: Sandbox) -> None:
    """AF_VSOCK would reach the hypervisor, and whatever listens there."""
    code = """
import socket
def errno(family):
    try:
        socket.socket(family, socket.SOCK_RAW if family == 16 else socket.SOCK_STREAM).close()
    except OSError as error:
        return error.errno
for family in (1, 2, 10, 16, 40, 38, 21, 31):
    print(errno(family))
"""
    ran = await bubblewrap.run(commands(["python3", "-c", code]))
    refused = f"{errno.EAFNOSUPPORT}"
    assert ran.output.split() == [*["None"] * 4, *[refused] * 4]


async def test_keys_and_doubtful_parts_of_the_kernel_are_out_of_reach(bubblewrap: Sandbox) -> None:
    getpid, refused = CALLS[platform.machine()]
    code = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def errno(call):
    libc.syscall(call, 0, 0, 0, 0, 0)
    return ctypes.get_errno()
print([errno(call) for call in {[*refused, 425, 426, 427, 0x40000000 | getpid]}], libc.syscall({getpid}) > 0)
"""
    ran = await bubblewrap.run(commands(["python3", "-c", code]))
    assert ran.output == f"{[errno.ENOSYS] * 10} True\n"


async def test_there_is_a_loopback_of_its_own(bubblewrap: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours:
        code = f"""
import socket, threading
own = socket.create_server(("127.0.0.1", 0))
socket.create_connection(own.getsockname()).close()
for address in [("127.0.0.1", {ours.getsockname()[1]}), ("192.0.2.1", 80)]:
    try: socket.create_connection(address, timeout=5)
    except OSError as error: print(error.strerror)
"""
        ran = await bubblewrap.run(commands(["python3", "-c", code]))
    assert ran.output == "Connection refused\nNetwork is unreachable\n"


async def test_named_folders_are_seen_at_their_place(bubblewrap: Sandbox, open_folder: Path) -> None:
    shown = open_folder / "venv"
    shown.mkdir()
    (shown / "tool").write_text("#!/bin/sh\necho works\n")
    (shown / "tool").chmod(0o755)
    (open_folder / "beside").write_text("not this")
    seen = await printed(
        bubblewrap, f"{shown}/tool; touch {shown}/x 2>&- || echo no; ls {shown.parent}", read_only=[shown]
    )
    assert seen == "works\nno\nvenv\n"


@pytest.mark.parametrize("path", ["/", "/proc", "/dev", "/etc", "usr", "/usr/../root", "/nowhere/at/all"])
async def test_folders_that_would_hide_the_sandbox_s_own_are_refused(bubblewrap: Sandbox, path: str) -> None:
    with pytest.raises(SandboxFailed, match="cannot be shown inside"):
        await bubblewrap.run(shell("true", read_only=[Path(path)]))


async def test_the_sum_of_all_processes_memory_is_bounded(bubblewrap: Sandbox) -> None:
    hog = "import time; held = bytearray(100 << 20); time.sleep(30)"
    ran = await bubblewrap.run(shell(f"for n in 1 2 3 4; do python3 -c '{hog}' & done; wait"))
    assert (ran.exit_code, ran.failed, ran.timed_out) == (137, 0, False)
    assert ran.output.endswith(f"[stopped: more than {LIMITS.memory_mb} MB of memory]")


HOG = """
echo cfx: ready >&2; echo cfx: ended 0 >&2
exec python3 -c 'import time; held = bytearray(150 << 20); time.sleep(30)'
"""
"""Says that all went well, and then takes too much."""


async def test_who_took_too_much_memory_has_not_passed_whatever_was_said_in_the_script_s_name() -> None:
    asked = commands(["true"], limits=replace(LIMITS, memory_mb=100))
    ran = await carry_out(["/bin/sh", "-c", HOG], dict(os.environ), asked, descends=True)
    assert (ran.exit_code, ran.report) == (137, None)


async def test_memory_is_watched_though_all_the_house_s_threads_are_busy() -> None:
    asked = commands(["true"], limits=replace(LIMITS, memory_mb=100))
    enough = threading.Event()
    busy = asyncio.gather(*(asyncio.to_thread(enough.wait, 60) for _ in range(64)))
    await asyncio.sleep(0)
    ran = await carry_out(["/bin/sh", "-c", HOG], dict(os.environ), asked, descends=True)
    enough.set()
    assert ran.exit_code == 137
    assert all(await busy)


async def test_a_run_that_leaves_the_machine_without_memory_is_ended_as_no_fault_of_the_patch() -> None:
    """What nobody can count counts here."""
    assert 0 < share_left() < 1
    sleeps = ["/bin/sh", "-c", "echo cfx: ready >&2; sleep 30"]
    with pytest.raises(SandboxFailed, match="nearly used up"):
        await carry_out(sleeps, dict(os.environ), commands(["true"]), descends=True, least_left=1.0)


async def test_what_is_only_reserved_counts_for_nothing(bubblewrap: Sandbox) -> None:
    """As the JVM and node do, and each thread with its stack."""
    code = """
import mmap, threading
mmap.mmap(-1, 64 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=0)
threads = [threading.Thread(target=threading.Event().wait, args=(0.5,)) for _ in range(30)]
[thread.start() for thread in threads]
print(len(threads))
"""
    ran = await bubblewrap.run(commands(["python3", "-c", code]))
    assert ran.output == "30\n"


async def test_its_limits_hold_for_each_process(bubblewrap: Sandbox) -> None:
    wanted = r"^Max (core file|file|data|open|processes|cpu)"
    seen = await printed(
        bubblewrap, f"cat /proc/self/oom_score_adj; nice; grep -E '{wanted}' /proc/self/limits"
    )
    first, nice, *rows = seen.splitlines()
    soft_and_hard = {row[:26].strip(): row[26:].split()[:2] for row in rows}
    assert (first, int(nice) >= 10) == ("1000", True)
    assert soft_and_hard["Max core file size"] == ["0", "0"]
    assert soft_and_hard["Max file size"] == [f"{64 << 20}"] * 2
    assert soft_and_hard["Max data size"] == [f"{512 << 20}"] * 2
    assert soft_and_hard["Max processes"] == ["72", "72"]
    assert soft_and_hard["Max open files"] == ["1024", "1024"]


async def test_a_snapshot_of_the_largest_size_goes_in(bubblewrap: Sandbox) -> None:
    files = {f"d{n % 300}/f{n}": bytes(13_300) for n in range(20_000)}
    seen = await printed(
        bubblewrap, "find . -type f | wc -l; find . -type f -size 13300c | wc -l", files=files,
        limits=replace(LIMITS, disk_mb=600),
    )  # fmt: skip
    assert seen == "20000\n20000\n"


async def test_who_does_not_read_the_files_holds_nobody_up() -> None:
    asked = commands(["true"], files={"a": bytes(20_000_000)})
    with pytest.raises(SandboxFailed, match="before it was ready"):
        await carry_out(["true"], {}, asked, descends=True)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await carry_out(["sleep", "60"], {}, asked, descends=True)
    with pytest.raises(SandboxFailed, match="cannot be started"):
        await carry_out(["/nowhere"], {}, asked, descends=True)


async def test_no_descriptor_stays_open(bubblewrap: Sandbox) -> None:
    async def some() -> None:
        await asyncio.gather(*(bubblewrap.run(shell("echo x; exit 1")) for _ in range(5)))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await bubblewrap.run(shell("sleep 60"))

    await some()
    before = sorted(Path("/proc/self/fd").iterdir())
    for _ in range(9):
        await some()
    assert sorted(Path("/proc/self/fd").iterdir()) == before


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_on_either_loop_no_zombie_is_left(bubblewrap: Sandbox, loop: str) -> None:
    """The program is made the one whom orphans fall to, as our process is in a container."""
    program = f"""
import asyncio, ctypes, os, random, sys, {loop}
from dataclasses import replace
from pathlib import Path
from cfx_flow.workspace.sandbox.family import children_of
from cfx_flow.workspace.sandbox.bubblewrap import Bubblewrap
from cfx_flow.workspace.sandbox.child import carry_out
from tests.support.sandboxes import LIMITS, commands, shell

FORKS = "import os, time; [os.fork() or time.sleep(60) for _ in range(300)]"

async def main():
    sandbox, moments = {bubblewrap!r}, random.Random(7)
    await asyncio.gather(*(sandbox.run(shell("(setsid sleep 60 &); true")) for _ in range(5)))
    ran = await sandbox.run(shell("sleep 60", limits=replace(LIMITS, timeout_s=0.2)))
    assert ran.timed_out
    for _ in range(20):
        one = asyncio.create_task(sandbox.run(shell("sleep 60")))
        await asyncio.sleep(moments.uniform(0, 0.06))
        one.cancel()
        await asyncio.gather(one, return_exceptions=True)
    for _ in range(5):  # it starts others while it is being ended
        forking = carry_out([sys.executable, "-c", FORKS], {{}}, commands(["true"]), descends=True)
        one = asyncio.create_task(forking)
        await asyncio.sleep(moments.uniform(0.03, 0.06))
        one.cancel()
        await asyncio.gather(one, return_exceptions=True)
    print([Path(f"/proc/{{child}}/status").read_text() for child in children_of(os.getpid())])

assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER
{loop}.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr
