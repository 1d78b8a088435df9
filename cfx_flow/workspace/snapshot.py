"""An immutable tree of files, named by its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from cfx_flow.errors import InvalidRequest
from cfx_flow.workspace.paths import check_path

MAX_FILES = 20_000
MAX_UNPACKED_BYTES = 256 * 1024 * 1024

PLAIN, EXECUTABLE = 0o644, 0o755

FILE_CHARS = 100
"""of content, which a file takes as long as to be gone through, besides its path and its own"""


@dataclass(frozen=True)
class Snapshot:
    """Content and mode (0o644 or 0o755) of each file, by relative path. Make it with the functions below."""

    files: Mapping[str, bytes]
    modes: Mapping[str, int]

    @cached_property
    def id(self) -> str:
        """``sha256:`` + hex over the sorted list of (path, mode, content hash).

        Each entry is one line of JSON, so that no path can imitate another entry.
        """
        whole = hashlib.sha256()
        for path in sorted(self.files):
            content = hashlib.sha256(self.files[path]).hexdigest()
            whole.update(json.dumps([path, f"{self.modes[path]:o}", content]).encode() + b"\n")
        return f"sha256:{whole.hexdigest()}"

    @cached_property
    def total_bytes(self) -> int:
        return sum(map(len, self.files.values()))

    @cached_property
    def weight(self) -> int:
        """As ``aside`` counts it: 20,000 empty files take long as well."""
        return self.total_bytes + sum(map(len, self.files)) + FILE_CHARS * len(self.files)

    @cached_property
    def texts(self) -> Mapping[str, str]:
        """The files that are text: UTF-8 without NUL. Line ends as they are."""
        decoded = ((path, _text(content)) for path, content in self.files.items())
        return {path: text for path, text in decoded if text is not None}


def from_files(files: Mapping[str, str]) -> Snapshot:
    """From a request's inline files. Raises InvalidRequest naming the path."""
    if len(files) > MAX_FILES:
        raise InvalidRequest(f"At most {MAX_FILES} files are taken.", param="workspace.files")
    contents = {path: _bytes(path, text) for path, text in files.items()}
    return checked(Snapshot(contents, dict.fromkeys(contents, PLAIN)), param="workspace.files")


def checked(snapshot: Snapshot, *, param: str | None = None) -> Snapshot:
    """Raises InvalidRequest for unsafe paths, a path that is both file and folder, and too much of it."""
    for path in snapshot.files:
        check_path(path, param=param)
    in_folders = sorted(snapshot.files, key=lambda path: path.replace("/", "\0"))
    for file, after in pairwise(in_folders):  # right after it, were it a folder, would be what lies in it
        if after.startswith(f"{file}/"):
            raise InvalidRequest(f"{file!r} is a file and, for {after!r}, a folder.", param=param)
    if snapshot.total_bytes > MAX_UNPACKED_BYTES:
        raise InvalidRequest(f"The files are larger than {MAX_UNPACKED_BYTES} bytes.", param=param)
    return snapshot


def _bytes(path: str, text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidRequest(f"The text of {path!r} is not Unicode.", param="workspace.files") from None


def _text(content: bytes) -> str | None:
    if b"\0" in content:
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None
