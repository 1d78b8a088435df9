"""Which file a section means, by exact rules and never by likeness."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property

from cfx_flow.diffs.model import Code, FileDiff, Hunk, Problem, Refused, Repair
from cfx_flow.diffs.paths import DEV_NULL, PREFIX, readings, without_prefix
from cfx_flow.diffs.source import BYTE_ORDER_MARK, Source


class Operation(Enum):
    MODIFY = "modified"
    CREATE = "created"
    DELETE = "deleted"


class Tree:
    """The given files, and the folders that they imply."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.files)

    def is_folder(self, path: str) -> bool:
        """Sought, for a set of all folders of deep trees would be many times as large as the paths."""
        at = bisect_left(self._sorted, f"{path}/")
        return at < len(self._sorted) and self._sorted[at].startswith(f"{path}/")

    @cached_property
    def by_name(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for path in self._sorted:
            names.setdefault(_name(path), []).append(path)
        return names

    def is_named_bare(self, file: FileDiff) -> bool:
        """A file stands under just the name that the section gives: this answer writes names bare.

        In a folder that is called like a prefix, only if it does not stand under the rest of the name too.
        """
        name = file.old_path
        if name is None or name not in self.files or file.new_path not in {name, DEV_NULL}:
            return False
        bare = without_prefix(name)
        return (bare == name and file.new_path == name) or (bare != name and bare not in self.files)

    def in_the_way_of(self, path: str) -> str | None:
        """A file where the path needs a folder, or a folder where it needs a file."""
        if self.is_folder(path):
            return path + "/"
        return next((folder for folder in _folders(path) if folder in self.files), None)


def _name(path: str) -> str:
    return path.rpartition("/")[2].casefold()


def _folders(path: str) -> list[str]:
    return [path[:at] for at, char in enumerate(path) if char == "/"]


@dataclass(slots=True)
class Target:
    path: str
    operation: Operation
    line: int
    hunks: list[Hunk] = field(default_factory=list)

    def absorb(self, other: Target) -> None:
        """Another section for the same path. Raises ``Refused`` when the two want different things."""
        if self.operation is not other.operation:
            what = f"{self.path} is to be both {self.operation.value} and {other.operation.value}"
            raise Refused(Problem(Code.CONFLICTING_HUNKS, what, self.path, other.line))
        self.hunks = self.hunks + other.hunks

    @property
    def carries_returns(self) -> bool:
        """Some line of the diff ends in a carriage return, so that line ends may be what it changes."""
        return any("\r\n" in "\n".join([*hunk.body, ""]) for hunk in self.hunks)

    @property
    def carries_mark(self) -> bool:
        """The diff shows the file's byte order mark."""
        return any(line.startswith(BYTE_ORDER_MARK, 1) for hunk in self.hunks for line in hunk.body)


def resolve(file: FileDiff, tree: Tree, repairs: list[Repair]) -> Target:
    """The section's target.

    Raises ``Refused`` with ``paths_disagree``, ``missing_target``, ``new_file_exists``,
    or ``already_applied``.
    """
    candidates = common_paths(file)
    if file.creates and not file.deletes:
        there = (path for path in candidates if path in tree.files)  # named bare, perhaps
        return _creation(file, next(there, candidates[0]), tree)
    existing = [path for path in candidates if path in tree.files]
    if existing:
        path = _as_prefixed(file, existing)
        _note_prefix(file, path, repairs)
        operation = Operation.DELETE if file.deletes else Operation.MODIFY
        return Target(path, operation, file.line, file.hunks)
    if not file.deletes and _creates_without_saying(file):
        repairs.append(
            Repair("new_file_header", "a new file was not marked as new", candidates[0], file.line)
        )
        return _creation(file, candidates[0], tree)
    if file.deletes:  # whether it was ever there shows when the rest is placed
        return Target(candidates[0], Operation.DELETE, file.line, file.hunks)
    raise Refused(_missing(file, candidates[0], tree))


def _missing(file: FileDiff, path: str, tree: Tree) -> Problem:
    """Names the files that may have been meant; choosing one of them is not for us."""
    alike = tree.by_name.get(_name(path), [])
    hint = f"; there is {', '.join(alike[:5])}" if alike else ""
    message = f"there is no file {path}{hint}; a new file needs the header --- /dev/null"
    if path in alike:  # listed, and not to be read
        message = f"{path} is no plain file: links and the like are not changed, leave it out"
    return Problem(Code.MISSING_TARGET, message, path, file.line)


def common_paths(file: FileDiff) -> list[str]:
    """The paths that all of the section's headers can mean, likeliest first.

    Raises ``Refused`` with ``paths_disagree``, or ``missing_target`` when there is no header at all.
    """
    raw = [path for path in (file.old_path, file.new_path) if path and path != DEV_NULL]
    raw = raw or [path for path in file.git_paths or () if path != DEV_NULL]
    if not raw:
        raise Refused(
            Problem(Code.MISSING_TARGET, "a hunk names no file: write --- and +++ lines", None, file.line)
        )
    named = dict.fromkeys(raw + [path for path in file.git_paths or () if path != DEV_NULL])
    first, *others = [readings(other) for other in named]
    common = [path for path in first if all(path in other for other in others)]
    if not common:
        raise Refused(
            Problem(
                Code.PATHS_DISAGREE,
                f"the headers name different files: {' and '.join(named)}",
                raw[0],
                file.line,
            )
        )
    return common[::-1] if file.bare_names else common


def _as_prefixed(file: FileDiff, existing: list[str]) -> str:
    """``a/x`` on both sides has no prefix, so with both x and a/x there it means the latter."""
    if len(existing) > 1 and file.old_path == file.new_path and not file.bare_names:
        return existing[-1]
    return existing[0]


def _note_prefix(file: FileDiff, path: str, repairs: list[Repair]) -> None:
    if path in (file.old_path, file.new_path) and not PREFIX.match(path):
        repairs.append(Repair("path_prefix", "the a/ and b/ prefixes were missing", path, file.line))


def _creation(file: FileDiff, path: str, tree: Tree) -> Target:
    target = Target(path, Operation.CREATE, file.line, file.hunks)
    if path in tree.files:
        if content_of(file.hunks) == tree.files[path].rstrip("\n").split("\n"):
            raise Refused(Problem(Code.ALREADY_APPLIED, f"{path} already has this content", path, file.line))
        message = f"{path} already exists: change it, or name another"
        excerpts = (Source(tree.files[path]).excerpt(0, 60),)
        raise Refused(Problem(Code.NEW_FILE_EXISTS, message, path, file.line, excerpts=excerpts))
    if blocker := tree.in_the_way_of(path):
        raise Refused(
            Problem(
                Code.NEW_FILE_EXISTS, f"{path} cannot be created: {blocker} is in the way", path, file.line
            )
        )
    return target


def require_no_nesting(targets: Iterable[Target]) -> None:
    """Of two new files none is the other's folder. Raises ``Refused`` with ``new_file_exists``."""
    new = {target.path: target for target in targets if target.operation is Operation.CREATE}
    for path, target in new.items():
        for folder in _folders(path):
            if folder in new:
                message = f"{path} cannot be created: this diff makes {folder} a file"
                raise Refused(Problem(Code.NEW_FILE_EXISTS, message, path, target.line))


def require_sure_name(file: FileDiff, tree: Tree, *, bare: bool) -> None:
    """``+++ b/x`` among names without prefixes, and ``+++ c/x`` beside a folder c, may be x or as it stands.

    Raises ``Refused`` with ``paths_disagree``.
    """
    name = file.new_path or ""
    if file.git_paths or not PREFIX.match(name) or any(path in tree.files for path in readings(name)):
        return
    usual, is_folder = name[0] == "b", tree.is_folder(name[0])
    if (usual and bare and not is_folder) or (not usual and not bare and is_folder):
        message = (
            f"{name} may be that or {without_prefix(name)}: write a/ and b/ before the name of every file"
        )
        raise Refused(Problem(Code.PATHS_DISAGREE, message, name, file.line))


def content_of(hunks: list[Hunk]) -> list[str]:
    lines = [line for hunk in hunks for line in hunk.new]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _creates_without_saying(file: FileDiff) -> bool:
    """``@@ -0,0 +1,n @@`` and nothing but ``+`` lines; ``-5,0`` is a place in a file that should be there."""
    if len(file.hunks) != 1:
        return False
    hunk = file.hunks[0]
    nothing_before = hunk.counted is not None and hunk.counted[0] == 0 and hunk.stated == 1
    return (hunk.stated == 0 or nothing_before) and all(line[0] == "+" for line in hunk.body)
