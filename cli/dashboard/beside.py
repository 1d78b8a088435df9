"""The build of the dashboard as a child of the server's command: the server answers meanwhile."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cfx_flow.settings import HOUSE

NICER = 10
"""the server and its first flow go first"""


@contextmanager
def built_beside(folder: Path, url: str, say: Callable[[str], None]) -> Iterator[None]:
    """Says where the dashboard is, once it is there, or why it is not. ``folder``: for the log."""
    from cli.dashboard.build import SOURCES, is_current

    if not (SOURCES / "package-lock.json").exists():  # installed from a wheel: there is nothing to build from
        yield
        return
    if is_current():
        say(f"Dashboard: {url}")
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "dashboard.log"
    say(f"Dashboard: being built beside, about a minute the first time (log: {log}).")
    with log.open("wb") as output:
        process = _start(output.fileno())
    watching = threading.Thread(target=_tell, args=(process, log, url, say), daemon=True)
    watching.start()
    try:
        yield
    finally:
        _stop(process)


def _start(output: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "cli.dashboard.build"],
        cwd=HOUSE,
        env={**os.environ, "PYTHONPATH": str(HOUSE)},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # a Ctrl-C is for the server, which ends the build's whole session
        preexec_fn=_nicely,  # noqa: PLW1509 - nothing here holds a lock
    )


def _nicely() -> None:
    os.nice(NICER)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: with the server, however that ends


def _tell(process: subprocess.Popen[bytes], log: Path, url: str, say: Callable[[str], None]) -> None:
    code = process.wait()
    if code == 0:
        say(f"Dashboard: {url}")
    elif code > 0:
        said = log.read_text("utf-8", "replace").strip().splitlines()
        why = said[-1].removeprefix("dashboard: ") if said else "not built"
        say(f"Dashboard: {why}. The API works without it; log: {log}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(5)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
