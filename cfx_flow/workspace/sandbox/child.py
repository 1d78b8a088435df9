"""One sandbox's process: fed, heard, watched, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from cfx_flow.aside import aside
from cfx_flow.to_its_end import to_its_end
from cfx_flow.workspace.sandbox.family import children_of, memory_mb, share_left
from cfx_flow.workspace.sandbox.model import MAX_REPORT_BYTES, Commands, Ran, SandboxFailed
from cfx_flow.workspace.sandbox.output import Output
from cfx_flow.workspace.sandbox.script import MAX_SAID_BYTES, Said, read_said
from cfx_flow.workspace.sandbox.tar import tar

SETUP_S = 60.0
DIES_WITHIN_S = 10.0
BURIES_WITHIN_S = 1.0
ENGINE_ENDS_WITHIN_S = 3.0
CHUNK_BYTES = 64 * 1024
FREELY_READ_BYTES = 4 * 1024 * 1024
BREATH_S = 0.001
"""between two chunks of who prints more than that"""
WATCH_EVERY_S = 0.25
LEAST_SHARE_LEFT = 0.05
"""of the machine's memory"""
KILLED = 128 + signal.SIGKILL
_NOWHERE = "/proc" if sys.platform == "linux" else "/"
"""Where nobody can make a file: an engine notes down, where it was started, who ran out of memory."""
_GONE = (ProcessLookupError, PermissionError)
"""It ended, and is not reaped yet; or we are a root that may not kill: then its stdin's end is its own."""


async def carry_out(
    argv: Sequence[str],
    environ: Mapping[str, str],
    commands: Commands,
    *,
    descends: bool,
    least_left: float = LEAST_SHARE_LEFT,
) -> Ran:
    """``argv`` sets a sandbox up around the script. ``descends``: what runs inside is its offspring, to be
    counted and killed by us; otherwise it is an engine's. ``least_left``: of the machine's memory, else the
    offspring is ended. Raises SandboxFailed."""
    began = time.monotonic()
    child = await _started(argv, environ, lambda process: _Child(process, commands, descends, least_left))
    try:
        await child.end()
    finally:
        await to_its_end(child.gone())
    duration_ms = round((time.monotonic() - began) * 1000)
    return await aside(child.said_bytes, child.ran, duration_ms)


