"""Processes that tests start: a log each, a bounded wait until ready, stopped by pid."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
HOUSE = Path(__file__).resolve().parents[2]
LOG_TAIL_CHARS = 6_000
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")


class NotReadyError(AssertionError):
    """A process ended or stayed silent; the message carries the end of its log."""


@dataclass
class Running:
    """A child process and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def log_tail(self) -> str:
        return self.log.read_text(errors="replace")[-LOG_TAIL_CHARS:]

    def stop(self, *, grace_s: float = 10) -> int:
        """SIGTERM, then SIGKILL; returns the exit code."""
        if self.alive:
            self.process.terminate()
        try:
            return self.process.wait(grace_s)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """kill -9, as a power cut would."""
        if self.alive:
            self.process.send_signal(signal.SIGKILL)
        return self.process.wait(10)


def child_environ(**variables: str) -> dict[str, str]:
    """An allow-listed environment: nothing of the developer's own settings reaches a test."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {**inherited, "PYTHONUNBUFFERED": "1", "NO_PROXY": "*", **variables}


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(check: Callable[[], T | None], *, timeout_s: float, what: str, every_s: float = 0.03) -> T:
    """The first result of ``check`` that is true."""
    ends = time.monotonic() + timeout_s
    while True:
        result = check()
        if result:
            return result
        if time.monotonic() > ends:
            raise AssertionError(f"after {timeout_s} s still no {what}")
        time.sleep(every_s)


def wait_ready(
    running: Running, check: Callable[[], T | None], *, timeout_s: float, what: str = "readiness"
) -> T:
    """``wait_for``, given up at once when the process ends."""

    def checked() -> T | None:
        if not running.alive:
            raise NotReadyError(f"{running.name} ended with {running.process.poll()}:\n{running.log_tail()}")
        return check()

    try:
        return wait_for(checked, timeout_s=timeout_s, what=f"{what} of {running.name}")
    except NotReadyError:
        raise
    except AssertionError as error:
        raise NotReadyError(f"{error}; its log:\n{running.log_tail()}") from None


def start(name: str, argv: Sequence[str], *, log: Path, env: Mapping[str, str], cwd: Path = HOUSE) -> Running:
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(argv), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=env, cwd=cwd
        )
    return Running(name, process, log)


@contextmanager
def running(name: str, argv: Sequence[str], *, log: Path, env: Mapping[str, str]) -> Iterator[Running]:
    """A process that is stopped when the block ends, however it ends."""
    child = start(name, argv, log=log, env=env)
    try:
        yield child
    finally:
        child.stop()
