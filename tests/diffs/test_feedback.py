"""Feedback that converges: who only copies the true lines out of a refusal gets it right the next time."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from cfx_flow.diffs import Patch, Refusal, check

FILES = {
    "app.py": "".join(f"def number_{n}():\n    return {n}\n\n\n" for n in range(20)),
    "twice.txt": "start\nsame\nend\nmiddle\nstart\nsame\nend\n",
}
TRUE_LINES = re.compile(r"True lines of (\S+) from line (\d+) on.*\n((?: *\d+\|.*\n?)+)")


@dataclass(frozen=True)
class Shown:
    path: str
    start: int
    lines: list[str]


def shown(feedback: str) -> list[Shown]:
    return [
        Shown(path, int(start), [line.split("|", 1)[1] for line in block.strip("\n").split("\n")])
        for path, start, block in TRUE_LINES.findall(feedback)
    ]


def replace_line(old: str, new: list[str]) -> Callable[[str], str]:
    """Copies the shown lines as they are, with one of them replaced."""

    def write(feedback: str) -> str:
        first = next(item for item in shown(feedback) if old in item.lines)
        at = first.lines.index(old)
        body = [f" {line}" for line in first.lines]
        body[at : at + 1] = [f"-{old}", *(f"+{line}" for line in new)]
        total = len(first.lines)
        header = f"@@ -{first.start},{total} +{first.start},{total - 1 + len(new)} @@"
        return "\n".join([f"--- a/{first.path}", f"+++ b/{first.path}", header, *body]) + "\n"

    return write


def other_path(feedback: str) -> str:
    found = re.search(r"there is (\S+?)[,;]", feedback)
    assert found
    return f"--- a/{found[1]}\n+++ b/{found[1]}\n@@ -5,2 +5,2 @@\n def number_1():\n-    return 1\n+    return 100\n"


APP = "--- a/app.py\n+++ b/app.py\n"
ONE = replace_line("    return 1", ["    return 100"])
DONE = FILES["app.py"].replace("    return 1\n", "    return 100\n")
SAME = FILES["twice.txt"].replace("same", "other", 1)

ROUNDS = {
    "context_not_found": (f"{APP}@@ -5,2 +5,2 @@\n def first_number():\n-    return 1\n+    return 100\n", ONE, DONE),
    "removed_line_mismatch": (f"{APP}@@ -5,2 +5,2 @@\n def number_1():\n-    return one\n+    return 100\n", ONE, DONE),
    "no_anchor": (f"{APP}@@ -6,0 +6,1 @@\n+    return 100\n", ONE, DONE),
    "conflicting_hunks": (
        f"{APP}@@ -6 +6 @@\n-    return 1\n+    return 7\n@@ -6 +6 @@\n-    return 1\n+    return 100\n", ONE, DONE),
    "overlapping_hunks": (
        f"{APP}@@ -5,2 +5 @@\n-def number_1():\n-    return 1\n+x\n@@ -6,2 +6,1 @@\n-    return 1\n-\n+y\n", ONE, DONE),
    "ambiguous_match": (
        "--- a/twice.txt\n+++ b/twice.txt\n@@\n start\n-same\n+other\n", replace_line("same", ["other"]), SAME),
    "new_file_exists": (
        "--- /dev/null\n+++ b/app.py\n@@ -0,0 +1,2 @@\n+def number_1():\n+    return 100\n", ONE, DONE),
    "missing_target": (
        "--- a/src/app.py\n+++ b/src/app.py\n@@ -5,2 +5,2 @@\n def number_1():\n-    return 1\n+    return 100\n",
        other_path, DONE),
}  # fmt: skip


@pytest.mark.parametrize("code", ROUNDS)
def test_copying_the_true_lines_succeeds_in_the_next_round(code: str) -> None:
    answer, write, after = ROUNDS[code]
    refused = check(answer, FILES)
    assert isinstance(refused, Refusal)
    assert refused.code == code
    result = check(write(refused.feedback()), FILES)
    assert isinstance(result, Patch), f"{refused.feedback()}\n---\n{result.feedback()}"
    assert after in result.files_after(FILES).values()


def test_a_wrong_deletion_is_told_what_the_file_holds() -> None:
    lines = FILES["twice.txt"].split("\n")[:-1]
    wrong = "--- a/twice.txt\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-start\n-same\n"
    refused = check(wrong, FILES)
    assert isinstance(refused, Refusal)
    first = shown(refused.feedback())[0]
    known = lines[: first.start - 1]  # what agreed, and is not shown again
    body = "".join(f"-{line}\n" for line in [*known, *first.lines])
    result = check(f"--- a/twice.txt\n+++ /dev/null\n@@\n{body}", FILES)
    assert isinstance(result, Patch)
    assert "twice.txt" not in result.files_after(FILES)


def test_the_first_differing_line_is_named_with_what_the_file_has() -> None:
    refused = check(ROUNDS["removed_line_mismatch"][0], FILES)
    assert isinstance(refused, Refusal)
    assert (refused.problems[0].wrote, refused.problems[0].found) == ("    return one", "    return 1")
    assert "You wrote:         return one" in refused.feedback()


def test_feedback_stays_short_however_much_is_wrong() -> None:
    hunks = "".join(f"@@ -{n},2 +{n},2 @@\n nowhere {n}\n-gone {n}\n+x\n" for n in range(1, 500))
    refused = check(APP + hunks, FILES)
    assert isinstance(refused, Refusal)
    assert len(refused.problems) == 200
    assert len(refused.feedback()) < 20_000
