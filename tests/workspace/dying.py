"""A program that applies and rolls back, and dies on the way, or meets a disk that refuses, as it is told.

One order a line on stdin, one answer a line on stdout. Each order is carried out by a child of its own,
which is killed at its n-th operation on the file system or after some time; so every moment at which a
kill -9 can come is tried, one by one.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from cfx_flow.errors import CfxError
from cfx_flow.workspace.edits import CommitWish, apply, rollback
from tests.workspace.trees import CHANGES

_NAMES = ("rename", "remove", "mkdir", "rmdir", "chmod", "chown", "utime")
OPERATIONS = frozenset({"open", "subprocess.Popen", *(f"os.{name}" for name in _NAMES)})
REFUSED = 7


def carry_out(order: dict[str, Any]) -> None:
    wish = CommitWish("Change\n", order["branch"]) if order["commit"] else None
    if order["act"] == "apply":
        apply(Path(order["root"]), "flow", CHANGES, wish)
    else:
        rollback(Path(order["root"]), "flow", wish)


def trip_at(n: int, how: str) -> None:
    seen = 0

    def hook(event: str, _: tuple[Any, ...]) -> None:
        nonlocal seen
        if event not in OPERATIONS:
            return
        seen += 1
        if seen == n and how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if seen == n and event != "subprocess.Popen":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    sys.addaudithook(hook)


def child(order: dict[str, Any]) -> None:
    if order["at"]:
        trip_at(order["at"], order["how"])
    try:
        carry_out(order)
    except CfxError as error:
        print(error.message, file=sys.stderr)
        os._exit(REFUSED)
    os._exit(0)


def outcome(order: dict[str, Any]) -> int:
    """The child's exit code; negative: the signal that killed it."""
    pid = os.fork()
    if not pid:
        child(order)
    if order["after_s"] is not None:
        time.sleep(order["after_s"])
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    for line in sys.stdin:
        print(outcome(json.loads(line)), flush=True)
