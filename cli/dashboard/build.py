"""``python -m cli.dashboard.build``: dashboard/ becomes dashboard/site, unless that is what it is made of.

What was built last stays, and is served, until the next build has come to its end.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cfx_flow.settings import HOUSE
from cli.dashboard.node import NoNode, node_folder

SOURCES = HOUSE / "dashboard"
SITE = SOURCES / "site"
BUILT_FROM = SOURCES / ".built-from"
MADE = frozenset(
    {"node_modules", ".next", "out", "site", "site.old", ".built-from", ".building", "next-env.d.ts"}
)
TIMEOUT_S = 900


class BuildFailed(Exception):
    """The message says what failed; what it said has been printed."""


def is_current() -> bool:
    try:
        return SITE.is_dir() and BUILT_FROM.read_text() == fingerprint()
    except OSError:
        return False


def fingerprint(folder: Path = SOURCES) -> str:
    """Of every source and of the lock; tests are none."""
    digest = hashlib.sha256()
    for path in _sources(folder):
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name not in MADE and not entry.name.endswith(".tsbuildinfo"):
            files = sorted(entry.rglob("*")) if entry.is_dir() else [entry]
            yield from (file for file in files if file.is_file() and ".test." not in file.name)


def build() -> bool:
    """False: there was nothing to do. Raises NoNode, BuildFailed."""
    with _alone():
        if is_current():
            return False
        made_of = fingerprint()
        folder = _installed()
        _say("building the pages")
        shutil.rmtree(SOURCES / "out", ignore_errors=True)
        run(folder, "node", "node_modules/next/dist/bin/next", "build")
        run(folder, "node", "pack.mjs", "out")
        _put_in_place()
        BUILT_FROM.write_text(made_of)
    return True


def install() -> Path:
    """Node's folder, once the packages of the lock are there. One at a time: npm empties the folder."""
    with _alone():
        return _installed()


def _installed() -> Path:
    folder = node_folder()
    lock = SOURCES / "package-lock.json"
    stamp = SOURCES / "node_modules" / f".stamp-{hashlib.sha256(lock.read_bytes()).hexdigest()[:10]}"
    if not stamp.exists():
        _say("installing the packages of package-lock.json")
        run(folder, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        stamp.touch()
    return folder


def run(folder: Path, *argv: str) -> None:
    """With Node's folder at the head of PATH, in dashboard/."""
    environ = {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "NEXT_TELEMETRY_DISABLED": "1",
    }
    environ.pop("NODE_ENV", None)
    program = [str(folder / argv[0]), *argv[1:]]
    try:
        done = subprocess.run(program, cwd=SOURCES, env=environ, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise BuildFailed(f"{' '.join(argv[:2])} took longer than {TIMEOUT_S} s") from None
    if done.returncode != 0:
        raise BuildFailed(f"{' '.join(argv[:2])} failed (exit code {done.returncode})")


def _put_in_place() -> None:
    """Two renames: a server that looks in between finds no build, and looks again."""
    old = SOURCES / "site.old"
    shutil.rmtree(old, ignore_errors=True)
    if SITE.exists():
        SITE.rename(old)
    (SOURCES / "out").rename(SITE)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _alone() -> Iterator[None]:
    """A build of another process, of `make run` and `make test` for instance, is waited for."""
    with (SOURCES / ".building").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _say(text: str) -> None:
    print(f"dashboard: {text}", flush=True)  # noqa: T201 - a program of its own


def _end_with_all(number: int, _frame: object) -> None:
    """npm and Node have processes of their own, which would go on."""
    signal.signal(number, signal.SIG_DFL)
    os.killpg(0, number)


def main(argv: Sequence[str]) -> int:
    """With ``install``: Node and the packages alone."""
    began = time.monotonic()
    if os.getpid() == os.getpgrp():  # beside a server; from a shell others belong to the group too
        signal.signal(signal.SIGTERM, _end_with_all)
    try:
        if "install" in argv:
            install()
            return 0
        done = build()
    except (NoNode, BuildFailed, OSError, subprocess.SubprocessError) as error:
        _say(f"not built: {error}")
        return 1
    _say(f"built in {time.monotonic() - began:.0f} s" if done else "is built")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