class _Child:
    """Whoever wants an end kills the process; the end itself is one: its pipes end, it is reaped."""

    def __init__(self, process: Process, commands: Commands, descends: bool, least_left: float) -> None:
        self._process = process
        self._least_left = least_left
        self._descends = descends
        self._stdin = cast(asyncio.StreamWriter, process.stdin)
        self._stdout = cast(asyncio.StreamReader, process.stdout)
        self._stderr = cast(asyncio.StreamReader, process.stderr)
        self._commands = commands
        self._said = bytearray()
        self._output = Output(commands.limits.output_chars)
        self._timed = False
        self._killed_for: str | None = None
        self._killed: list[int] = []
        self._readers = asyncio.gather(self._hear_output(), self._hear_script())
        self._timer = _after(SETUP_S, self._out_of_time)

    async def end(self) -> None:
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(self._feed(tar(self._commands.files, self._commands.modes)))]
            if self._descends:
                beside.append(group.create_task(self._watch()))
            await asyncio.shield(self._readers)
            for task in beside:
                task.cancel()

    async def gone(self) -> None:
        """Raises SandboxFailed where it does not die: the kernel holds it."""
        self._kill()
        try:
            async with asyncio.timeout(DIES_WITHIN_S):
                await self._readers
                await self._process.wait()
                for whom in (*self._killed, -self._process.pid):
                    await _buried(whom)
        except TimeoutError:
            raise SandboxFailed(f"Process {self._process.pid} of the sandbox does not die.") from None
        finally:
            self._timer.cancel()

    @property
    def said_bytes(self) -> int:
        return len(self._said) + self._output.total_bytes

    def ran(self, duration_ms: int) -> Ran:
        """Raises SandboxFailed where it was not ready, or the machine, not the commands, put an end to it."""
        said = read_said(bytes(self._said))
        if not said.ready or self._killed_for == "machine":
            raise SandboxFailed(_why(said, self._killed_for))
        timed_out = self._killed_for == "time"
        ended = said.exit_code is not None and self._killed_for != "memory"
        code = said.exit_code if ended else KILLED
        fits = said.report is None or len(said.report) <= MAX_REPORT_BYTES
        return Ran(
            exit_code=None if timed_out else code,
            failed=min(said.step, len(self._commands.argv) - 1) if timed_out or code else None,
            output=self._output.text() + self._remarks(said, fits),
            report=said.report if fits and ended else None,
            timed_out=timed_out,
            duration_ms=duration_ms,
        )

    def _remarks(self, said: Said, fits: bool) -> str:
        limits = self._commands.limits
        remarks = {
            f"stopped: out of time after {limits.timeout_s:g} s": self._killed_for == "time",
            f"stopped: more than {limits.memory_mb} MB of memory": self._killed_for == "memory",
            "stopped: all processes were killed from inside": not self._killed_for and said.exit_code is None,
            f"the report is larger than {MAX_REPORT_BYTES} bytes and was not read": not fits,
        }
        return "".join(f"\n[{remark}]" for remark, holds in remarks.items() if holds)

    def _out_of_time(self) -> None:
        self._kill("time")

    def _kill(self, why: str | None = None) -> None:
        """Inside first, so that bubblewrap can bury its own. A container ends when its stdin does, while
        a client that is killed on the way may leave half of one behind. Who does not end then is killed."""
        self._timer.cancel()
        self._timed = True
        if self._process.returncode is not None:
            return
        self._killed_for = self._killed_for or why
        if not self._stdin.transport.is_closing():
            self._stdin.transport.abort()  # with what nobody has taken yet
        if not self._descends:
            self._timer = _after(ENGINE_ENDS_WITHIN_S, self._kill_group)
        elif inside := self._stopped_with_children():
            for child in inside:
                _signal(child, signal.SIGKILL)
            _signal(self._process.pid, signal.SIGCONT)
            self._killed += inside
            self._timer = _after(BURIES_WITHIN_S, self._kill_group)
        else:
            self._kill_group()

    def _stopped_with_children(self) -> list[int]:
        """Stopped, bubblewrap starts nobody unseen. Whom it was just starting waits for it before leaving its
        group, so that one is killed and buried with the group."""
        _signal(self._process.pid, signal.SIGSTOP)
        return children_of(self._process.pid)

    def _kill_group(self) -> None:
        with contextlib.suppress(*_GONE):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _feed(self, pieces: Iterator[bytes]) -> None:
        """Leaves the pipe open: its end would be the sandbox's."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # whoever ended says why elsewhere
            for piece in pieces:
                if self._stdin.transport.is_closing():
                    return
                self._stdin.write(piece)
                await self._stdin.drain()

    async def _hear_output(self) -> None:
        while chunk := await self._stdout.read(CHUNK_BYTES):
            self._output.take(chunk)
            if self._output.total_bytes > FREELY_READ_BYTES:
                await asyncio.sleep(BREATH_S)

    async def _hear_script(self) -> None:
        while chunk := await self._stderr.read(CHUNK_BYTES):
            self._said += chunk[: MAX_SAID_BYTES - len(self._said)]
            if len(self._said) == MAX_SAID_BYTES:
                await asyncio.sleep(BREATH_S)
            if not self._timed and read_said(bytes(self._said)).ready:
                self._timed = True
                self._timer.cancel()
                self._timer = _after(self._commands.limits.timeout_s, self._out_of_time)

    async def _watch(self) -> None:
        """The kernel bounds each process; the sum of them we do, and what nobody can count (memory that no
        process maps, buffers, inodes) by what it leaves the machine. In a thread of its own: the house's
        may all be busy."""
        loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1, "sandbox-watch")
        try:
            while self._killed_for is None:
                await asyncio.sleep(WATCH_EVERY_S)
                held = await loop.run_in_executor(thread, memory_mb, self._process.pid)
                if held > self._commands.limits.memory_mb:
                    self._kill("memory")
                elif await loop.run_in_executor(thread, share_left) < self._least_left:
                    self._kill("machine")
        finally:
            thread.shutdown(wait=False)  # the loop waits for no look at /proc


def _after(seconds: float, act: Callable[[], None]) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(seconds, act)


def _why(said: Said, killed_for: str | None) -> str:
    if killed_for == "machine":
        return (
            "The memory of this machine was nearly used up, so the run was ended. Give the machine more, or "
            "lower CFX_TESTS_AT_ONCE, or memory_mb and disk_mb of the test policies."
        )
    if killed_for == "time":
        return f"The sandbox was not ready within {SETUP_S:g} s. {said.before}".strip()
    return said.before or "The sandbox ended before it was ready, and did not say why."


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(*_GONE):
        os.kill(pid, number)


async def _buried(whom: int) -> None:
    """A process, or a group by its negative number, as ``waitpid`` has it. They fall to us where we are a
    container's first process, and bubblewrap ended before them."""
    with contextlib.suppress(ChildProcessError):  # nobody is left
        while True:
            if os.waitpid(whom, os.WNOHANG) == (0, 0):  # noqa: ASYNC222 - it waits for nothing
                await asyncio.sleep(BREATH_S)


async def _started(
    argv: Sequence[str], environ: Mapping[str, str], child_of: Callable[[Process], _Child]
) -> _Child:
    """In a group of its own, to be killed as one. Cancelled while it starts, it is ended all the same."""
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *argv,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=dict(environ),
            cwd=_NOWHERE,
            start_new_session=True,
        )
    )
    try:
        return child_of(await asyncio.shield(starting))
    except OSError as error:
        raise SandboxFailed(f"{argv[0]} cannot be started: {error.strerror}.") from None
    except asyncio.CancelledError:
        await to_its_end(_ended(starting, child_of))
        raise


async def _ended(starting: Awaitable[Process], child_of: Callable[[Process], _Child]) -> None:
    with contextlib.suppress(OSError):  # it never started
        await child_of(await starting).gone()
