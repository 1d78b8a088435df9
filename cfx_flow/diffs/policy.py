"""What a diff may touch: judged on the raw section, before anything is looked up or placed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from cfx_flow.diffs.model import Code, FileDiff, Policy, Problem, Refused
from cfx_flow.diffs.paths import DEV_NULL, why_unsafe

_SYMLINK, _SUBMODULE = "120000", "160000"
_PLAIN = {"100644", "0100644", "644"}


def enforce_form(files: list[FileDiff]) -> None:
    """Paths, links, modes, binaries, renames, hunks. Raises ``Refused`` with all problems."""
    problems = [problem for file in files for problem in _form_problems(file)]
    if problems := problems or list(_without_hunks(files)):
        raise Refused(problems)


def _without_hunks(files: list[FileDiff]) -> Iterator[Problem]:
    """Files that are named and not changed: the change stands in another form, or was left out.

    An empty file may come so. One that is to go is asked for its lines where they are compared.
    """
    shown = {file.names for file in files if file.hunks}
    message = (
        "no hunk follows the headers of this file: begin one with @@, and each of its lines with a blank, "
        "- or +; or leave the file out"
    )
    for file in files:
        comes_empty = file.creates and not file.astray
        if not (file.hunks or file.names in shown or file.deletes or comes_empty) and file.promises_hunks:
            yield Problem(Code.NO_DIFF, message, _path(file), file.line)


def _form_problems(file: FileDiff) -> Iterator[Problem]:
    for raw in dict.fromkeys(raw_paths(file)):
        if reason := why_unsafe(raw):
            yield Problem(Code.UNSAFE_PATH, f"the path {raw[:200]!r} {reason}", raw[:200], file.line)
    path = _path(file)
    if file.modes:
        yield from _mode_problems(file, path)
    if file.binary:
        yield Problem(
            Code.BINARY,
            "binary content cannot be reviewed: leave it out and change text files only",
            path,
            file.line,
        )
    if file.renames:
        yield Problem(
            Code.RENAME_OR_COPY,
            "renames and copies are not taken: delete the old file and create the new one, in full",
            path,
            file.line,
        )


def raw_paths(file: FileDiff) -> list[str]:
    named = (file.old_path, file.new_path, *(file.git_paths or ()))
    return [path for path in named if path is not None and path != DEV_NULL]


def _path(file: FileDiff) -> str | None:
    return next(iter(raw_paths(file)), None)


def _mode_problems(file: FileDiff, path: str | None) -> Iterator[Problem]:
    modes = {mode for _, mode in file.modes}
    if _SYMLINK in modes:
        yield Problem(Code.SYMLINK, "symbolic links are not taken: leave it out", path, file.line)
    elif _SUBMODULE in modes:
        yield Problem(Code.MODE_CHANGE, "submodules are not taken: leave it out", path, file.line)
    elif file.has_mode("old") or file.has_mode("new"):
        yield Problem(
            Code.MODE_CHANGE,
            "the mode of a file cannot be changed: leave the mode lines out",
            path,
            file.line,
        )
    elif any(kind == "new file" and mode not in _PLAIN for kind, mode in file.modes):
        yield Problem(Code.MODE_CHANGE, "a new file gets mode 100644, no other", path, file.line)


def enforce_paths(paths: Iterable[tuple[str, int]], policy: Policy) -> None:
    """Allowed and protected patterns, on resolved paths with the line that named them."""
    problems = [
        problem for path, line in paths if (problem := _pattern_problem(path, line, policy)) is not None
    ]
    if problems:
        raise Refused(problems)


def permits(path: str, policy: Policy) -> bool:
    """Whether the path may be changed, and so its lines be shown to whoever writes the diff."""
    return _pattern_problem(path, 0, policy) is None


def _pattern_problem(path: str, line: int, policy: Policy) -> Problem | None:
    if any(fnmatchcase(path, pattern) for pattern in policy.protected):
        return Problem(
            Code.PROTECTED_PATH, f"{path} is protected and must not be changed: leave it out", path, line
        )
    if policy.allowed is not None and not any(fnmatchcase(path, pattern) for pattern in policy.allowed):
        message = (
            f"{path} is not among the files this change may touch ({', '.join(policy.allowed)}): leave it out"
        )
        return Problem(Code.PATH_NOT_ALLOWED, message, path, line)
    return None
