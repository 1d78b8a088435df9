"""What is being done to a tree, and what was done: files in ``.git/cfx``, or without git in ``.cfx/edits``.

    lock            held while anything below changes, by a process and the git that it started
    next/           an act that is being prepared; nothing of the tree has been touched yet
    pending/        the same, sealed: from here on the tree may be in between
    finished/       the tree is done; what is left is to put the record in its place
    applied/<id>/   records of what can be rolled back, the newest hundred

An act is ``act.json`` and both sides of every file, as trees ``before/`` and ``after/``. Each step from one
name to the next is one rename.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cfx_flow.workspace.edits.files import Folder
from cfx_flow.workspace.edits.git import Entry

APPLY, ROLLBACK = "apply", "rollback"
FORMAT = 1
MOST_RECORDS = 100
LOCK_WAIT_S = 2.0
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_BESIDE = re.compile(r"\.cfx-[0-9a-f]{8}-\d{1,6}")


class Busy(Exception):
    """Another process, or thread, is at work on this tree."""


class Unreadable(Exception):
    """A journal that is there and says nothing that we understand."""


@dataclass(frozen=True, slots=True)
class Step:
    """One file: hashes of what was and what comes (None: nothing), and how it is to be kept."""

    path: str
    before: str | None
    after: str | None
    mode_before: int | None
    mode_after: int | None
    owner: tuple[int, int] | None
    beside: str
    """the name under which the new content lies beside the file before it takes its place"""


@dataclass(frozen=True, slots=True)
class Commit:
    """Where HEAD goes: ``branch`` is made and taken, or None for the one that HEAD is on."""

    new: str
    old: str | None
    branch: str | None
    index_before: Mapping[str, Entry | None]
    index_after: Mapping[str, Entry | None]


@dataclass(frozen=True, slots=True)
class Act:
    kind: str
    """APPLY or ROLLBACK"""
    id: str
    """of the flow, or of the diff"""
    steps: tuple[Step, ...]
    folders: tuple[str, ...] = ()
    """that are made for it, outermost first"""
    emptied: tuple[str, ...] = ()
    """that go with it once they are empty"""
    trees: tuple[str, str] | None = None
    """before and after, in git"""
    commit: Commit | None = None
    version: int = field(default=FORMAT, kw_only=True)

    def __post_init__(self) -> None:
        """A journal may have come with a stranger's folder: no name in it leads anywhere else."""
        if self.kind not in (APPLY, ROLLBACK) or not is_id(self.id):
            raise ValueError("kind or id")
        if not all(_BESIDE.fullmatch(step.beside) for step in self.steps):
            raise ValueError("beside")

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Act:
        """Raises Unreadable."""
        try:
            stored: dict[str, Any] = json.loads(text)
            if stored["version"] != FORMAT:
                raise ValueError(f"version {stored['version']}")
            stored["steps"] = tuple(
                Step(**step | {"owner": _pair(step["owner"])}) for step in stored["steps"]
            )
            stored |= {name: tuple(stored[name]) for name in ("folders", "emptied")}
            stored["trees"] = _pair(stored["trees"])
            stored["commit"] = _commit(stored["commit"])
            return cls(**stored)
        except (ValueError, KeyError, TypeError) as error:
            raise Unreadable(str(error)) from None


def _pair(stored: list[Any] | None) -> tuple[Any, Any] | None:
    return None if stored is None else (stored[0], stored[1])


def _commit(stored: dict[str, Any] | None) -> Commit | None:
    if stored is None:
        return None
    for side in ("index_before", "index_after"):
        stored[side] = {path: entry and Entry(**entry) for path, entry in stored[side].items()}
    return Commit(**stored)


def digest(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True)
class Journal:
    folder: Path

    @property
    def next(self) -> Path:
        return self.folder / "next"

    @property
    def pending(self) -> Path:
        return self.folder / "pending"

    @property
    def finished(self) -> Path:
        return self.folder / "finished"

    @property
    def index(self) -> Path:
        """A git index of ours, for trees."""
        return self.next / "index"

    @property
    def at_rest(self) -> bool:
        """Nothing was cut off."""
        return not any(place.exists() for place in (self.next, self.pending, self.finished))

    @contextmanager
    def locked(self, wait_s: float = LOCK_WAIT_S) -> Iterator[int]:
        """The lock's descriptor. Raises Busy, OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            _take(lock, wait_s)
            yield lock
        finally:
            os.close(lock)

    # An act in the making ---------------------------------------------------------------

    def stage(self, side: str, path: str, content: bytes, mode: int | None) -> None:
        place = self.next / side / path
        place.parent.mkdir(parents=True, exist_ok=True)
        _write(place, content, mode)

    def seal(self, act: Act) -> None:
        """Once this returns, whoever comes next can undo what follows."""
        self.index.unlink(missing_ok=True)
        _write(self.next / "act.json", act.to_json().encode(), None)
        for folder, _, _ in os.walk(self.next):
            _sync(Path(folder))
        self._rename(self.next, self.pending)

    def finish(self) -> None:
        """Raises OSError only where it is not finished."""
        self.pending.rename(self.finished)
        with suppress(OSError):
            _sync(self.folder)

    def read(self, place: Path) -> Act:
        """Raises Unreadable, OSError."""
        try:
            return Act.from_json((place / "act.json").read_text("utf-8"))
        except (FileNotFoundError, UnicodeDecodeError) as error:
            raise Unreadable(str(error)) from None

    @staticmethod
    def content(place: Path, side: str, path: str, known: str | None) -> bytes | None:
        """Raises Unreadable unless it is what the act says, Untouchable."""
        if known is None:
            return None
        file = Folder(place / side).read(path)
        if file is None or digest(file.content) != known:
            raise Unreadable(f"{side}/{path} is not what was kept there")
        return file.content

    # Records ----------------------------------------------------------------------------

    def record_of(self, id: str) -> Path:
        return self.folder / "applied" / id

    def file(self, act: Act) -> list[str]:
        """The finished act becomes a record, or takes one away. The ids whose records had to make room."""
        record = self.record_of(act.id)
        discard(record)
        if act.kind == ROLLBACK:
            discard(self.finished)
            return []
        record.parent.mkdir(parents=True, exist_ok=True)
        self._rename(self.finished, record)
        os.utime(record)
        return self._prune()

    def _prune(self) -> list[str]:
        records = [place for place in (self.folder / "applied").iterdir() if is_id(place.name)]
        oldest = sorted(records, key=lambda place: place.stat().st_mtime)[:-MOST_RECORDS]
        for record in oldest:
            discard(record)
        return [record.name for record in oldest]

    def _rename(self, old: Path, new: Path) -> None:
        old.rename(new)
        _sync(old.parent)
        _sync(new.parent)


def is_id(text: str) -> bool:
    """May name a record's folder and a ref."""
    return _ID.fullmatch(text) is not None and ".." not in text and not text.endswith((".", ".lock"))


def discard(place: Path) -> None:
    """Renamed first, so that what is half gone is never taken for something whole."""
    if not place.exists():
        return
    rubbish = place.parent / ".rubbish"
    shutil.rmtree(rubbish, ignore_errors=True)
    place.rename(rubbish)
    shutil.rmtree(rubbish)


def _take(lock: int, wait_s: float) -> None:
    ends = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > ends:
                raise Busy from None
        time.sleep(0.02)


def _write(place: Path, content: bytes, mode: int | None) -> None:
    with place.open("xb") as file:
        if mode is not None:  # before there is anything to read
            os.fchmod(file.fileno(), mode | 0o600)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
