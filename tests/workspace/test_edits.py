"""Changes written into a folder and taken back: all of it or nothing, and nobody else's work."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cfx_flow.errors import InvalidRequest, NotApplied, TreeBusy, WorkspaceUnreachable
from cfx_flow.settings import HOUSE
from cfx_flow.workspace.edits import Change, CommitWish, apply, recover, rollback
from cfx_flow.workspace.edits.files import File, Folder
from tests.workspace.trees import (
    AFTER,
    CHANGED,
    CHANGES,
    FILES,
    LONG,
    contents,
    folders,
    make_folder,
    make_repo,
    modes,
    write,
)

Make = Callable[[Path], Path]


@pytest.fixture(params=[make_folder, make_repo], ids=["no git", "git"])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    make: Make = request.param
    return make(tmp_path / "tree")


def test_apply_and_rollback_leave_no_trace(tree: Path) -> None:
    before = contents(tree), modes(tree), folders(tree)
    done = apply(tree, "flow", CHANGES)
    assert contents(tree) == AFTER
    assert done.written == tuple(change.path for change in CHANGES)
    assert modes(tree)["long.txt"] == 0o640
    assert rollback(tree, "flow").written == done.written
    assert (contents(tree), modes(tree), folders(tree)) == before


def test_rollback_keeps_later_edits_elsewhere(tree: Path) -> None:
    apply(tree, "flow", CHANGES)
    mine = {
        "long.txt": CHANGED.replace(b"line 2\n", b"my line 2\n"),
        "mine.txt": b"mine too\n",
        "n.txt": b"n",
    }
    write(tree, mine | {"new/deep/mine.txt": b"mine\n"})
    done = rollback(tree, "flow")
    assert done.carried == ("long.txt",)
    assert contents(tree) == FILES | mine | {
        "long.txt": LONG.replace(b"line 2\n", b"my line 2\n"),
        "new/deep/mine.txt": b"mine\n",
    }


@pytest.mark.parametrize(
    ("drift", "told"),
    [
        (
            {"long.txt": CHANGED.replace(b"fifteen\n", b"15\n")},
            "long.txt has changed since: the hunk at line 15",
        ),
        ({"new/deep/er.txt": b"new\nmine\n"}, "new/deep/er.txt would be deleted, and has been edited"),
        ({"gone.sh": b"mine\n"}, "gone.sh exists by now"),
    ],
)
def test_rollback_over_edits_in_the_way_names_them_and_writes_nothing(
    tree: Path, drift: dict[str, bytes], told: str
) -> None:
    apply(tree, "flow", CHANGES)
    write(tree, drift)
    before = contents(tree), modes(tree)
    with pytest.raises(NotApplied) as refused:
        rollback(tree, "flow")
    assert told in str(refused.value)
    assert (contents(tree), modes(tree)) == before


def test_apply_over_edits_elsewhere_keeps_them_and_says_so(tree: Path) -> None:
    mine = LONG.replace(b"line 2\n", b"my line 2\n")
    write(tree, {"long.txt": mine})
    assert apply(tree, "flow", CHANGES).carried == ("long.txt",)
    assert contents(tree)["long.txt"] == CHANGED.replace(b"line 2\n", b"my line 2\n")
    rollback(tree, "flow")
    assert contents(tree) == FILES | {"long.txt": mine}


@pytest.mark.parametrize(
    "drift",
    [
        {"long.txt": LONG.replace(b"line 15\n", b"mine\n")},
        {"sub/other.txt": None},
        {"new/deep/er.txt": b"mine\n"},
        {"gone.sh": b"#!/bin/sh\nexit 1\n"},
        {"sub": "link"},
        {"long.txt": "link"},
    ],
    ids=lambda drift: next(iter(drift)),
)
def test_apply_over_edits_in_the_way_names_the_file_and_writes_nothing(
    tree: Path, tmp_path: Path, drift: dict[str, bytes | str | None]
) -> None:
    ((path, what),) = drift.items()
    if isinstance(what, bytes):
        write(tree, {path: what})
    elif what is None:
        (tree / path).unlink()
    else:
        (tree / path).rename(tmp_path / "elsewhere")
        (tree / path).symlink_to(tmp_path / "elsewhere")
    before = contents(tree)
    with pytest.raises(NotApplied, match=rf"{path}.*Nothing was written"):
        apply(tree, "flow", CHANGES)
    assert contents(tree) == before
    assert recover(tree) == ()


@pytest.mark.parametrize(
    "path",
    [
        "../out.txt",
        "/out.txt",
        "a/../../out.txt",
        ".git/hooks/pre-commit",
        "sub/.GIT/config",
        ".cfx/edits/lock",
        "a//b",
        ".",
    ],
)
def test_no_change_leads_outside_or_into_what_is_ours_or_git_s(tree: Path, path: str) -> None:
    before = {place: place.read_bytes() for place in tree.parent.rglob("*") if place.is_file()}
    with pytest.raises(NotApplied):
        apply(tree, "flow", [Change(path, None, b"x\n")])
    after = {place: place.read_bytes() for place in tree.parent.rglob("*") if place.is_file()}
    assert {place for place in after if after[place] != before.get(place)} <= {
        tree / ".git/cfx/lock",
        tree / ".cfx/edits/lock",
    }


def test_same_flow_is_not_applied_twice(tree: Path) -> None:
    apply(tree, "flow", CHANGES)
    with pytest.raises(NotApplied, match="applied here already"):
        apply(tree, "flow", CHANGES)
    with pytest.raises(NotApplied, match="have this change already"):
        apply(tree, "twin", CHANGES)
    rollback(tree, "flow")
    apply(tree, "flow", CHANGES)
    assert contents(tree) == AFTER


def test_files_put_back_by_hand_take_the_flow_again(tree: Path) -> None:
    apply(tree, "flow", CHANGES)
    (tree / "new" / "deep" / "er.txt").unlink()
    write(tree, FILES)
    apply(tree, "flow", CHANGES)
    rollback(tree, "flow")
    assert contents(tree) == FILES


def test_rollback_takes_back_only_what_apply_has_written(tree: Path) -> None:
    """One of the files had the change already: it was not ours."""
    write(tree, {"sub/other.txt": b"another\n"})
    assert "sub/other.txt" not in apply(tree, "flow", CHANGES).written
    rollback(tree, "flow")
    assert contents(tree)["sub/other.txt"] == b"another\n"


def test_flows_on_top_of_each_other_come_off_in_any_order_where_they_do_not_touch(tree: Path) -> None:
    apply(tree, "one", CHANGES)
    second = CHANGED.replace(b"line 25\n", b"twenty-five\n")
    apply(tree, "two", [Change("long.txt", CHANGED, second)])
    rollback(tree, "one")
    assert contents(tree)["long.txt"] == LONG.replace(b"line 25\n", b"twenty-five\n")
    rollback(tree, "two")
    assert contents(tree) == FILES


def test_rollback_of_what_was_never_applied_says_so(tree: Path) -> None:
    for id in ("nobody", "../../etc"):
        with pytest.raises(NotApplied, match="no record"):
            rollback(tree, id)


def test_only_the_newest_hundred_records_are_kept(tree: Path) -> None:
    journal = (tree / ".git" / "cfx" if (tree / ".git").exists() else tree / ".cfx" / "edits") / "applied"
    apply(tree, "oldest", [Change("new.txt", None, b"0")])
    for n in range(100):
        (journal / f"made-{n}").mkdir()
    os.utime(journal / "oldest", (1, 1))
    apply(tree, "newest", [Change("newer.txt", None, b"0")])
    kept = {place.name for place in journal.iterdir()}
    assert len(kept) == 100
    assert "newest" in kept
    assert "oldest" not in kept


def test_folder_that_is_not_there_is_an_error_and_is_not_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for name in ("nowhere", "file"):
        with pytest.raises(WorkspaceUnreachable, match=name):
            apply(tmp_path / name, "flow", [Change("a", None, b"")])
    assert {place.name for place in tmp_path.iterdir()} == {"file"}


def test_journal_is_not_written_through_a_link(tmp_path: Path) -> None:
    tree = make_folder(tmp_path / "tree")
    (tmp_path / "elsewhere").mkdir()
    (tree / ".cfx").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WorkspaceUnreachable, match="is a link"):
        apply(tree, "flow", CHANGES)
    assert contents(tree) == FILES


def test_commit_without_git_is_refused(tmp_path: Path) -> None:
    tree = make_folder(tmp_path / "tree")
    with pytest.raises(NotApplied, match="needs git"):
        apply(tree, "flow", CHANGES, CommitWish("m"))
    assert contents(tree) == FILES


def test_an_id_that_is_no_name_is_refused(tree: Path) -> None:
    with pytest.raises(InvalidRequest):
        apply(tree, "../x", CHANGES)


# two at once, and disks that refuse


@pytest.mark.e2e
def test_while_another_is_at_work_one_is_told_and_writes_nothing(tree: Path) -> None:
    apply(tree, "first", [Change("n.txt", None, b"")])
    lock = next(place for place in tree.rglob("lock") if "cfx" in str(place))
    before = contents(tree)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(TreeBusy, match="Try again"):
            apply(tree, "flow", CHANGES)
    assert contents(tree) == before


@pytest.mark.e2e
def test_of_many_at_once_one_applies_and_the_others_are_told(tree: Path) -> None:
    said: list[str] = []

    def one() -> None:
        try:
            apply(tree, "flow", CHANGES)
            said.append("done")
        except NotApplied as error:
            said.append(error.code or "")

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["already_applied"] * 7 + ["done"]
    assert contents(tree) == AFTER


LIMITED = """
import resource, signal, sys
from pathlib import Path
from cfx_flow.errors import NotApplied
from cfx_flow.workspace.edits import Change, apply
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
small, big = [Change(f"{n}.txt", None, b"x" * 100) for n in range(3)], Change("big.txt", None, b"x" * 50_000)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    apply(Path(sys.argv[1]), "flow", [*small, big])
except NotApplied as error:
    print(error)
"""


@pytest.mark.e2e
def test_disk_that_takes_no_more_leaves_everything_as_it_was(tree: Path) -> None:
    """The kernel refuses the big file when the small ones are written."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tree)],
        cwd=HOUSE,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "too large" in done.stdout
    assert contents(tree) == FILES
    assert recover(tree) == ()


def test_wall_in_the_middle_puts_everything_back(tree: Path) -> None:
    """A file stands where the patch wants a folder, which nobody knows before the write."""
    (tree / "wall").write_bytes(b"a file\n")
    before = contents(tree), modes(tree), folders(tree)
    with pytest.raises(NotApplied):
        apply(tree, "flow", [*CHANGES, Change("wall/x.txt", None, b"no\n")])
    assert (contents(tree), modes(tree), folders(tree)) == before
    assert recover(tree) == ()


def test_a_private_file_is_private_before_it_has_a_byte(tmp_path: Path) -> None:
    with pytest.raises(TypeError):  # the first write fails, as on a full disk
        Folder(tmp_path).write_beside("key", "beside", File("secret", 0o600))  # type: ignore[arg-type]
    assert stat.S_IMODE((tmp_path / "beside").stat().st_mode) == 0o600
