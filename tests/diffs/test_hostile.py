"""Diffs that want out: two thousand of them, and not one path that leaves the workspace."""

from __future__ import annotations

import os
import posixpath
import tracemalloc
import unicodedata
from pathlib import Path
from random import Random

import pytest

from cfx_flow.diffs import Patch, Policy, Refusal, check, check_form
from tests.diffs.slips_content import UNSAFE

FILES = {"src/app.py": "one\ntwo\nthree\n", "a/b/c.txt": "x\n", "README.md": "# Hello\n"}
PARTS = [
    "..",
    ".",
    "",
    ".git",
    ".GIT",
    ".Git ",
    ".git.",
    "git~1",
    "src",
    "a",
    "b",
    "~",
    "~root",
    "C:",
    "c:",
    "dev",
]
PARTS += [
    "null",
    "．．",
    "\u200b.git",
    ".g\u200dit",
    "..\u200b",
    "%2e%2e",
    "...",
    " ",
    "\x00",
    "\x1b[2J",
    "con",
    "\u202e",
]
PARTS += [
    "etc",
    "passwd",
    ".git\\hooks",
    "..\\..",
    "a" * 300,
    "\ud800",
    "\\",
    "file.py",
    '"',
    "'",
    "`",
    "$HOME",
    "\t",
    "\r",
]


def hostile_path(dice: Random) -> str:
    if dice.random() < 0.2:
        return dice.choice(UNSAFE)
    separator = dice.choice(["/", "/", "/", "\\", "//", "\u2215", "／"])
    return dice.choice(["", "", "/", "a/", "b/"]) + separator.join(dice.choices(PARTS, k=dice.randint(1, 4)))


def hostile_diff(dice: Random) -> str:
    old, new = hostile_path(dice), hostile_path(dice)
    old, new = dice.choice(
        [(old, old), (old, new), ("/dev/null", new), (old, "/dev/null"), ("src/app.py", new)]
    )
    git = dice.choice(["", f"diff --git a/{old} b/{new}\n", f'diff --git "a/{old}" "b/{new}"\n'])
    extra = dice.choice(
        [
            "",
            "",
            "new file mode 100644\n",
            "new file mode 120000\n",
            "old mode 100644\nnew mode 104755\n",
            "deleted file mode 100644\n",
            f"rename from {old}\nrename to {new}\n",
            "index 1..2 160000\n",
            "GIT binary patch\nliteral 5\nMcmYdf\n",
            f"copy from {old}\ncopy to {new}\n",
        ]
    )
    body = dice.choice(
        [
            "@@ -0,0 +1 @@\n+owned\n",
            "@@ -1,3 +1,1 @@\n-one\n-two\n three\n",
            "@@ -1 +0,0 @@\n-x\n",
            "@@\n+x\n",
        ]
    )
    quoted = dice.random() < 0.2
    names = f'--- "a/{old}"\n+++ "b/{new}"\n' if quoted else f"--- a/{old}\n+++ b/{new}\n"
    plain = f"--- {old}\n+++ {new}\n"
    return git + extra + dice.choice([names, plain, plain, f"+++ {new}\n", ""]) + body


@pytest.mark.parametrize("seed", range(8))
def test_no_hostile_diff_gets_out(seed: int, tmp_path: Path) -> None:
    dice = Random(seed)
    for _ in range(250):
        text = hostile_diff(dice)
        result = check(text, FILES)
        check_form(text)
        if isinstance(result, Patch):
            for change in result.changes:
                _assert_inside(change.path, tmp_path)


def _assert_inside(path: str, root: Path) -> None:
    """By the rules of the systems that a checkout may live on, not by those of the product."""
    for form in {path, unicodedata.normalize("NFKC", path)}:
        assert os.path.commonpath([root, Path(os.path.normpath(root / form))]) == str(root), path
        assert posixpath.normpath(form) == form, path
        assert not {"\\", "\0"} & set(form), path
        for part in form.split("/"):
            bare = "".join(c for c in part if unicodedata.category(c) != "Cf").casefold().rstrip(". ")
            assert bare.split(":")[0] not in {".git", "git~1", ""}, path
    assert not path.startswith("~"), path
    assert all(unicodedata.category(char) not in {"Cc", "Cf"} for char in path), path


