from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from cfx_flow.errors import WorkspaceUnreachable
from cfx_flow.workspace.archive import pack
from cfx_flow.workspace.working_tree import MAX_FILE_BYTES, read_folder, read_tracked, read_working_tree


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
    with pytest.raises(WorkspaceUnreachable, match=r"not a git repository.*--all-files"):
        read_tracked(tmp_path)
    assert read_folder(tmp_path).files == {"a.txt": b"one\n"}


def test_whole_folder_leaves_git_and_links_out(repo: Path) -> None:
    (repo / "loop").symlink_to(repo)
    tree = read_folder(repo)
    assert set(tree.files) == {"a.txt", "sub/run.sh"}
    assert dict(tree.skipped) == {"loop": "a link"}


@pytest.mark.parametrize("read", [read_tracked, read_folder])
def test_folder_that_is_not_there_is_named(tmp_path: Path, read: object) -> None:
    with pytest.raises(WorkspaceUnreachable, match="nowhere is not a folder"):
        read(tmp_path / "nowhere")  # type: ignore[operator]


def test_empty_repository_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    with pytest.raises(WorkspaceUnreachable, match="no file to send"):
        read_tracked(tmp_path)


def test_same_files_pack_to_the_same_bytes(repo: Path) -> None:
    packed = pack(read_tracked(repo).snapshot)
    os.utime(repo / "a.txt", (1, 1))
    assert pack(read_tracked(repo).snapshot) == packed
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        assert [(entry.name, entry.mode) for entry in archive] == [("a.txt", 0o644), ("sub/run.sh", 0o755)]


def test_working_tree_is_what_git_tracks_or_all_of_a_folder_that_git_does_not_know(
    repo: Path, tmp_path: Path
) -> None:
    (repo / "new.txt").write_text("not tracked\n")
    assert set(read_working_tree(repo).files) == {"a.txt", "sub/run.sh"}
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "a.txt").write_text("one\n")
    assert set(read_working_tree(tmp_path / "plain").files) == {"a.txt"}


def test_our_own_folder_is_never_sent(tmp_path: Path) -> None:
    """A server's database and key lie there."""
    (tmp_path / ".cfx").mkdir()
    (tmp_path / ".cfx" / "credentials.json").write_text("{}")
    (tmp_path / "a.txt").write_text("one\n")
    assert set(read_folder(tmp_path).files) == {"a.txt"}


def test_names_that_no_snapshot_takes_are_left_out_with_a_word(repo: Path) -> None:
    (repo / "back\\slash").write_text("x\n")
    git(repo, "add", "-A")
    assert dict(read_tracked(repo).skipped) == {"back\\slash": "a name that cannot be used"}
