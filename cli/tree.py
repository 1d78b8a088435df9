"""A folder as it is sent to the server, and a patch written back into it.

What is sent is the working tree's content, not HEAD's: people ask about what they see.
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cli.exits import CommandError, Exit

MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_TOTAL_BYTES = 256 * 1024 * 1024
MAX_FILES = 20_000


class TreeError(CommandError):
    """The folder cannot be read as asked; the text says what to do."""


class NotAppliedError(CommandError):
    """The folder is no longer what was sent, or cannot be written: it is as it was."""

    exit = Exit.NOT_APPLIED


@dataclass(frozen=True, slots=True)
class Tree:
    """Files by POSIX path below ``root``, and what was left out (path, why)."""

    root: Path
    files: Mapping[str, bytes]
    executable: frozenset[str]
    skipped: tuple[tuple[str, str], ...] = ()
    untracked: int = 0

    @property
    def total_bytes(self) -> int:
        return sum(map(len, self.files.values()))

    def text_files(self) -> dict[str, str]:
        """Those that are UTF-8, which are the ones that a diff can touch."""
        texts = {}
        for path, content in self.files.items():
            try:
                texts[path] = content.decode("utf-8")
            except UnicodeDecodeError:
                continue
        return texts

    def pack(self) -> bytes:
        """A tar.gz in sorted order; the same files give the same bytes."""
        packed = io.BytesIO()
        with (
            gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=6, mtime=0) as zipped,
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for path in sorted(self.files):
                entry = tarfile.TarInfo(path)
                entry.size = len(self.files[path])
                entry.mode = 0o755 if path in self.executable else 0o644
                archive.addfile(entry, io.BytesIO(self.files[path]))
        return packed.getvalue()


# -- reading


def read_tracked(root: Path) -> Tree:
    """The git-tracked files below ``root`` as they lie on the disk. Raises TreeError."""
    tracked = dict.fromkeys(
        _split(_git(root, "ls-files", "-z", "--cached"))
    )  # a conflict lists a file thrice
    untracked = len(_split(_git(root, "ls-files", "-z", "--others", "--exclude-standard")))
    return _read(root, tracked, untracked)


def read_folder(root: Path) -> Tree:
    """Every file below ``root`` except ``.git``, for folders that git does not know. Raises TreeError."""
    _must_be_folder(root)
    return _read(root, _walk(root), 0)


def _git(root: Path, *arguments: str) -> bytes:
    _must_be_folder(root)
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, check=False, timeout=60
        )
    except FileNotFoundError:
        raise TreeError("git is not installed; use --all-files to send the whole folder.") from None
    except subprocess.TimeoutExpired:
        raise TreeError(f"git took longer than a minute in {root}.") from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()
        if "not a git repository" in said:
            raise TreeError(
                f"{root} is not a git repository. Run `git init && git add .` there, "
                "or use --all-files to send the whole folder."
            )
        raise TreeError(f"git refuses to list {root}: {said}")
    return done.stdout


def _split(listing: bytes) -> list[str]:
    return [os.fsdecode(name) for name in listing.split(b"\0") if name]


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name != ".git")
        here = Path(folder)
        links = [name for name in folders if (here / name).is_symlink()]
        for name in sorted([*names, *links]):
            yield (here / name).relative_to(root).as_posix()


def _read(root: Path, paths: Iterable[str], untracked: int) -> Tree:
    files: dict[str, bytes] = {}
    skipped: list[tuple[str, str]] = []
    executable: set[str] = set()
    total = 0
    for path in paths:
        why = _why_not(root, path)
        if why is None:
            content = _content(root, path)
            files[path], total = content, total + len(content)
            if os.access(root / path, os.X_OK):
                executable.add(path)
        elif why:
            skipped.append((path, why))
        if len(files) > MAX_FILES or total > MAX_TOTAL_BYTES:
            raise TreeError(
                f"{root} holds more than {MAX_FILES:,} files or {MAX_TOTAL_BYTES // 2**20} MiB, "
                "which is more than a flow takes. Give --repo a folder further down."
            )
    if not files:
        raise TreeError(f"{root} holds no file to send. Are its files added to git (`git add .`)?")
    return Tree(root, files, frozenset(executable), tuple(skipped), untracked)


def _content(root: Path, path: str) -> bytes:
    try:
        return (root / path).read_bytes()
    except OSError as error:
        raise TreeError(f"{path} cannot be read ({error.strerror}).") from None


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
        raise TreeError(f"{root} is not a folder. Give --repo the folder of your project.")


# -- writing


@dataclass(frozen=True, slots=True)
class _Change:
    """One file: what comes, and a copy of what was, to put back."""

    path: str
    place: Path
    new: Path | None
    old: Path | None

    def make(self) -> None:
        if self.new is None:
            self.place.unlink()
        else:
            self.place.parent.mkdir(parents=True, exist_ok=True)
            self.new.replace(self.place)

    def undo(self) -> None:
        if self.old is None:
            self.place.unlink(missing_ok=True)
        else:
            self.old.replace(self.place)


def write_patch(tree: Tree, after: Mapping[str, bytes | None]) -> None:
    """Writes the new contents (None: the file goes) into ``tree.root``, all of them or none.

    Raises NotAppliedError naming the first file that is no longer what was sent or that the disk
    refuses; then everything is as before.
    """
    for path in after:
        _must_be_as_sent(tree, path)
    with _staging(tree.root) as staging:
        changes = [_stage(tree, staging, path, content) for path, content in after.items()]
        _make(changes)


@contextmanager
def _staging(root: Path) -> Iterator[Path]:
    """A folder on the same disk, so that a staged file takes its place in one step."""
    try:
        folder = tempfile.TemporaryDirectory(prefix=".cfx-apply-", dir=root)
    except OSError as error:
        raise NotAppliedError(f"{root} cannot be written ({error.strerror}); nothing was written.") from None
    with folder as name:
        yield Path(name)


def _must_be_as_sent(tree: Tree, path: str) -> None:
    place, sent = tree.root / path, tree.files.get(path)
    if (
        ".." in PurePosixPath(path).parts
        or PurePosixPath(path).is_absolute()
        or _through_link(tree.root, path)
    ):
        raise NotAppliedError(f"{path} leads outside the folder or through a link; nothing was written.")
    try:
        found = place.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        found = None
    except OSError as error:
        raise NotAppliedError(f"{path} cannot be read ({error.strerror}); nothing was written.") from None
    if found == sent:
        return
    if sent is None:
        raise NotAppliedError(f"{path} exists by now, and the patch would make it; nothing was written.")
    gone = "is gone" if found is None else "has changed since it was sent"
    raise NotAppliedError(f"{path} {gone}; nothing was written.")


def _stage(tree: Tree, staging: Path, path: str, content: bytes | None) -> _Change:
    """Both contents on the same disk, with the old file's mode."""
    place, number = tree.root / path, len(list(staging.iterdir()))
    new, old = staging / f"{number}.new", staging / f"{number}.old"
    try:
        if path in tree.files:
            shutil.copy2(place, old)
        if content is not None:
            new.write_bytes(content)
            new.chmod(old.stat().st_mode & 0o7777 if path in tree.files else 0o666 & ~_umask())
    except OSError as error:
        raise NotAppliedError(f"{path} cannot be written ({error.strerror}); nothing was written.") from None
    return _Change(path, place, None if content is None else new, old if path in tree.files else None)


def _make(changes: Iterable[_Change]) -> None:
    done: list[_Change] = []
    for change in changes:
        try:
            change.make()
        except OSError as error:
            for made in reversed(done):
                made.undo()
            raise NotAppliedError(
                f"{change.path} cannot be written ({error.strerror}); everything was put back."
            ) from None
        done.append(change)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
