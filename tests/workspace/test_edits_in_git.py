"""In a repository, amid a person's own work: index, HEAD and stash stay theirs; a commit holds the change."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cfx_flow.errors import InvalidRequest, NotApplied, WorkspaceUnreachable
from cfx_flow.workspace.edits import Change, CommitWish, apply, message_of, recover, rollback
from cfx_flow.workspace.edits.git import Git
from tests.workspace.trees import (
    AFTER,
    CHANGED,
    CHANGES,
    FILES,
    LONG,
    contents,
    git,
    git_state,
    make_repo,
    write,
)

pytestmark = pytest.mark.e2e
MINE = LONG.replace(b"line 2\n", b"my line 2\n")


@pytest.fixture(autouse=True)
def _nobody_s_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, "/dev/null")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo")


def dirty(repo: Path) -> Path:
    """Edited, staged, stashed, untracked."""
    write(repo, {"mine.txt": b"stashed\n"})
    git(repo, "stash")
    write(repo, {"mine.txt": b"staged\n", "added.txt": b"added\n"})
    git(repo, "add", "mine.txt", "added.txt")
    write(repo, {"mine.txt": b"staged, and edited\n", "long.txt": MINE, "untracked.txt": b"untracked\n"})
    return repo


def diff_of(repo: Path, commit: str) -> str:
    return git(repo, "diff", "--no-color", f"{commit}^", commit)


EXACTLY = {"gone.sh", "long.txt", "new/deep/er.txt", "sub/other.txt"}


def names_of(repo: Path, one: str, other: str) -> set[str]:
    return set(git(repo, "diff", "--name-only", one, other).split())


def test_apply_and_rollback_touch_neither_index_nor_head_nor_stash(repo: Path) -> None:
    dirty(repo)
    before, mine = git_state(repo), contents(repo)
    apply(repo, "flow", CHANGES)
    assert git_state(repo) == before
    assert contents(repo)["mine.txt"] == b"staged, and edited\n"
    rollback(repo, "flow")
    assert git_state(repo) == before
    assert contents(repo) == mine


def test_trees_before_and_after_differ_by_the_change_alone_and_go_with_it(repo: Path) -> None:
    dirty(repo)
    done = apply(repo, "flow", CHANGES)
    assert done.trees is not None
    assert names_of(repo, "refs/cfx/flow/before", "refs/cfx/flow/after") == EXACTLY
    assert git(repo, "show", "refs/cfx/flow/before:long.txt").encode() == MINE
    assert "100755" in git(repo, "ls-tree", "refs/cfx/flow/before", "gone.sh")
    assert git(repo, "fsck", "--strict") == ""
    rollback(repo, "flow")
    assert git(repo, "for-each-ref", "refs/cfx") == ""


def test_commit_holds_the_change_and_nothing_of_the_dirty_state(repo: Path) -> None:
    dirty(repo)
    stash = git(repo, "stash", "list")
    done = apply(repo, "flow", CHANGES, CommitWish(message_of("Say fifteen\nand more", "flow")))
    assert git(repo, "rev-parse", "main").strip() == done.commit
    assert names_of(repo, "main~", "main") == EXACTLY
    assert git(repo, "show", "main:long.txt").encode() == CHANGED
    assert (
        git(repo, "log", "-1", "--format=%s|%(trailers:key=CFX-Flow,valueonly)").strip() == "Say fifteen|flow"
    )
    assert git(repo, "status", "--porcelain").splitlines() == [
        "A  added.txt",
        " M long.txt",
        "MM mine.txt",
        "?? untracked.txt",
    ]
    assert git(repo, "diff", "long.txt").count("\n-") == 2  # the file's header, and the line edited by hand
    assert git(repo, "stash", "list") == stash


def test_staged_edits_of_a_file_that_the_flow_changes_stay_staged_on_top_of_the_commit(repo: Path) -> None:
    write(repo, {"long.txt": MINE})
    git(repo, "add", "long.txt")
    apply(repo, "flow", CHANGES, CommitWish("m"))
    assert git(repo, "show", "HEAD:long.txt").encode() == CHANGED
    assert git(repo, "show", ":long.txt").encode() == CHANGED.replace(b"line 2\n", b"my line 2\n")
    assert git(repo, "status", "--porcelain") == "M  long.txt\n"


def test_rollback_with_a_commit_commits_exactly_the_way_back(repo: Path) -> None:
    dirty(repo)
    apply(repo, "flow", CHANGES, CommitWish("there"))
    rollback(repo, "flow", CommitWish("and back"))
    assert names_of(repo, "HEAD", "HEAD~2") == set()
    assert "100755" in git(repo, "ls-tree", "HEAD", "gone.sh")
    assert contents(repo)["long.txt"] == MINE


def test_new_branch_takes_the_commit_and_the_old_one_stays(repo: Path) -> None:
    dirty(repo)
    old = git(repo, "rev-parse", "main")
    done = apply(repo, "flow", CHANGES, CommitWish("m", "cfx/flow"))
    assert git(repo, "symbolic-ref", "HEAD").strip() == "refs/heads/cfx/flow"
    assert git(repo, "rev-parse", "HEAD").strip() == done.commit
    assert git(repo, "rev-parse", "main") == old
    assert contents(repo)["untracked.txt"] == b"untracked\n"


@pytest.mark.parametrize("branch", ["main", "-x", "a..b", "", "x.lock"])
def test_branch_that_exists_or_cannot_be_is_refused_and_nothing_is_written(repo: Path, branch: str) -> None:
    before = git_state(repo)
    with pytest.raises((NotApplied, InvalidRequest)):
        apply(repo, "flow", CHANGES, CommitWish("m", branch))
    assert contents(repo) == FILES
    assert git_state(repo) == before


def test_change_that_does_not_fit_the_last_commit_is_not_committed_nor_written(repo: Path) -> None:
    """The flow saw an edit that was never committed."""
    seen = LONG.replace(b"line 15\n", b"mine\n")
    write(repo, {"long.txt": seen})
    before = git_state(repo)
    change = Change("long.txt", seen, seen.replace(b"mine\n", b"theirs\n"))
    with pytest.raises(NotApplied, match=r"In the last commit long.txt .* line 15 was 'mine'"):
        apply(repo, "flow", [change], CommitWish("m"))
    assert contents(repo)["long.txt"] == seen
    assert git_state(repo) == before
    apply(repo, "flow", [change])


def test_amid_a_merge_no_commit_is_made(repo: Path) -> None:
    git(repo, "switch", "-qc", "other")
    write(repo, {"mine.txt": b"other\n"})
    git(repo, "commit", "-qam", "other")
    git(repo, "switch", "-q", "main")
    write(repo, {"mine.txt": b"main\n"})
    git(repo, "commit", "-qam", "main")
    with pytest.raises(subprocess.CalledProcessError):
        git(repo, "merge", "other")
    with pytest.raises(NotApplied, match="A merge is under way"):
        apply(repo, "flow", CHANGES, CommitWish("m"))
    before = git_state(repo)
    apply(repo, "flow", CHANGES)
    assert git_state(repo) == before


def test_without_a_name_git_makes_no_commit_and_nothing_is_written(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    git(repo, "config", "user.useConfigOnly", "true")
    git(repo, "config", "--unset", "user.email")
    with pytest.raises(NotApplied, match=r"git refuses: .*email"):
        apply(repo, "flow", CHANGES, CommitWish("m"))
    assert contents(repo) == FILES


def test_first_commit_of_all_can_be_a_flow_s(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    repo.mkdir()
    git(repo, "init", "-q", "-b", "main")
    git(repo, "config", "user.name", "n")
    git(repo, "config", "user.email", "n@e")
    apply(repo, "flow", [Change("a.txt", None, b"a\n")], CommitWish("m"))
    assert git(repo, "status", "--porcelain") == ""
    rollback(repo, "flow", CommitWish("back"))
    assert git(repo, "ls-tree", "HEAD") == ""


@pytest.mark.parametrize("autocrlf", ["true", "false"])
def test_checkout_with_crlf_takes_a_change_made_on_lf(tmp_path: Path, autocrlf: str) -> None:
    """With autocrlf the repository has LF all the same; without, CRLF is what it has."""
    repo = make_repo(tmp_path / "repo", core_autocrlf=autocrlf)
    write(repo, {"long.txt": LONG.replace(b"\n", b"\r\n")})
    if autocrlf == "false":
        git(repo, "commit", "-qam", "crlf")
    before = git_state(repo), contents(repo)
    apply(repo, "flow", CHANGES)
    assert contents(repo)["long.txt"] == CHANGED.replace(b"\n", b"\r\n")
    assert "\r" not in git(repo, "diff", "refs/cfx/flow/before", "refs/cfx/flow/after") or autocrlf == "false"
    assert names_of(repo, "refs/cfx/flow/before", "refs/cfx/flow/after") == EXACTLY
    rollback(repo, "flow")
    assert (git_state(repo), contents(repo)) == before
    apply(repo, "flow", CHANGES, CommitWish("m"))
    assert git(repo, "status", "--porcelain") == ""
    assert git(repo, "diff", "--shortstat", "HEAD~").strip() == (
        "4 files changed, 4 insertions(+), 4 deletions(-)"
    )


def test_folder_in_a_repository_is_its_own_root_and_the_journal_the_repository_s(repo: Path) -> None:
    done = apply(repo / "sub", "flow", [Change("other.txt", b"other\n", b"another\n")])
    assert done.written == ("other.txt",)
    assert names_of(repo, "refs/cfx/flow/before", "refs/cfx/flow/after") == {"sub/other.txt"}
    rollback(repo, "flow")
    assert contents(repo) == FILES


def test_submodule_is_another_repository_and_stays_as_it_is(repo: Path, tmp_path: Path) -> None:
    make_repo(tmp_path / "module")
    git(
        repo, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(tmp_path / "module"), "module"
    )
    git(repo, "commit", "-qm", "module")
    before = git(repo, "ls-tree", "HEAD", "module")
    apply(repo, "flow", CHANGES, CommitWish("m"))
    assert git(repo, "ls-tree", "HEAD", "module") == before
    assert git(repo, "status", "--porcelain") == ""
    with pytest.raises(NotApplied, match="another repository"):
        apply(repo, "inside", [Change("module/new.txt", None, b"x\n")])
    apply(repo / "module", "inside", CHANGES)
    assert git(repo / "module", "for-each-ref", "refs/cfx") != ""


def test_linked_working_tree_has_a_journal_of_its_own(repo: Path, tmp_path: Path) -> None:
    git(repo, "worktree", "add", "-q", str(tmp_path / "linked"), "-b", "linked")
    apply(tmp_path / "linked", "flow", CHANGES, CommitWish("m"))
    assert contents(repo) == FILES
    with pytest.raises(NotApplied, match="no record"):
        rollback(repo, "flow")
    apply(repo, "flow", CHANGES)
    kept = git(repo, "for-each-ref", "refs/cfx")
    rollback(repo, "flow")
    assert git(repo, "for-each-ref", "refs/cfx") == kept  # the other one has a record with these trees
    rollback(tmp_path / "linked", "flow")
    assert git(repo, "for-each-ref", "refs/cfx") == ""


def test_repository_with_other_hashes_takes_commits_too(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    repo.mkdir()
    git(repo, "init", "-q", "--object-format=sha256", "-b", "main")
    make_repo(repo)
    apply(repo, "flow", CHANGES, CommitWish("m"))
    assert contents(repo) == AFTER
    assert git(repo, "status", "--porcelain") == ""


def test_names_that_need_quoting_are_taken_as_they_are(repo: Path) -> None:
    paths = ["*.txt", ":(top)x", "ü b.txt", "-x", 'q"uote']
    apply(repo, "flow", [Change(path, None, b"x\n") for path in paths], CommitWish("m"))
    assert git(repo, "status", "--porcelain") == ""
    assert len(git(repo, "ls-tree", "-z", "--name-only", "HEAD").split("\0")[:-1]) == 4 + len(paths)


def test_more_names_are_looked_up_than_a_command_line_takes(repo: Path) -> None:
    git_ = Git(repo, repo / ".git")
    paths = [f"{number}/{'x' * 3000}" for number in range(1000)]  # 3 MB
    known = git(repo, "ls-files").split()
    assert set(git_.entries_of("HEAD", [*paths, *known])) == set(known)
    assert set(git_.entries_in_index([*paths, *known])) == set(known)


def test_hooks_and_helpers_of_the_repository_are_not_run(repo: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    for hook in ("pre-commit", "post-commit", "reference-transaction", "post-index-change"):
        (repo / ".git" / "hooks" / hook).parent.mkdir(exist_ok=True)
        (repo / ".git" / "hooks" / hook).symlink_to(trap)
    git(repo, "config", "core.fsmonitor", str(trap))
    apply(repo, "flow", CHANGES, CommitWish("m"))
    rollback(repo, "flow", CommitWish("m"))
    assert not (tmp_path / "sprung").exists()


def test_git_s_own_folder_is_no_working_tree(repo: Path) -> None:
    with pytest.raises(WorkspaceUnreachable, match="git does not work"):
        apply(repo / ".git", "flow", CHANGES)
    assert recover(repo) == ()


def test_a_commit_that_was_cut_off_at_its_end_is_not_undone_below_somebodys_next_one(repo: Path) -> None:
    apply(repo, "flow", CHANGES, CommitWish("Change\n"))
    journal = repo / ".git" / "cfx"
    (journal / "applied" / "flow").rename(journal / "pending")  # as a kill right after HEAD moved leaves it
    git(repo, "commit", "-q", "--allow-empty", "-m", "theirs")
    assert "finished" in recover(repo)[0]
    assert contents(repo) == AFTER
    assert not git(repo, "status", "--porcelain")
