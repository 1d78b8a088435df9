"""A folder whose files are reached part by part and never through a link, so that nothing outside is touched.

Every operation opens the folders on the way anew, each without following links: a folder that becomes a
link meanwhile is an error, not a way out.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

MAX_FILE_BYTES = 256 * 1024 * 1024
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_STAYS = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.EBUSY)
_WHY = {
    errno.ELOOP: "it leads through a link",
    errno.ENOTDIR: "a file or a link stands where it needs a folder",
    errno.EISDIR: "it is a folder",
    errno.EFBIG: "the file is too large",
}


class Untouchable(Exception):
    """A path that cannot be read or written; the text says which, and why."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")


@dataclass(frozen=True, slots=True)
class File:
    """A regular file: as it lies there, or as it is to be."""

    content: bytes
    mode: int | None = None
    """permission bits; None: as new files are made"""
    owner: tuple[int, int] | None = None
    """user and group id; None: ourselves"""


class Folder:
    """Paths are relative, POSIX. Raises Untouchable for what is no regular file, or refused by the disk."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, path: str) -> File | None:
        """None: there is nothing."""
        try:
            with self._parent(path) as (folder, name), _opened(name, _READ, folder) as file:
                status = os.fstat(file)
                if not stat.S_ISREG(status.st_mode):
                    raise Untouchable(path, "it is not a regular file")
                if status.st_size > MAX_FILE_BYTES:
                    raise Untouchable(path, "it is too large")
                with os.fdopen(os.dup(file), "rb") as reader:
                    content = reader.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _untouchable(path, error) from None
        return File(content, stat.S_IMODE(status.st_mode), (status.st_uid, status.st_gid))

    def write_beside(self, path: str, name: str, file: File) -> None:
        """A new file ``name`` in the folder of ``path``, safe on the disk; nobody else reads it meanwhile."""
        mode = 0o666 if file.mode is None else 0o600
        with self._changing(path) as (folder, _), _opened(name, _WRITE, folder, mode) as opened:
            view = memoryview(file.content)
            while view:
                view = view[os.write(opened, view) :]
            if file.owner is not None and file.owner != (os.geteuid(), os.getegid()):
                with suppress(PermissionError):  # only root may give a file away
                    os.fchown(opened, *file.owner)
            if file.mode is not None:
                os.fchmod(opened, file.mode)
            os.fsync(opened)

    def take_place(self, path: str, name: str) -> None:
        """The file ``name`` in the folder of ``path`` becomes ``path``, in one step."""
        with self._changing(path) as (folder, last):
            os.rename(name, last, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)

    def remove(self, path: str, name: str | None = None) -> None:
        """``path``, or ``name`` beside it; what is not there is removed already."""
        try:
            with self._parent(path) as (folder, last):
                os.unlink(name or last, dir_fd=folder)
                os.fsync(folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _untouchable(path, error) from None

    def missing_folders(self, path: str) -> list[str]:
        """The folders that ``path`` needs and that are not there, outermost first."""
        parts = path.split("/")[:-1]
        folders = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
        return [folder for folder in folders if not os.path.lexists(self.root / folder)]

    def make_folder(self, path: str) -> None:
        with self._changing(path) as (folder, name), suppress(FileExistsError):
            os.mkdir(name, dir_fd=folder)
            os.fsync(folder)

    def remove_folder(self, path: str) -> None:
        """If it is there, and empty."""
        try:
            with self._parent(path) as (folder, name):
                os.rmdir(name, dir_fd=folder)
        except OSError as error:
            if error.errno not in _STAYS:
                raise _untouchable(path, error) from None

    @contextmanager
    def _changing(self, path: str) -> Iterator[tuple[int, str]]:
        try:
            with self._parent(path) as found:
                yield found
        except OSError as error:
            raise _untouchable(path, error) from None

    @contextmanager
    def _parent(self, path: str) -> Iterator[tuple[int, str]]:
        """A descriptor of the folder that holds ``path``, and the last part."""
        *folders, name = path.split("/")
        if not {"", ".", ".."}.isdisjoint([*folders, name]):
            raise Untouchable(path, "it leads outside the folder")
        here = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in folders:
                below = os.open(part, _FOLDER, dir_fd=here)
                os.close(here)
                here = below
            yield here, name
        finally:
            os.close(here)


@contextmanager
def _opened(name: str, flags: int, folder: int, mode: int = 0) -> Iterator[int]:
    file = os.open(name, flags, mode, dir_fd=folder)
    try:
        yield file
    finally:
        os.close(file)


def _untouchable(path: str, error: OSError) -> Untouchable:
    return Untouchable(path, _WHY.get(error.errno or 0, error.strerror or str(error)))
