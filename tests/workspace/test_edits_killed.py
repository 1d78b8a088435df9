"""Kill -9, and disks that refuse, at every moment of an apply and a rollback: nothing is left in between."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cfx_flow.settings import HOUSE
from cfx_flow.workspace.edits import apply, recover, rollback
from tests.support.campaign import is_full
from tests.support.processes import child_environ
from tests.workspace.dying import REFUSED
from tests.workspace.trees import CHANGES, LONG, contents, folders, git, make_folder, make_repo, modes, write

pytestmark = [pytest.mark.e2e, pytest.mark.campaign]
KILLED = -9
EVERY = 1 if is_full() else 80
"""operations between two kills; each scene begins elsewhere"""


@dataclass(frozen=True)
class Scene:
    act: str
    in_git: bool
    commit: bool = False
    branch: str | None = None


SCENES = {
    "apply, no git": Scene("apply", in_git=False),
    "apply": Scene("apply", in_git=True),
    "apply and commit": Scene("apply", in_git=True, commit=True),
    "apply on a branch": Scene("apply", in_git=True, commit=True, branch="new"),
    "rollback, no git": Scene("rollback", in_git=False),
    "rollback": Scene("rollback", in_git=True),
    "rollback and commit": Scene("rollback", in_git=True, commit=True),
}


class Dying:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, root: Path, scene: Scene, **how: Any) -> int:
        order = {"root": str(root), "act": scene.act, "commit": scene.commit, "branch": scene.branch}
        order |= {"at": None, "how": "kill", "after_s": None} | how
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@pytest.fixture(scope="module")
def dying() -> Iterator[Dying]:
    env = child_environ(GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1")
    argv = [sys.executable, "-m", "tests.workspace.dying"]
    with subprocess.Popen(argv, cwd=HOUSE, env=env, text=True, stdin=-1, stdout=-1, stderr=None) as process:
        yield Dying(process)
        assert process.stdin is not None
        process.stdin.close()


@dataclass
class Stage:
    """A scene's tree before and after, and copies of it to be spoilt."""

    scene: Scene
    folder: Path
    before: Any = None
    after: Any = None

    def prepare(self, dying: Dying) -> None:
        """Amid a person's own work: edited, staged and new files."""
        tree = (make_repo if self.scene.in_git else make_folder)(self.folder / "tree")
        if self.scene.act == "rollback":
            apply(tree, "flow", CHANGES)
            if self.scene.commit:
                git(tree, "add", "-A")
                git(tree, "commit", "-qm", "flow")
        mine = (tree / "long.txt").read_bytes().replace(b"line 2\n", b"my line 2\n")
        write(tree, {"long.txt": mine, "mine.txt": b"staged\n"})
        if self.scene.in_git:
            git(tree, "add", "mine.txt")
        write(tree, {"fresh.txt": b"fresh\n"})
        self.before = state(tree)
        done = self.copy("done")
        assert dying.run(done, self.scene) == 0
        self.after = state(done)
        assert self.after != self.before

    def first(self) -> int:
        """The operation at which it is struck first."""
        return random.Random(str(self.scene)).randint(1, EVERY)

    def copy(self, name: str) -> Path:
        return shutil.copytree(self.folder / "tree", self.folder / name, symlinks=True)


def state(tree: Path) -> Any:
    known: dict[str, Any] = {"files": contents(tree), "modes": modes(tree), "folders": folders(tree)}
    if (tree / ".git").exists():
        known |= {
            "index": git(tree, "ls-files", "-s"),
            "head": git(tree, "symbolic-ref", "HEAD"),
            "tree": git(tree, "rev-parse", "HEAD^{tree}"),
            "branches": git(tree, "for-each-ref", "--format=%(refname) %(tree)", "refs/heads"),
            "cfx": git(tree, "for-each-ref", "refs/cfx"),
        }
    return known


