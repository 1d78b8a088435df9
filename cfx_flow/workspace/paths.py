"""Which paths may stand in a snapshot."""

from __future__ import annotations

import re
import unicodedata

from cfx_flow.errors import InvalidRequest

MAX_PATH_BYTES = 1024
_PLAIN = re.compile(r"(?:\w[\w.+@=,-]*/)*\w[\w.+@=,-]*", re.ASCII)
"""as almost all are, and nothing is wrong with such a one"""


def check_path(path: str, *, param: str | None = None) -> None:
    """Raises InvalidRequest, naming the path, for anything that could leave the tree or touch its git."""
    if len(path) <= MAX_PATH_BYTES and _PLAIN.fullmatch(path):
        return
    if problem := _problem(path):
        shown = f"'{path[:200]}'" if path.isprintable() else ascii(path[:200])
        raise InvalidRequest(f"The path {shown} cannot be used: {problem}.", param=param)


def _problem(path: str) -> str | None:
    parts = path.split("/")
    problems = {
        "it is empty": not path,
        f"it is longer than {MAX_PATH_BYTES} bytes": len(path.encode("utf-8", "surrogatepass"))
        > MAX_PATH_BYTES,
        "it contains control characters": any(unicodedata.category(c) in ("Cc", "Cs") for c in path),
        "it contains a backslash; write /": "\\" in path,
        "it is absolute": path.startswith("/") or (path[1:2] == ":" and path[0].isalpha()),
        "it contains an empty part, '.' or '..'": not {"", ".", ".."}.isdisjoint(parts),
        "it lies in a .git folder": any(_is_git(part) for part in parts),
    }
    return next((problem for problem, holds in problems.items() if holds), None)


def _is_git(part: str) -> bool:
    """``.git`` as case-insensitive and Unicode-folding file systems would see it."""
    plain = "".join(c for c in unicodedata.normalize("NFKC", part) if unicodedata.category(c) != "Cf")
    return plain.casefold().rstrip(". ") in (".git", "git~1")
