"""Snapshots: named by content, and nothing in them can leave the tree."""

from __future__ import annotations

import pytest

from cfx_flow.errors import InvalidRequest
from cfx_flow.workspace import snapshot as snapshots
from cfx_flow.workspace.snapshot import EXECUTABLE, PLAIN, Snapshot, from_files

UNSAFE = [
    "../x",
    "a/../b",
    "..",
    "/etc/passwd",
    "a\\b",
    "a\0b",
    "a\nb",
    ".git/config",
    "a/.GIT/hooks/x",
    ".g\u200bit/config",
    "\uff0egit/config",
    "git~1/config",
    ".git. /x",
    ".git",
    "",
    "a//b",
    "./a",
    "a/",
    "C:/x",
    "x" * 1025,
    "a\ud800b",
]


@pytest.mark.parametrize("path", UNSAFE, ids=ascii)
def test_an_unsafe_path_is_refused_by_name(path: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        from_files({"ok.py": "", path: "x"})
    assert refusal.value.param == "workspace.files"
    shown = path[:200] if path.isprintable() else ascii(path)[1:-1]
    assert shown in refusal.value.message


@pytest.mark.parametrize(
    "path", ["a.py", "a b/ü.txt", ".github/x", ".gitignore", "git/x", "...", "a..b", "-x", "~x"]
)
def test_an_ordinary_path_is_taken(path: str) -> None:
    assert list(from_files({path: "x"}).files) == [path]


@pytest.mark.parametrize("beside", [[], ["a-b", "a.b/c", "a b", "A", "ab/c", "a+"]])
def test_a_path_that_is_file_and_folder_is_refused(beside: list[str]) -> None:
    from_files(dict.fromkeys(["a", *beside], ""))
    with pytest.raises(InvalidRequest, match="'a' is a file"):
        from_files(dict.fromkeys(["a", "a/b/c", *beside], ""))


def test_the_id_depends_on_paths_contents_and_modes_alone() -> None:
    one = from_files({"a": "1", "b": "2"})
    assert one.id == from_files({"b": "2", "a": "1"}).id
    assert one.id.startswith("sha256:")
    others = [
        from_files({"a": "1", "b": "3"}),
        from_files({"a": "1", "c": "2"}),
        from_files({"a": "1"}),
        Snapshot(one.files, {"a": PLAIN, "b": EXECUTABLE}),
    ]
    assert len({one.id, *(other.id for other in others)}) == 5


def test_only_utf8_without_nul_is_text() -> None:
    files = {"text": "é\r\n".encode(), "nul": b"a\0b", "latin": b"\xe9", "empty": b""}
    assert Snapshot(files, dict.fromkeys(files, PLAIN)).texts == {"text": "é\r\n", "empty": ""}


def test_there_are_limits() -> None:
    with pytest.raises(InvalidRequest, match="20000 files"):
        from_files({f"f{n}": "" for n in range(snapshots.MAX_FILES + 1)})
