"""A working tree as a flow is given it: the files as they lie on the disk, not as HEAD has them.

People ask about what they see.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from cfx_flow.errors import InvalidRequest, WorkspaceUnreachable
from cfx_flow.workspace.edits.files import Folder, Untouchable
from cfx_flow.workspace.edits.git import Git, GitRefused, find_git
from cfx_flow.workspace.paths import check_path
from cfx_flow.workspace.snapshot import EXECUTABLE, MAX_FILES, MAX_UNPACKED_BYTES, PLAIN, Snapshot

MAX_FILE_BYTES = 4 * 1024 * 1024
NEVER_READ = frozenset({".git", ".cfx"})
"""git's own folder, and ours: journals, a server's database, keys"""


@dataclass(frozen=True)
class Tree:
    """Files by POSIX path below ``root``, and what was left out (path, why)."""

    root: Path
    files: Mapping[str, bytes]
    executable: frozenset[str]
    skipped: tuple[tuple[str, str], ...] = ()
    untracked: int = 0

    @cached_property
    def snapshot(self) -> Snapshot:
        modes = {path: EXECUTABLE if path in self.executable else PLAIN for path in self.files}
        return Snapshot(self.files, modes)


def read_working_tree(root: Path) -> Tree:
    """What git tracks, or in a folder without git everything. Raises WorkspaceUnreachable."""
    git = _git(root)
    return read_folder(root) if git is None else _tracked(root, git)


def read_tracked(root: Path) -> Tree:
    """The git-tracked files below ``root``. Raises WorkspaceUnreachable."""
    git = _git(root)
    if git is not None:
        return _tracked(root, git)
    if shutil.which("git") is None:
        raise WorkspaceUnreachable("git is not installed; use --all-files to send the whole folder.")
    raise WorkspaceUnreachable(
        f"{root} is not a git repository. Run `git init && git add .` there, "
        "or use --all-files to send the whole folder."
    )


def read_folder(root: Path) -> Tree:
    """Every file below ``root`` but git's and our own. Raises WorkspaceUnreachable."""
    _must_be_folder(root)
    return _read(root, _walk(root), 0)


def _git(root: Path) -> Git | None:
    _must_be_folder(root)
    try:
        return find_git(root)
    except GitRefused as error:
        raise WorkspaceUnreachable(f"git does not work in {root}: {error}.") from None


def _tracked(root: Path, git: Git) -> Tree:
    inside = root.resolve().relative_to(git.top.resolve()).as_posix()
    prefix = "" if inside == "." else inside + "/"
    only = ("--", prefix) if prefix else ()
    try:
        listed = git.run("ls-files", "-z", "--cached", *only)
        others = git.run("ls-files", "-z", "--others", "--exclude-standard", *only)
    except GitRefused as error:
        raise WorkspaceUnreachable(f"git refuses to list {root}: {error}.") from None
    paths = dict.fromkeys(path.removeprefix(prefix) for path in _split(listed))  # a conflict lists it thrice
    return _read(root, paths, len(_split(others)))


def _split(listing: bytes) -> list[str]:
    return [os.fsdecode(name) for name in listing.split(b"\0") if name]


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in NEVER_READ)
        here = Path(folder)
        links = [name for name in folders if (here / name).is_symlink()]
        for name in sorted([*names, *links]):
            yield (here / name).relative_to(root).as_posix()


def _read(root: Path, paths: Iterable[str], untracked: int) -> Tree:
    files: dict[str, bytes] = {}
    skipped: list[tuple[str, str]] = []
    executable: set[str] = set()
    folder, total = Folder(root), 0
    for path in paths:
        why = _why_not(root, path)
        if why is None:
            content = _content(folder, path)
            files[path], total = content, total + len(content)
            if os.access(root / path, os.X_OK):
                executable.add(path)
        elif why:
            skipped.append((path, why))
        if len(files) > MAX_FILES or total > MAX_UNPACKED_BYTES:
            raise WorkspaceUnreachable(
                f"{root} holds more than {MAX_FILES:,} files or {MAX_UNPACKED_BYTES // 2**20} MiB, "
                "which is more than a flow takes. Name a folder further down."
            )
    if not files:
        raise WorkspaceUnreachable(f"{root} holds no file to send. Are its files added to git (`git add .`)?")
    return Tree(root, files, frozenset(executable), tuple(skipped), untracked)


def _content(folder: Folder, path: str) -> bytes:
    try:
        file = folder.read(path)
    except Untouchable as error:
        raise WorkspaceUnreachable(f"{error}. It cannot be read.") from None
    if file is None:
        raise WorkspaceUnreachable(f"{path} went away while it was read. Try again.")
    return file.content


def _why_not(root: Path, path: str) -> str | None:
    """Why a path is not sent: a word for the list, ``""`` for what is simply gone, None when it is sent."""
    place = root / path
    if not path.isprintable():
        return "a name that does not print"
    if _through_link(root, path):
        return "a link"
    if not place.is_file():
        return _what_instead(place)
    if place.stat().st_size > MAX_FILE_BYTES:
        return f"over {MAX_FILE_BYTES // 2**20} MiB"
    try:
        check_path(path)
    except InvalidRequest:
        return "a name that cannot be used"
    return None if os.access(place, os.R_OK) else "not readable"


def _what_instead(place: Path) -> str:
    if place.is_dir():
        return "a submodule"
    return "not a regular file" if place.exists() else ""


def _through_link(root: Path, path: str) -> bool:
    """Whether any part of ``path`` below ``root`` is a symbolic link."""
    parts = PurePosixPath(path).parts
    return any((root.joinpath(*parts[: depth + 1])).is_symlink() for depth in range(len(parts)))


def _must_be_folder(root: Path) -> None:
    if not root.is_dir():
        raise WorkspaceUnreachable(f"{root} is not a folder. Name the folder of your project.")
