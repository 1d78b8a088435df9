"""Repositories and files as one finds them: bare, detached, locked, amid a rebase, read-only, oddly named."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cfx_flow.errors import NotApplied, WorkspaceUnreachable
from cfx_flow.workspace.edits import Change, CommitWish, apply, rollback
from tests.workspace.trees import (
    AFTER,
    CHANGED,
    CHANGES,
    FILES,
    LONG,
    contents,
    git,
    git_state,
    make_folder,
    make_repo,
    modes,
    write,
)

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def _nobody_s_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, "/dev/null")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo")


def test_bare_repository_is_no_working_tree(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "bare")
    with pytest.raises(WorkspaceUnreachable, match="must be run in a work tree"):
        apply(tmp_path / "bare", "flow", CHANGES)
    assert not (tmp_path / "bare" / "cfx").exists()


@pytest.mark.parametrize("what", ["rebase", "cherry-pick"])
def test_amid_a_rebase_or_cherry_pick_it_is_applied_and_not_committed(repo: Path, what: str) -> None:
    git(repo, "switch", "-qc", "other")
    write(repo, {"mine.txt": b"other\n"})
    git(repo, "commit", "-qam", "other")
    git(repo, "switch", "-q", "main")
    write(repo, {"mine.txt": b"main\n"})
    git(repo, "commit", "-qam", "main")
    with pytest.raises(subprocess.CalledProcessError):
        git(repo, what, "other")
    before, conflict = git_state(repo), contents(repo)["mine.txt"]
    with pytest.raises(NotApplied, match=f"A {what} is under way"):
        apply(repo, "flow", CHANGES, CommitWish("m"))
    apply(repo, "flow", CHANGES)
    assert contents(repo) == AFTER | {"mine.txt": conflict}
    rollback(repo, "flow")
    assert contents(repo) == FILES | {"mine.txt": conflict}
    assert git_state(repo) == before


def test_conflict_in_the_file_itself_names_the_hunk(repo: Path) -> None:
    theirs = b"<<<<<<< HEAD\nline 15\n=======\nfifteenth\n>>>>>>> other\n"
    write(repo, {"long.txt": LONG.replace(b"line 15\n", theirs)})
    with pytest.raises(NotApplied, match=r"the hunk at line 15 .* there is '<<<<<<< HEAD'"):
        apply(repo, "flow", CHANGES)


def test_head_that_is_on_no_branch_takes_the_commit_and_no_branch_moves(repo: Path) -> None:
    git(repo, "checkout", "-q", "--detach")
    main = git(repo, "rev-parse", "main")
    done = apply(repo, "flow", CHANGES, CommitWish("m"))
    assert git(repo, "rev-parse", "HEAD").strip() == done.commit
    assert git(repo, "rev-parse", "main") == main
    assert (git(repo, "branch", "--show-current"), git(repo, "status", "--porcelain")) == ("", "")
    rollback(repo, "flow", CommitWish("back"))
    assert git(repo, "diff", "main", "HEAD") == ""


def test_index_that_another_git_has_locked_refuses_the_commit_and_everything_is_put_back(repo: Path) -> None:
    (repo / ".git" / "index.lock").touch()
    before = git_state(repo), modes(repo)
    with pytest.raises(NotApplied, match=r"index.lock.*[a-z]\. Everything was put back\."):
        apply(repo, "flow", CHANGES, CommitWish("m"))
    assert contents(repo) == FILES
    assert (git_state(repo), modes(repo)) == before
    apply(repo, "flow", CHANGES)
    assert contents(repo) == AFTER


def test_git_s_variables_of_the_shell_lead_nowhere_else(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_repo(tmp_path / "other")
    before = git_state(other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    apply(repo, "flow", CHANGES, CommitWish("m"))
    assert contents(repo) == AFTER
    assert (contents(other), git_state(other)) == (FILES, before)


@pytest.mark.parametrize("make", [make_folder, make_repo])
@pytest.mark.parametrize("mode", [0o444, 0o555, 0o600, 0o755])
def test_file_keeps_its_mode_there_and_back(tmp_path: Path, make: object, mode: int) -> None:
    assert callable(make)
    tree: Path = make(tmp_path / "tree")
    (tree / "long.txt").chmod(mode)
    apply(tree, "flow", CHANGES)
    assert (contents(tree)["long.txt"], modes(tree)["long.txt"]) == (CHANGED, mode)
    rollback(tree, "flow")
    assert (contents(tree)["long.txt"], modes(tree)["long.txt"]) == (LONG, mode)


@pytest.mark.parametrize("make", [make_folder, make_repo])
def test_empty_files_and_names_with_spaces_or_of_any_script_come_and_go(tmp_path: Path, make: object) -> None:
    assert callable(make)
    tree: Path = make(tmp_path / "ein Ordner \u00fc")
    write(tree, {"empty": b""})
    before = contents(tree)
    paths = ["neu \u00fc/da tei.txt", "\u65e5\u672c\u8a9e", " x ", "empty too"]
    new = [Change(path, None, b"" if path == "empty too" else b"x\n") for path in paths]
    apply(tree, "flow", [*new, Change("empty", b"", None)])
    assert contents(tree).keys() - before.keys() == set(paths)
    assert "empty" not in contents(tree)
    rollback(tree, "flow")
    assert contents(tree) == before
    assert not (tree / "neu \u00fc").exists()


@pytest.mark.parametrize("change", [Change("sub", None, b"x\n"), Change("mine.txt/x", None, b"x\n")])
def test_file_where_a_folder_stands_and_the_other_way_round_are_refused(repo: Path, change: Change) -> None:
    with pytest.raises(NotApplied, match=r"Nothing was written|put back"):
        apply(repo, "flow", [*CHANGES, change])
    assert contents(repo) == FILES


def test_folder_reached_through_a_link_is_the_folder_it_leads_to(repo: Path, tmp_path: Path) -> None:
    """The person named it; within the tree no link is followed."""
    (tmp_path / "link").symlink_to(repo)
    apply(tmp_path / "link", "flow", CHANGES)
    assert contents(repo) == AFTER
    rollback(repo, "flow")
    (repo / "inside").symlink_to(repo / "sub")
    with pytest.raises(NotApplied, match=r"inside/other\.txt"):
        apply(repo, "flow", [Change("inside/other.txt", b"other\n", b"x\n")])


@pytest.mark.parametrize("autocrlf", ["true", "input", "false"])
def test_checkout_with_other_line_ends_is_nobody_s_edit(tmp_path: Path, autocrlf: str) -> None:
    repo = make_repo(tmp_path / "repo", core_autocrlf=autocrlf)
    write(repo, {"long.txt": LONG.replace(b"\n", b"\r\n")})
    assert apply(repo, "flow", CHANGES).carried == ()
    assert rollback(repo, "flow").carried == ()
    write(repo, {"long.txt": LONG.replace(b"line 2\n", b"mine\n").replace(b"\n", b"\r\n")})
    assert apply(repo, "flow", CHANGES).carried == ("long.txt",)