@pytest.fixture(params=SCENES)
def stage(request: pytest.FixtureRequest, tmp_path: Path, dying: Dying) -> Stage:
    stage = Stage(SCENES[request.param], tmp_path)
    stage.prepare(dying)
    return stage


def must_be_whole(stage: Stage, tree: Path) -> bool:
    """Whether it was done, once the next command has cleared up; nothing in between is allowed."""
    recover(tree)
    found = state(tree)
    assert found in (stage.before, stage.after)
    assert recover(tree) == ()
    return bool(found == stage.after)


def must_go_on(stage: Stage, tree: Path, *, done: bool) -> None:
    """What was not done can be done now, and what was done can be taken back."""
    if stage.scene.act == "rollback":
        if not done:
            rollback(tree, "flow")
            assert contents(tree) == stage.after["files"]
        return
    if not done:
        apply(tree, "flow", CHANGES)
        assert contents(tree) == stage.after["files"]
    rollback(tree, "flow")
    assert contents(tree) == stage.before["files"]


def test_killed_at_any_operation_the_next_command_finishes_or_undoes_it(stage: Stage, dying: Dying) -> None:
    outcomes = []
    for n in range(stage.first(), 10_000, EVERY):
        tree = stage.copy(f"killed-{n}")
        if dying.run(tree, stage.scene, at=n) == 0:
            break
        outcomes.append(done := must_be_whole(stage, tree))
        must_go_on(stage, tree, done=done)
        shutil.rmtree(tree)
    assert outcomes


def test_killed_at_any_time_the_next_command_finishes_or_undoes_it(stage: Stage, dying: Dying) -> None:
    """Amid a git that we started, too."""
    moments = random.Random(stage.scene.act)
    for n in range(100 if is_full() else 5):
        tree = stage.copy(f"killed-{n}")
        assert dying.run(tree, stage.scene, after_s=moments.uniform(0, 0.12)) in (KILLED, 0)
        must_go_on(stage, tree, done=must_be_whole(stage, tree))
        shutil.rmtree(tree)


def test_disk_that_refuses_any_one_operation_leaves_all_or_nothing(stage: Stage, dying: Dying) -> None:
    """What is told is what holds: refused is undone at once, with no need for a next command."""
    for n in range(stage.first(), 10_000, EVERY):
        tree = stage.copy(f"refused-{n}")
        code = dying.run(tree, stage.scene, at=n, how="refuse")
        assert code in (0, REFUSED)
        if code == REFUSED:
            assert state(tree) == stage.before, n
        else:  # at most the record is not in its place yet
            assert contents(tree) == stage.after["files"], n
        must_go_on(stage, tree, done=must_be_whole(stage, tree))
        shutil.rmtree(tree)
        if code == 0 and n > 160:  # all that is left is the filing
            break


def test_two_kills_in_a_row_change_nothing_about_that(tmp_path: Path, dying: Dying) -> None:
    """The second comes while the first is cleared up."""
    stage = Stage(Scene("apply", in_git=True, commit=True), tmp_path)
    stage.prepare(dying)
    for n in range(20, 10_000, 5 if is_full() else 200):
        tree = stage.copy(f"killed-{n}")
        if dying.run(tree, stage.scene, at=n) == 0:
            break
        dying.run(tree, stage.scene, at=n // 2)
        must_be_whole(stage, tree)
        shutil.rmtree(tree)


def test_what_is_edited_before_it_is_cleared_up_is_left_alone_and_named(tmp_path: Path, dying: Dying) -> None:
    scene = Scene("apply", in_git=False)
    left = set()
    for n in range(1, 400, 1 if is_full() else 5):
        tree = make_folder(tmp_path / str(n))
        if dying.run(tree, scene, at=n) == 0:
            break
        write(tree, {"long.txt": LONG + b"edited meanwhile\n"})
        notes = "".join(recover(tree))
        assert (tree / "long.txt").read_bytes() == LONG + b"edited meanwhile\n"
        left.add("long.txt, which somebody has edited since" in notes)
    assert left == {True, False}
