"""What every sandbox does: bubblewrap's, and a container's by Podman."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cfx_flow.workspace.sandbox.model import MAX_REPORT_BYTES, Sandbox, SandboxFailed
from tests.support.campaign import scaled
from tests.support.sandboxes import LIMITS, commands, printed, running, shell
from tests.support.stores import eventually

pytestmark = pytest.mark.e2e

STUBBORN = """
trap '' TERM HUP INT
setsid sh -c 'trap "" TERM HUP INT; sleep {marker} & sleep {marker}' </dev/null >/dev/null 2>&1 &
(setsid sleep {marker} &)
echo begun
"""
"""A grandchild that nobody's parent is, in a session of its own, and deaf."""


@pytest.fixture(params=["bubblewrap", "container"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    found: Sandbox = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def marker() -> str:
    return f"{random.randrange(10_000, 99_999)}.{os.getpid()}{random.randrange(10_000)}"


async def gone(marker: str) -> None:
    await eventually(lambda: not running(marker), timeout_s=10)


async def test_commands_run_on_a_copy_of_the_files(sandbox: Sandbox) -> None:
    files = {"src/a b.txt": b"one\n", "run.sh": b"#!/bin/sh\ncat 'src/a b.txt'; echo two >> src/new\n"}
    asked = commands(["./run.sh"], ["cat", "src/new"], files=files)
    ran = await sandbox.run(replace(asked, modes={"src/a b.txt": 0o644, "run.sh": 0o755}))
    assert (ran.exit_code, ran.failed, ran.output, ran.timed_out) == (0, None, "one\ntwo\n", False)
    assert set(files) == {"src/a b.txt", "run.sh"}


async def test_paths_and_arguments_arrive_as_they_are(sandbox: Sandbox) -> None:
    odd = ["-n", "it's", 'a "b" $HOME `id` \\', "ü\u2028\u202e", "x" * 99, "d" * 150 + "/" + "é" * 120]
    files = {f"t/{name}": name.encode() for name in odd}
    ran = await sandbox.run(commands(*(["cat", f"t/{name}"] for name in odd), files=files))
    assert (ran.exit_code, ran.output) == (0, "".join(odd))


async def test_the_first_that_fails_is_the_last_that_runs(sandbox: Sandbox) -> None:
    ran = await sandbox.run(commands(["true"], ["sh", "-c", "echo no >&2; exit 7"], ["echo", "never"]))
    assert (ran.exit_code, ran.failed, ran.output) == (7, 1, "no\n")


async def test_a_command_that_is_not_there_fails_as_in_a_shell(sandbox: Sandbox) -> None:
    ran = await sandbox.run(commands(["true"], ["ended", "0"]))
    assert (ran.exit_code, ran.failed) == (127, 1)
    assert "ended: not found" in ran.output


async def test_the_environment_is_ours_to_give(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFX_HASH_SALT", "the-pepper")
    seen = await printed(sandbox, "env; cat /proc/[0-9]*/environ", env={"GIVEN": "a 'b'\n$c"})
    assert "GIVEN=a 'b'\n$c\n" in seen
    assert "LANG=C.UTF-8" in seen
    assert "HOME=/tmp/home" in seen
    assert "the-pepper" not in seen


async def test_it_has_no_rights_and_cannot_gain_any(sandbox: Sandbox) -> None:
    seen = await printed(sandbox, "id -u; grep -E '^(CapEff|CapPrm|CapBnd|NoNewPrivs)' /proc/self/status")
    uid, *status = seen.splitlines()
    assert uid != "0"
    assert [line.split()[1] for line in status] == ["0" * 16, "0" * 16, "0" * 16, "1"]


async def test_there_is_no_network(sandbox: Sandbox) -> None:
    seen = await printed(sandbox, "cat /proc/net/dev")
    assert [line.split(":")[0].strip() for line in seen.splitlines()[2:]] == ["lo"]


async def test_only_its_own_folders_can_be_written_to(sandbox: Sandbox) -> None:
    tried = "for d in / /usr /bin /etc /dev /proc /run /var /home /root; do touch $d/x && echo $d; done 2>&-"
    ran = await sandbox.run(shell(tried))
    assert ran.output == ""
    assert await printed(sandbox, "touch x /tmp/x /tmp/home/x /dev/shm/x; echo done") == "done\n"


async def test_nobody_waits_for_an_answer_on_stdin(sandbox: Sandbox) -> None:
    assert await printed(sandbox, "cat; read line || echo none") == "none\n"


async def test_what_is_printed_comes_in_order_and_as_text(sandbox: Sandbox) -> None:
    said = (
        "printf 'a\\n'; printf '\\033[31mb\\033[0m\\n' >&2; printf 'c\\0\\377\\n'; printf '1%%\\r2%%\\n' >&2"
    )
    assert await printed(sandbox, said) == "a\nb\nc\ufffd\n2%\n"


async def test_an_endless_printer_costs_its_time_and_no_memory(sandbox: Sandbox) -> None:
    limits = replace(LIMITS, timeout_s=1.0, output_chars=1000)
    ran = await sandbox.run(shell("echo first; yes; true", limits=limits))
    assert (ran.exit_code, ran.timed_out) == (None, True)
    assert ran.output.startswith("first\ny\n")
    assert "left out" in ran.output
    assert len(ran.output) < 1200


async def test_the_report_is_read_when_a_command_failed_too(sandbox: Sandbox) -> None:
    ran = await sandbox.run(
        shell("mkdir out; printf '<a/>\\0' > 'out/r 1.xml'; exit 1", report="out/r 1.xml")
    )
    assert (ran.exit_code, ran.report) == (1, b"<a/>\0")
    assert (await sandbox.run(shell("true", report="out/r.xml"))).report is None


async def test_a_report_that_leads_elsewhere_leads_to_nothing_of_ours(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("the-pepper")
    for trick in (f"ln -s {tmp_path}/secret r", "mkfifo r", "mkdir r", "ln -s /proc/1/environ r"):
        ran = await sandbox.run(shell(trick, report="r"))
        assert ran.exit_code == 0
        assert b"the-pepper" not in (ran.report or b"")


async def test_a_report_that_is_too_large_is_not_read(sandbox: Sandbox) -> None:
    ran = await sandbox.run(shell(f"head -c {MAX_REPORT_BYTES} /dev/zero > r", report="r"))
    assert ran.report == bytes(MAX_REPORT_BYTES)
    ran = await sandbox.run(shell(f"head -c {MAX_REPORT_BYTES + 1} /dev/zero > r", report="r"))
    assert (ran.exit_code, ran.report) == (0, None)
    assert f"[the report is larger than {MAX_REPORT_BYTES} bytes" in ran.output


async def test_files_that_do_not_fit_are_no_test_result(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxFailed, match="disk_mb"):
        await sandbox.run(commands(["true"], files={"big": bytes(80 * 1024 * 1024)}))


async def test_the_disk_is_as_large_as_was_said(sandbox: Sandbox) -> None:
    seen = await sandbox.run(shell("for n in 1 2 3; do head -c 30m /dev/zero > /tmp/$n || echo full; done"))
    assert seen.output.count("full") == 1


async def test_a_fork_bomb_is_stopped_by_its_limit(sandbox: Sandbox, marker: str) -> None:
    bomb = "n=0; while [ $n -lt 200 ]; do sleep {marker} & n=$((n + 1)); done; wait"
    ran = await sandbox.run(
        shell(bomb.format(marker=marker), limits=replace(LIMITS, processes=20, timeout_s=20))
    )
    assert not ran.timed_out
    assert ran.exit_code != 0
    assert "fork" in ran.output
    await gone(marker)


async def test_what_takes_too_much_memory_is_ended(sandbox: Sandbox) -> None:
    """busybox's and Debian's ``tail`` keep what they were given of one line."""
    hog = "head -c 400m /dev/zero | tail -n 1 | wc -c"
    ran = await sandbox.run(shell(f"{hog}; [ $({hog}) = 419430400 ]", limits=replace(LIMITS, memory_mb=32)))
    assert ran.exit_code not in (0, None), ran.output
    assert not Path("oom").exists(), "conmon's, which leaves one where it was started"


async def test_a_command_that_ends_with_a_killed_ones_code_has_ended_and_its_report_is_read(
    sandbox: Sandbox,
) -> None:
    ran = await sandbox.run(shell("echo '<t/>' > report.xml; exit 137", report="report.xml"))
    assert (ran.exit_code, ran.failed, ran.report) == (137, 0, b"<t/>\n")


async def test_out_of_time_it_ends_with_all_it_has_begun(sandbox: Sandbox, marker: str) -> None:
    script = STUBBORN.format(marker=marker) + f"sleep {marker}"
    ran = await sandbox.run(shell(script, limits=replace(LIMITS, timeout_s=1.0)))
    assert (ran.exit_code, ran.failed, ran.timed_out) == (None, 0, True)
    assert ran.output == "begun\n\n[stopped: out of time after 1 s]"
    await gone(marker)


async def test_who_keeps_our_end_from_being_heard_ends_all_the_same(sandbox: Sandbox, marker: str) -> None:
    deaf = "for p in /proc/[0-9]*; do read name < $p/comm; [ $name = cat ] && kill -STOP ${p#/proc/}; done"
    ran = await sandbox.run(shell(f"{deaf}; sleep {marker}", limits=replace(LIMITS, timeout_s=0.5)))
    assert (ran.exit_code, ran.timed_out) == (None, True)
    await gone(marker)


async def test_what_its_commands_leave_running_ends_with_them(sandbox: Sandbox, marker: str) -> None:
    assert await printed(sandbox, STUBBORN.format(marker=marker)) == "begun\n"
    await gone(marker)


async def test_cancelled_it_ends_with_all_it_has_begun(sandbox: Sandbox, marker: str) -> None:
    script = STUBBORN.format(marker=marker) + f"sleep {marker}"
    running_it = asyncio.create_task(sandbox.run(shell(script)))
    await eventually(lambda: len(running(f"sleep {marker}")) >= 4, timeout_s=20)
    running_it.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running_it
    await gone(marker)


@pytest.mark.campaign
async def test_cancelled_at_any_moment_nothing_is_left(sandbox: Sandbox, marker: str) -> None:
    moments = random.Random(5)
    for _ in range(scaled(100)):
        one = asyncio.create_task(sandbox.run(shell(f"sleep {marker}", files={"a": bytes(1_000_000)})))
        await asyncio.sleep(moments.uniform(0, 0.15))
        one.cancel()
        await asyncio.sleep(moments.uniform(0, 0.01))
        one.cancel()
        with pytest.raises(asyncio.CancelledError):
            await one
    await gone(marker)


async def test_when_we_are_killed_nothing_lives_on(sandbox: Sandbox, marker: str) -> None:
    script = STUBBORN.format(marker=marker) + f"sleep {marker}"
    program = f"""
import asyncio
from cfx_flow.workspace.sandbox.{sandbox.name} import {type(sandbox).__name__} as Sandbox
from tests.support.campaign import scaled
from tests.support.sandboxes import shell
asyncio.run({sandbox!r}.run(shell({script!r})))
""".replace(type(sandbox).__name__ + "(", "Sandbox(")
    process = subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[2])
    try:
        await eventually(lambda: len(running(f"sleep {marker}")) >= 5, timeout_s=20)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    await gone(marker)


async def test_who_kills_all_inside_has_failed(sandbox: Sandbox) -> None:
    ran = await sandbox.run(commands(["true"], ["sh", "-c", "echo begun; kill -9 -1; sleep 60"], ["true"]))
    assert (ran.exit_code, ran.failed, ran.timed_out) == (137, 1, False)
    assert ran.output == "begun\n\n[stopped: all processes were killed from inside]"


async def test_many_run_at_once_each_with_its_own(sandbox: Sandbox) -> None:
    each = [printed(sandbox, f"echo {n} > n; sleep 0.2; cat n; ls", files={f"f{n}": b""}) for n in range(8)]
    assert await asyncio.gather(*each) == [f"{n}\nf{n}\nn\n" for n in range(8)]
