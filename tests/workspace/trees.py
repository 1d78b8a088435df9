"""Working trees for tests: with git and without, and the change that a flow would make in them."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

from cfx_flow.workspace.edits import Change

LONG = b"".join(b"line %d\n" % n for n in range(1, 31))
FILES = {
    "long.txt": LONG,
    "gone.sh": b"#!/bin/sh\nexit 0\n",
    "sub/other.txt": b"other\n",
    "mine.txt": b"mine\n",
}
CHANGED = LONG.replace(b"line 15\n", b"fifteen\nfifteen and a half\n")
CHANGES = [
    Change("long.txt", LONG, CHANGED),
    Change("gone.sh", FILES["gone.sh"], None),
    Change("new/deep/er.txt", None, b"new\n"),
    Change("sub/other.txt", b"other\n", b"another\n"),
]
AFTER = {
    "long.txt": CHANGED,
    "new/deep/er.txt": b"new\n",
    "sub/other.txt": b"another\n",
    "mine.txt": b"mine\n",
}
ENVIRON = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "HOME": "/nonexistent",
}


def git(folder: Path, *arguments: str) -> str:
    argv = ["git", "-C", str(folder), *arguments]
    return subprocess.run(argv, env=ENVIRON, check=True, capture_output=True, text=True).stdout


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return folder


def make_folder(folder: Path) -> Path:
    write(folder, FILES)
    (folder / "gone.sh").chmod(0o755)
    (folder / "long.txt").chmod(0o640)
    return folder


def make_repo(folder: Path, **settings: str) -> Path:
    """On ``main``, everything committed, by somebody whom git knows."""
    make_folder(folder)
    git(folder, "init", "-q", "-b", "main")
    for name, value in {"user.name": "n", "user.email": "n@e", "gc.auto": "0", **settings}.items():
        git(folder, "config", name.replace("_", "."), value)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but git's, and our journal's."""
    return {path: place.read_bytes() for path, place in _files(folder).items()}


def modes(folder: Path) -> dict[str, int]:
    return {path: stat.S_IMODE(place.stat().st_mode) for path, place in _files(folder).items()}


def _files(folder: Path) -> dict[str, Path]:
    found = {place.relative_to(folder).as_posix(): place for place in folder.rglob("*") if place.is_file()}
    return {path: place for path, place in found.items() if path.split("/")[0] not in (".git", ".cfx")}


def folders(folder: Path) -> set[str]:
    found = {place.relative_to(folder).as_posix() for place in folder.rglob("*") if place.is_dir()}
    return {path for path in found if path.split("/")[0] not in (".git", ".cfx")}


def git_state(folder: Path) -> dict[str, object]:
    """What nobody may touch unasked."""
    return {
        "index": (folder / ".git" / "index").read_bytes(),
        "head": (folder / ".git" / "HEAD").read_bytes(),
        "refs": [line for line in git(folder, "for-each-ref").splitlines() if "refs/cfx/" not in line],
        "stash": git(folder, "stash", "list"),
    }