@pytest.mark.parametrize("path", UNSAFE)
def test_an_unsafe_path_is_unsafe_in_every_place_of_a_header(path: str) -> None:
    new = f"--- /dev/null\n+++ {path}\n@@ -0,0 +1 @@\n+x\n"
    prefixed = f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n"
    deleted = f"--- a/{path}\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    for text in (new, prefixed, deleted, f"```diff\n{new}```\n"):
        result = check(text, FILES)
        assert not isinstance(result, Patch)
        assert result.code == "unsafe_path", text


@pytest.mark.parametrize(
    "path", [".github/workflows/ci.yml", ".gitignore", "a/.gitkeep", "x~", "..x", "a b.txt", "é.py", "a/a/b"]
)
def test_an_ordinary_path_is_not_unsafe(path: str) -> None:
    result = check(f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n", FILES)
    assert isinstance(result, Patch)
    assert result.files_after({}) == {path: "x\n"}


def test_allowed_and_protected_paths_are_the_policys() -> None:
    text = "--- a/src/app.py\n+++ b/src/app.py\n@@ -1 +1 @@\n-one\n+1\n"
    assert isinstance(check(text, FILES, Policy(allowed=("src/*",))), Patch)
    refused = [
        check(text, FILES, Policy(allowed=("docs/*",))),
        check(text, FILES, Policy(protected=("src/*.py",))),
    ]
    assert [getattr(result, "code", None) for result in refused] == ["path_not_allowed", "protected_path"]
    assert [problem.code for problem in check_form(text, Policy(protected=("*.py",))).problems] == [
        "protected_path"
    ]


def test_too_big_an_answer_is_refused_before_it_is_read() -> None:
    text = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-é\n+e\n"
    assert getattr(check(text, {"x": "é\n"}, Policy(max_bytes=len(text))), "code", None) == "oversize"
    many = "".join(f"--- /dev/null\n+++ b/{n}\n@@ -0,0 +1 @@\n+x\n" for n in range(4))
    assert getattr(check(many, {}, Policy(max_files=3)), "code", None) == "oversize"


@pytest.mark.parametrize("text", ["--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+\0\n", "\ud800"])
def test_what_is_not_text_is_refused(text: str) -> None:
    assert getattr(check(text, {"x": "a\n"}), "code", None) == "not_text"


def test_hunks_of_lines_that_stand_everywhere_cost_no_search() -> None:
    """A file of equal lines, and hunks that fit nearly everywhere: bounded work, not a second of it."""
    file = "a\n" * 50_000 + "b\n"
    hunks = "".join(f"@@ -{n},400 +{n},400 @@\n" + " a\n" * 399 + "-c\n+d\n" for n in range(1, 30))
    result = check(f"--- a/x\n+++ b/x\n{hunks}", {"x": file})
    assert getattr(result, "code", None) in {"removed_line_mismatch", "context_not_found"}


def test_lines_and_fences_are_capped_before_anything_is_read() -> None:
    for policy in (Policy(max_lines=5), Policy(max_hunks=2)):
        assert (
            getattr(check("```\n" * 8 + "--- a/x\n+++ b/x\n@@\n+x\n", {}, policy), "code", None) == "oversize"
        )


def test_a_path_of_a_million_blanks_costs_no_more_than_its_length() -> None:
    answer = f"--- a/{' ' * 1_000_000}x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"
    assert getattr(check(answer, {"x": "a\n"}), "code", None) == "unsafe_path"


def test_folders_of_deep_trees_take_no_memory() -> None:
    files = {f"{n}/{'a/' * 500}x": "" for n in range(100)}
    tracemalloc.start()
    result = check(f"--- /dev/null\n+++ b/0/{'a/' * 400}a\n@@ -0,0 +1 @@\n+x\n", files)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert getattr(result, "code", None) == "new_file_exists"
    assert peak < 4 * 1024 * 1024


def test_a_new_file_that_exists_already_shows_no_line_of_a_protected_one() -> None:
    files = {".env": "KEY=secret\n"}
    result = check("--- /dev/null\n+++ b/.env\n@@ -0,0 +1 @@\n+KEY=x\n", files, Policy(protected=(".env",)))
    assert isinstance(result, Refusal)
    assert result.code == "protected_path"
    assert "secret" not in result.feedback()
