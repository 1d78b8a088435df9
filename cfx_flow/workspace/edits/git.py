"""git's plumbing, for trees and commits that touch neither the person's index nor stash, nor HEAD unasked.

No hook runs, and no helper that watches the file system. The child process gets an environment of few
names; git's own variables would point it at another repository.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 120
PATHS_AT_ONCE = 400
"""of at most 4 kB each"""
_WHERE = ("--show-toplevel", "--absolute-git-dir", "--show-object-format")
_INHERITED = ("PATH", "HOME", "XDG_CONFIG_HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "EMAIL")
_GIT_S_OWN = (
    *("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CEILING_DIRECTORIES"),
    *(f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL", "DATE")),
)
_SET = ("core.fsmonitor=false", "core.hooksPath=/dev/null", "core.safecrlf=false")
_QUIET = (*(word for setting in _SET for word in ("-c", setting)), "--literal-pathspecs")


class GitRefused(Exception):
    """What git said, in a sentence."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a tree or in the index."""

    mode: str
    blob: str


@dataclass(frozen=True, slots=True)
class Git:
    """A repository with a working tree. Paths are relative to ``top``."""

    top: Path
    folder: Path
    """its git directory; of a linked working tree, its own"""
    nothing: str = "0" * 40
    """the name of no object, in this repository's format"""
    lock: int | None = None
    """a descriptor that a child keeps open: who holds a lock holds it until the child has ended"""

    def run(self, *arguments: str, given: bytes = b"", index: Path | None = None) -> bytes:
        """Raises GitRefused."""
        extra = {"GIT_INDEX_FILE": str(index)} if index else {}
        done = _git(self.top, arguments, given, extra, () if self.lock is None else (self.lock,))
        if done.returncode:
            raise GitRefused(_said(done, arguments[0]))
        return done.stdout

    def text(self, *arguments: str) -> str:
        return self.run(*arguments).decode("utf-8", "replace").strip()

    def asked(self, *arguments: str) -> str | None:
        """None where git's answer is no."""
        done = _git(self.top, arguments, b"", {}, () if self.lock is None else (self.lock,))
        return None if done.returncode else done.stdout.decode("utf-8", "replace").strip()

    @property
    def linked(self) -> list[Path]:
        """The git directories of the other working trees of this repository, which share its refs."""
        common = self.folder.parent.parent if self.folder.parent.name == "worktrees" else self.folder
        return [folder for folder in (common, *common.glob("worktrees/*")) if folder != self.folder]

    # Trees ------------------------------------------------------------------------------

    def head(self) -> str | None:
        """The commit; None before the first."""
        return self.asked("rev-parse", "--quiet", "--verify", "HEAD^{commit}")

    def tree_of_files(self, base: str | None, folder: Path, paths: Sequence[str], index: Path) -> str:
        """The tree ``base`` with ``paths`` as they lie below ``folder``; what is not there is not in it.

        git reads the files as it does for ``git add``: with the line ends that the repository is to have.
        """
        self._read_tree(base, index)
        names = b"".join(os.fsencode(path) + b"\0" for path in paths)
        place = f"--work-tree={folder}"
        options = ("update-index", "--add", "--remove", "--replace", "-z", "--stdin")
        self.run(f"--git-dir={self.folder}", place, *options, given=names, index=index)
        return self.run("write-tree", index=index).decode().strip()

    def tree_of_blobs(self, base: str | None, entries: Mapping[str, Entry | None], index: Path) -> str:
        self._read_tree(base, index)
        self.put_entries(entries, index)
        return self.run("write-tree", index=index).decode().strip()

    def _read_tree(self, base: str | None, index: Path) -> None:
        index.unlink(missing_ok=True)
        self.run("read-tree", base or "--empty", index=index)

    # Files in trees and in the index ----------------------------------------------------

    def entries_of(self, commit: str | None, paths: Sequence[str]) -> dict[str, Entry]:
        if commit is None:
            return {}
        listed = self._list("ls-tree", "-z", "--full-tree", commit, paths=paths)
        return {path: Entry(mode, blob) for (mode, _, blob), path in _listed(listed)}

    def _list(self, *command: str, paths: Sequence[str]) -> bytes:
        """In parts: the system takes only so long a list of arguments, and git no list from a file here."""
        parts = (paths[at : at + PATHS_AT_ONCE] for at in range(0, len(paths), PATHS_AT_ONCE))
        return b"".join(self.run(*command, "--", *part) for part in parts)

    def entries_in_index(self, paths: Sequence[str]) -> dict[str, Entry]:
        """Raises GitRefused where one of them is amid a merge."""
        listed = self._list("ls-files", "-s", "-z", paths=paths)
        entries: dict[str, Entry] = {}
        for (mode, blob, stage), path in _listed(listed):
            if stage != "0":
                raise GitRefused(f"{path} is amid a merge; resolve it first")
            entries[path] = Entry(mode, blob)
        return entries

    def put_entries(self, entries: Mapping[str, Entry | None], index: Path | None = None) -> None:
        """In one step; into the person's own index where no other is named."""
        lines = [
            f"{entry.mode} {entry.blob} 0\t".encode() + os.fsencode(path)
            if entry
            else f"0 {self.nothing} 0\t".encode() + os.fsencode(path)
            for path, entry in entries.items()
        ]
        self.run("update-index", "-z", "--index-info", given=b"\0".join([*lines, b""]), index=index)

    def blob(self, name: str) -> bytes:
        return self.run("cat-file", "blob", name)

    def put_blob(self, content: bytes) -> str:
        return self.run("hash-object", "-w", "--stdin", given=content).decode().strip()


def find_git(root: Path) -> Git | None:
    """The repository whose working tree holds ``root``; None: there is none, or no git.

    Raises GitRefused where there is one that git will not work in.
    """
    try:
        done = _git(root, ("rev-parse", *_WHERE), b"", {}, ())
    except FileNotFoundError:
        return None
    if done.returncode == 0:
        top, folder, kind = done.stdout.decode("utf-8", "surrogateescape").splitlines()
        return Git(Path(top), Path(folder), "0" * (64 if kind == "sha256" else 40))
    said = _said(done, "rev-parse")
    if "not a git repository" in said:
        return None
    raise GitRefused(said)


def _git(
    root: Path, arguments: Sequence[str], given: bytes, extra: Mapping[str, str], kept: tuple[int, ...]
) -> subprocess.CompletedProcess[bytes]:
    environ = {name: os.environ[name] for name in (*_INHERITED, *_GIT_S_OWN) if name in os.environ}
    environ |= {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C", **extra}
    argv = ["git", "-C", str(root), *_QUIET, *arguments]
    try:
        return subprocess.run(
            argv, input=given, capture_output=True, check=False, timeout=TIMEOUT_S, env=environ, pass_fds=kept
        )
    except subprocess.TimeoutExpired:
        raise GitRefused(f"git took longer than {TIMEOUT_S} s in {root}") from None
    except FileNotFoundError:
        raise
    except OSError as error:
        raise GitRefused(f"git cannot be started ({error.strerror})") from None


def _said(done: subprocess.CompletedProcess[bytes], what: str) -> str:
    text = done.stderr.decode("utf-8", "replace").strip().replace("\n", " ")
    return text.removeprefix("fatal: ").removeprefix("error: ") or f"git {what} failed"


def _listed(listing: bytes) -> list[tuple[list[str], str]]:
    """``fields\\tpath`` between NULs."""
    rows = [row.partition(b"\t") for row in listing.split(b"\0") if row]
    return [(fields.decode().split(), os.fsdecode(path)) for fields, _, path in rows]
