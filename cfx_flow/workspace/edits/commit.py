"""A commit that holds exactly the change, whatever else lies in the working tree and in the index.

The change is carried over to HEAD's content, and to the index' where something is staged; where it does
not fit on either, nothing is committed and nothing written. What ``git commit --only`` would do for these
files, but for their other edits. Neither hooks nor signatures are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cfx_flow.errors import InvalidRequest, NotApplied
from cfx_flow.workspace.edits.carry import carry
from cfx_flow.workspace.edits.change import Change, Drifted
from cfx_flow.workspace.edits.git import Entry, Git
from cfx_flow.workspace.edits.journal import Commit, Journal

_UNDER_WAY = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
}
_FILES = ("100644", "100755")


@dataclass(frozen=True, slots=True)
class CommitWish:
    message: str
    branch: str | None = None
    """a new one, which HEAD then is on; None: the one that it is on"""


def plan_commit(git: Git, journal: Journal, changes: Sequence[Change], wish: CommitWish) -> Commit:
    """The commit, made and not yet on any branch. Raises NotApplied, InvalidRequest, GitRefused."""
    _must_be_free(git, wish.branch)
    head, paths = git.head(), [change.path for change in changes]
    in_head, in_index = git.entries_of(head, paths), git.entries_in_index(paths)
    entries = {
        change.path: _carried(git, change, in_head.get(change.path), "the last commit") for change in changes
    }
    moved = {path: entry for path, entry in entries.items() if entry != in_head.get(path)}
    if not moved:
        raise NotApplied("The last commit has this change already; there is nothing to commit.")
    staged = {
        change.path: entries[change.path]
        if in_index.get(change.path) == in_head.get(change.path)
        else _carried(git, change, in_index.get(change.path), "the index")
        for change in changes
    }
    tree = git.tree_of_blobs(head, moved, journal.index)
    parents = ("-p", head) if head else ()
    made = git.run("commit-tree", tree, *parents, "-F", "-", given=wish.message.encode()).decode().strip()
    return Commit(made, head, wish.branch, {path: in_index.get(path) for path in staged}, staged)


def _must_be_free(git: Git, branch: str | None) -> None:
    for name, what in _UNDER_WAY.items():
        if (git.folder / name).exists():
            raise NotApplied(f"{what.capitalize()} is under way: end it, or apply without a commit.")
    if branch is None:
        return
    if branch.startswith("-") or git.asked("check-ref-format", f"refs/heads/{branch}") is None:
        raise InvalidRequest(f"{branch!r} cannot be the name of a branch.", param="branch")
    if git.asked("rev-parse", "--quiet", "--verify", f"refs/heads/{branch}") is not None:
        raise NotApplied(f"There is a branch {branch} already; name another.")


def _carried(git: Git, change: Change, entry: Entry | None, where: str) -> Entry | None:
    """Raises NotApplied."""
    if entry is not None and entry.mode not in _FILES:
        raise NotApplied(f"{change.path} is not a file in {where}. Nothing was written.")
    now = None if entry is None else git.blob(entry.blob)
    try:
        content = carry(change.before, change.after, now)
    except Drifted as drifted:
        raise NotApplied(
            f"In {where} {change.path} is not what the change was made for: it {drifted.why}. "
            "Commit your own edits first, or apply without a commit. Nothing was written."
        ) from None
    if content is None:
        return None
    new = "100755" if (change.mode or 0) & 0o100 else "100644"
    return Entry(entry.mode if entry else new, git.put_blob(content))


def take(git: Git, commit: Commit) -> None:
    """The index, then HEAD: with that the act is done. Raises GitRefused."""
    git.put_entries(commit.index_after)
    if commit.branch is None:
        git.run("update-ref", "-m", "cfx: commit", "HEAD", commit.new, commit.old or git.nothing)
        return
    branch = f"refs/heads/{commit.branch}"
    git.run("update-ref", "-m", "cfx: branch", branch, commit.new, git.nothing)
    git.run("symbolic-ref", "-m", f"cfx: switched to {commit.branch}", "HEAD", branch)


def is_taken(git: Git, commit: Commit) -> bool:
    """HEAD is on it, or on what was committed above it since. It cannot have come there otherwise."""
    on = git.asked("symbolic-ref", "--quiet", "HEAD")
    there = commit.branch is None or on == f"refs/heads/{commit.branch}"
    return there and git.asked("merge-base", "--is-ancestor", commit.new, "HEAD") is not None


def give_back(git: Git, commit: Commit) -> None:
    """Undoes what ``take`` has done before HEAD moved. Raises GitRefused."""
    branch = f"refs/heads/{commit.branch}"
    if commit.branch and git.asked("rev-parse", "--quiet", "--verify", branch) == commit.new:
        git.run("update-ref", "-d", branch, commit.new)
    now = git.entries_in_index(list(commit.index_after))
    back = {
        path: commit.index_before[path]
        for path, entry in commit.index_after.items()
        if now.get(path) == entry != commit.index_before[path]
    }
    if back:
        git.put_entries(back)


def message_of(title: str, id: str) -> str:
    """The first line of the task, and whose change it is."""
    line = " ".join(title.split("\n", 1)[0].split())[:72].strip() or "Apply a change"
    return f"{line}\n\nCFX-Flow: {id}\n"
