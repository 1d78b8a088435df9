from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from cli.tree import MAX_FILE_BYTES, NotAppliedError, Tree, TreeError, read_folder, read_tracked, write_patch


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a.txt").write_text("one\n")
    (folder / "sub").mkdir()
    (folder / "sub" / "run.sh").write_text("#!/bin/sh\n")
    (folder / "sub" / "run.sh").chmod(0o755)
    git(folder, "add", "-A")
    return folder


def git(folder: Path, *arguments: str) -> None:
    environ = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null"}
    subprocess.run(["git", "-C", str(folder), *arguments], env=environ, check=True, capture_output=True)


# reading


def test_tracked_files_are_read_as_they_lie_on_the_disk_not_as_git_has_them(repo: Path) -> None:
    (repo / "a.txt").write_text("edited\n")
    (repo / "new.txt").write_text("not tracked\n")
    tree = read_tracked(repo)
    assert tree.files == {"a.txt": b"edited\n", "sub/run.sh": b"#!/bin/sh\n"}
    assert tree.executable == {"sub/run.sh"}
    assert tree.untracked == 1


def test_folder_inside_a_repository_is_its_own_root(repo: Path) -> None:
    assert set(read_tracked(repo / "sub").files) == {"run.sh"}


def test_deleted_file_is_not_sent(repo: Path) -> None:
    (repo / "a.txt").unlink()
    assert set(read_tracked(repo).files) == {"sub/run.sh"}


def test_link_submodule_and_giant_are_left_out_with_a_word(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("outside\n")
    (repo / "link").symlink_to(tmp_path / "secret")
    (repo / "giant.bin").write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    (repo / "module").mkdir()
    git(repo / "module", "init", "-q")
    git(
        repo / "module", "-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "--allow-empty", "-m", "m"
    )
    git(repo, "add", "-A")
    tree = read_tracked(repo)
    assert dict(tree.skipped) == {"giant.bin": "over 4 MiB", "link": "a link", "module": "a submodule"}
    assert set(tree.files) == {"a.txt", "sub/run.sh"}


def test_file_below_a_folder_that_became_a_link_is_not_followed(repo: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (repo / "sub").rename(outside)
    (repo / "sub").symlink_to(outside)
    tree = read_tracked(repo)
    assert dict(tree.skipped) == {"sub/run.sh": "a link"}


def test_folder_without_git_is_refused_and_says_how_to_send_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\n")
    with pytest.raises(TreeError, match=r"not a git repository.*--all-files"):
        read_tracked(tmp_path)
    assert read_folder(tmp_path).files == {"a.txt": b"one\n"}


def test_whole_folder_leaves_git_and_links_out(repo: Path) -> None:
    (repo / "loop").symlink_to(repo)
    tree = read_folder(repo)
    assert set(tree.files) == {"a.txt", "sub/run.sh"}
    assert dict(tree.skipped) == {"loop": "a link"}


@pytest.mark.parametrize("read", [read_tracked, read_folder])
def test_folder_that_is_not_there_is_named(tmp_path: Path, read: object) -> None:
    with pytest.raises(TreeError, match="nowhere is not a folder"):
        read(tmp_path / "nowhere")  # type: ignore[operator]


def test_empty_repository_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    with pytest.raises(TreeError, match="no file to send"):
        read_tracked(tmp_path)


def test_same_files_pack_to_the_same_bytes(repo: Path) -> None:
    packed = read_tracked(repo).pack()
    os.utime(repo / "a.txt", (1, 1))
    assert read_tracked(repo).pack() == packed
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        assert [(entry.name, entry.mode) for entry in archive] == [("a.txt", 0o644), ("sub/run.sh", 0o755)]


# writing


def contents(tree: Tree) -> dict[str, bytes]:
    return dict(read_folder(tree.root).files)


def test_patch_changes_makes_and_removes_files(repo: Path) -> None:
    tree = read_tracked(repo)
    write_patch(tree, {"a.txt": b"two\n", "deep/er/new.txt": b"new\n", "sub/run.sh": None})
    assert contents(tree) == {"a.txt": b"two\n", "deep/er/new.txt": b"new\n"}


def test_changed_file_keeps_its_mode(repo: Path) -> None:
    tree = read_tracked(repo)
    write_patch(tree, {"sub/run.sh": b"#!/bin/sh\nexit 1\n"})
    assert (repo / "sub" / "run.sh").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("drift", ["changed", "gone", "made", "link"])
def test_drift_names_the_file_and_writes_nothing(repo: Path, tmp_path: Path, drift: str) -> None:
    tree = read_tracked(repo)
    path = {"made": "new.txt", "link": "a.txt"}.get(drift, "a.txt")
    if drift == "changed":
        (repo / "a.txt").write_text("mine\n")
    elif drift == "gone":
        (repo / "a.txt").unlink()
    elif drift == "made":
        (repo / "new.txt").write_text("mine\n")
    else:
        (tmp_path / "elsewhere").write_text("one\n")
        (repo / "a.txt").unlink()
        (repo / "a.txt").symlink_to(tmp_path / "elsewhere")
    before = contents(tree)
    with pytest.raises(NotAppliedError, match=path):
        write_patch(tree, {"sub/run.sh": b"changed\n", path: b"theirs\n"})
    assert contents(tree) == before


def test_disk_that_refuses_in_the_middle_leaves_everything_as_it_was(repo: Path) -> None:
    tree = read_tracked(repo)
    (repo / "wall").write_text("a file where the patch wants a folder\n")
    with pytest.raises(NotAppliedError, match="put back"):
        write_patch(
            tree, {"a.txt": b"two\n", "fresh.txt": b"new\n", "sub/run.sh": None, "wall/x.txt": b"no\n"}
        )
    assert contents(tree) == {
        "a.txt": b"one\n",
        "sub/run.sh": b"#!/bin/sh\n",
        "wall": b"a file where the patch wants a folder\n",
    }
    assert (repo / "sub" / "run.sh").stat().st_mode & 0o777 == 0o755


def test_patch_never_leads_outside(repo: Path, tmp_path: Path) -> None:
    tree = read_tracked(repo)
    with pytest.raises(NotAppliedError, match="outside"):
        write_patch(tree, {"../escaped.txt": b"x"})
    assert not (tmp_path / "escaped.txt").exists()
