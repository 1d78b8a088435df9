"""Paths as diffs write them: quoting, prefixes, and what makes one unsafe."""

from __future__ import annotations

import re
import unicodedata

DEV_NULL = "/dev/null"
PREFIX = re.compile(r"^[abciow12]/")
_TWO_PATHS = re.compile(r'^("(?:[^"\\]|\\.)*"|\S+) ("(?:[^"\\]|\\.)*"|\S+)$')
_ESCAPE = re.compile(r'\\([0-7]{1,3}|[abtnvfr"\\])')
_SIMPLE = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, '"': 34, "\\": 92}
_PLAIN = re.compile(r"(?:\w[\w.+@=,-]{0,99}/){0,20}\w[\w.+@=,-]{0,99}", re.ASCII)
"""nothing in such a path can be unsafe, with a prefix or without"""
_MAX_PATH = 4096
"""bytes; a longer one is refused"""
_STAMP = re.compile(r"\s+\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d\S*(?: (?:Z|[+-]\d{4}))?)?$")
_REMARKS = (
    re.compile(r"\s+\((?:old|original|before|current|previous|existing)\)$"),
    re.compile(r"\s+\((?:new|new file|modified|updated|after|changed|fixed|proposed)\)$"),
)
_DEV_NULL = re.compile(r"^(?:[ab]/)?/?dev/null$")
_DRIVE = re.compile(r"^[A-Za-z]:")
_GIT_PART = re.compile(r"^\.git(~\d+)?$|^git~\d+$")


def header_path(text: str) -> str:
    """The path of a ``---`` or ``+++`` line: no timestamp, no quotes, no decoration."""
    path = text.split("\t", 1)[0].strip()
    if " " in path and len(path) <= _MAX_PATH:
        path = _STAMP.sub("", path)
    if path.endswith("dev/null"):
        path = _DEV_NULL.sub(DEV_NULL, path)
    if len(path) < 2 or path[0] != path[-1] or path[0] not in "\"`'*":
        return path
    return _unquote(path[1:-1]) if path[0] == '"' else path.strip("`'*")


def without_remarks(old: str, new: str) -> tuple[str, str]:
    """``x (original)`` and ``x (modified)``: a remark that only its own side can have is no name."""
    if (old.endswith(")") or new.endswith(")")) and max(len(old), len(new)) <= _MAX_PATH:
        return _REMARKS[0].sub("", old), _REMARKS[1].sub("", new)
    return old, new


def git_paths(text: str) -> tuple[str, str] | None:
    """Both paths of a ``diff --git`` line, None if they cannot be told apart.

    With blanks in the names only the split at which both are equal but for the prefix is sure; it lies
    in the middle.
    """
    text = text.rstrip()
    if quoted := _TWO_PATHS.match(text):
        return header_path(quoted.group(1)), header_path(quoted.group(2))
    middle = len(text) // 2
    for cut in range(max(middle - 3, 0), min(middle + 4, len(text))):
        old, new = text[:cut], text[cut + 1 :]
        if text[cut] == " " and without_prefix(old) == without_prefix(new):
            return old, new
    return None


def without_prefix(path: str) -> str:
    return path[2:] if PREFIX.match(path) else path


def readings(path: str) -> tuple[str, ...]:
    """The paths that a raw one can mean: without its prefix, and as it stands."""
    plain = _without_dot(path) if path.startswith("./") else path
    bare = _without_dot(without_prefix(plain))
    return (plain,) if bare == plain else (bare, plain)


def _without_dot(path: str) -> str:
    while path.startswith("./"):
        path = path[2:]
    return path


def why_unsafe(path: str) -> str | None:
    """A reason to refuse the path outright, whatever the workspace holds; None if there is none."""
    if _PLAIN.fullmatch(path):
        return None
    for reading in (path, *readings(path)):
        if reason := _why_unsafe(reading):
            return reason
    return None


def _why_unsafe(path: str) -> str | None:
    if not path or path == ".":
        return "is empty"
    if any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in path):
        return "holds control or invisible characters"
    if len(path.encode()) > _MAX_PATH or any(len(part.encode()) > 255 for part in path.split("/")):
        return "is too long"
    shape = unicodedata.normalize("NFKC", path)
    for form in {path, shape}:
        if reason := _why_unsafe_form(form):
            return reason
    return None


def _why_unsafe_form(path: str) -> str | None:
    parts = _without_dot(without_prefix(path) if PREFIX.match(path) else path).split("/")
    reasons = {
        "is absolute": path.startswith("/"),
        "holds a backslash": "\\" in path,
        "names a drive": _DRIVE.match(path) is not None,
        "starts in a home directory": path.startswith("~"),
        "leaves the workspace": ".." in parts,
        "has an empty part": any(not part.strip(" .") for part in parts),
        "lies in .git": any(_is_git(part) for part in parts),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _is_git(part: str) -> bool:
    """In any case, with NTFS' trailing dots, blanks and streams, and under its short name."""
    name = part.casefold().split(":", 1)[0].rstrip(" .")
    return _GIT_PART.match(name) is not None


def _unquote(text: str) -> str:
    """C-style quoting as git writes it: octal escapes are bytes of UTF-8."""
    out = bytearray()
    position = 0
    for match in _ESCAPE.finditer(text):
        out += text[position : match.start()].encode()
        code = match.group(1)
        out.append(_SIMPLE[code] if code in _SIMPLE else int(code, 8) & 0xFF)
        position = match.end()
    out += text[position:].encode()
    return out.decode(errors="replace")


def quote(path: str) -> str:
    """For a header that we write: git's quoting, only where a plain name would be misread."""
    if '"' not in path:
        return path
    return '"' + path.replace('"', '\\"') + '"'
