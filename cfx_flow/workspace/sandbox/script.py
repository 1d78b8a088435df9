"""The one script that runs inside every sandbox, for any POSIX shell, and what it says of how it went.

It speaks on stderr, the commands on stdout alone. Its stdin is the tar stream, then silence: when that ends,
we are gone, and so is everything inside. What runs inside has the script's rights and could say these words
too; it could as well write a report that pleases.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from cfx_flow.workspace.sandbox.model import HOME, MAX_REPORT_BYTES, WORK, Commands, SandboxFailed
from cfx_flow.workspace.sandbox.tar import tar_size

ENVIRON = {"HOME": HOME, "LANG": "C.UTF-8"}
MAX_SCRIPT_BYTES = 120 * 1024
"""Linux takes 128 KiB in one argument."""
MAX_SAID_BYTES = MAX_REPORT_BYTES + 64 * 1024

FIRST = '/bin/sh -c "$1"; exit $?'
"""The first process inside is not the script itself: no signal from inside could end it."""

_SCRIPT = """\
exec 3>&2
{limit}
umask 022
mkdir -p {home} {work} && cd {work} || exit
head -c {size} | tar -x -m -f - || {{ echo '{unpacked_not}' >&3; exit; }}
echo 'cfx: ready' >&3
exec 4<&0 </dev/null
(cat; kill -9 -1) <&4 >/dev/null 2>&1 3>&- 4<&- &
exec 4<&- 2>&1
number=0
ended() {{
    exec >/dev/null 2>&1
    kill -9 -1
    echo "cfx: ended $1" >&3
    {report}
    exit 0
}}
step() {{
    echo "cfx: step $number" >&3
    (exec 3>&-; exec "$@")
    code=$?
    [ $code -eq 0 ] || ended $code
    number=$((number + 1))
}}
{steps}
ended 0
"""
_REPORT = "[ -f {path} ] && echo 'cfx: report' >&3 && head -c {most} <{path} >&3"
_NICENESS = "{ echo 10 >/proc/self/autogroup; } 2>/dev/null"
"""A session of its own is a group of its own to the kernel's scheduler, which then does not care for the
niceness of its processes."""
_PROCESSES = "ulimit -u {most} 2>/dev/null || ulimit -p {most} || exit"
"""bash and busybox call it ``-u``, dash ``-p``. Set inside: the kernel counts by namespace there, and our own
processes do not count."""
OWN_PROCESSES = 8
"""of those inside, that belong to the sandbox"""

_SAID = re.compile(rb"^cfx: (ready|step (\d{1,4})|ended (\d{1,3}))$", re.MULTILINE)
_REPORTED = re.compile(rb"^cfx: report\n", re.MULTILINE)


def script_of(commands: Commands, *, count_processes: bool) -> str:
    """Raises SandboxFailed where the commands do not fit into one."""
    report = (
        _REPORT.format(path=shlex.quote(commands.report), most=MAX_REPORT_BYTES + 1)
        if commands.report
        else ":"
    )
    script = _SCRIPT.format(
        limit=_limit(commands) if count_processes else ":",
        home=HOME,
        work=WORK,
        size=tar_size(commands.files),
        report=report,
        unpacked_not="The files could not be unpacked: they may be larger than disk_mb allows.",
        steps="\n".join(f"step {shlex.join(argv)}" for argv in commands.argv),
    )
    if len(script.encode()) > MAX_SCRIPT_BYTES or "\0" in script:
        raise SandboxFailed(f"The commands are longer than {MAX_SCRIPT_BYTES} bytes, or hold a NUL.")
    return script


def _limit(commands: Commands) -> str:
    return f"{_NICENESS}\n{_PROCESSES.format(most=commands.limits.processes + OWN_PROCESSES)}"


@dataclass(frozen=True, slots=True)
class Said:
    """What the script has said so far."""

    ready: bool
    step: int
    """That began last."""
    exit_code: int | None
    """None: it has not come to its end."""
    report: bytes | None
    before: str
    """What others said, bubblewrap or a container's engine, before it was ready."""


def read_said(raw: bytes) -> Said:
    reported = _REPORTED.search(raw)
    spoken = raw[: reported.start()] if reported else raw
    begins, step, code = None, 0, None
    for word in _SAID.finditer(spoken):  # one by one: whoever fakes them can say very many
        begins = word.start() if begins is None else begins
        step = int(word[2]) if word[2] else step
        code = min(int(word[3]), 255) if word[3] else code
    return Said(
        ready=begins is not None,
        step=step,
        exit_code=code,
        report=raw[reported.end() :] if reported else None,
        before=spoken[:begins].decode("utf-8", "replace").strip(),
    )
