"""Feedback that converges: who only copies what a refusal shows gets it right the next time.

The scripted models here know what they want to change, and nothing of the files but what they are told.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from cfx_flow.diffs import Code, Patch, Policy, Refusal, check

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
    found = re.search(r"there is (\S+?)[,;.](?:\s|$)", feedback)
    assert found
    return f"--- a/{found[1]}\n+++ b/{found[1]}\n@@ -5,2 +5,2 @@\n def number_1():\n-    return 1\n+    return 100\n"


APP = "--- a/app.py\n+++ b/app.py\n"
ONE = replace_line("    return 1", ["    return 100"])
DONE = FILES["app.py"].replace("    return 1\n", "    return 100\n")
SAME = FILES["twice.txt"].replace("same", "other", 1)

WRONG_PLACE = f"{APP}@@ -5,2 +5,2 @@\n def number_1():\n-    return 1\n+    return 100\n"
OTHER = "--- a/twice.txt\n+++ b/twice.txt\n@@ -1,3 +1,3 @@\n start\n-same\n+other\n end\n"
BOTH = DONE, SAME
NARROW = Policy(allowed=("twice.txt",))
GUARDED = Policy(protected=("app.*",))
FEW = Policy(max_files=1)
SMALL = Policy(max_bytes=400)


def as_the_form_shows(feedback: str) -> str:
    """Takes the form that a refusal shows, and puts its own words in."""
    form = re.search(r"^    --- a/PATH\n(?:    .*\n)+", feedback, re.MULTILINE)
    assert form
    lines = [line[4:] for line in form[0].splitlines()]
    text = "\n".join(lines).replace("PATH", "app.py").replace("-LINE,COUNT +LINE,COUNT", "-5,2 +5,2")
    text = text.replace(" a line that stays", " def number_1():").replace(
        "-a line that goes", "-    return 1"
    )
    return text.replace("+a line that comes", "+    return 100") + "\n"


def without_the_character(feedback: str) -> str:
    """Cleans the one line that the refusal names."""
    number = re.search(r"first in its line (\d+)", feedback)
    assert number
    lines = NOT_TEXT.split("\n")
    at = int(number[1]) - 1
    lines[at] = "".join(char for char in lines[at] if char.isprintable())
    return "\n".join(lines)


def without_the_named_part(answer: str) -> Callable[[str], str]:
    """Leaves out the file section or hunk that stands at the line that the refusal names."""

    def write(feedback: str) -> str:
        assert "leave" in feedback
        number = re.search(r"\(line (\d+) of your answer\)", feedback)
        assert number
        lines = answer.split("\n")
        at = int(number[1]) - 1
        mark = "@@" if lines[at].startswith("@@") else lines[at].split(" ")[0]
        following = (
            n for n in range(at + 1, len(lines)) if lines[n].startswith((mark, "diff --git", "--- "))
        )
        end = next((n for n in following if lines[n - 1][:3] != "dif"), len(lines))
        return "\n".join([*lines[:at], *lines[end:]])

    return write


def without_mode_lines(feedback: str) -> str:
    assert "leave the mode lines out" in feedback
    return re.sub(r"^(?:old|new) mode .*\n", "", MODE, flags=re.MULTILINE)


def one_file_at_a_time(feedback: str) -> str:
    assert "no more are taken: change less" in feedback
    return WRONG_PLACE


def with_little_context(feedback: str) -> str:
    """Its own answer again, with as many lines around the change as the refusal says."""
    assert "no more than three lines of context" in feedback
    start = WIDE.index("-    return 1")
    return "\n".join([*WIDE[:2], "@@ -3,7 +3,7 @@", *WIDE[start - 3 : start + 5], ""])


def deleted_and_created(feedback: str) -> str:
    """The old file's lines as they were shown, once to take them away and once under the new name."""
    old = shown(feedback)[0]
    gone = "".join(f"-{line}\n" for line in old.lines)
    come = "".join(f"+{line}\n" for line in old.lines)
    return f"--- a/{old.path}\n+++ /dev/null\n@@\n{gone}--- /dev/null\n+++ b/moved.txt\n@@\n{come}"


WIDE = [*APP.split("\n")[:2], "@@ -1,80 +1,80 @@"]
WIDE += [f" {line}" for line in FILES["app.py"].split("\n")[:-1]]
WIDE[WIDE.index("     return 1")] = "-    return 1\n+    return 100"
WIDE = "\n".join(WIDE).split("\n")
NOT_TEXT = WRONG_PLACE.replace("+    return 100", "+    return 100\0")
SURROGATE = WRONG_PLACE.replace("+    return 100", "+    return 100\ud800")
MODE = f"diff --git a/app.py b/app.py\nold mode 100644\nnew mode 100755\n{WRONG_PLACE}"
LINK = "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc/passwd\n"
IMAGE = "diff --git a/i.png b/i.png\nindex 1..2 100644\nGIT binary patch\nliteral 5\nMcmYdf\n"
THERE = f"{APP}@@ -9,2 +9,2 @@\n def number_2():\n-    return 0\n+    return 2\n@@ -5,2 +5,2 @@\n def number_1():\n-    return 1\n+    return 100\n"


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
    "no_diff": ("In app.py, number_1 should return 100:\n\n```python\nreturn 100\n```\n", as_the_form_shows, DONE),
    "not_text": (NOT_TEXT, without_the_character, DONE),
    "truncated": (f"```diff\n{APP}@@ -5,2 +5,2 @@\n def number_1():\n-    return 1\n+    retu", ONE, DONE),
    "paths_disagree": (WRONG_PLACE.replace("+++ b/app.py", "+++ b/lib/number.py"), ONE, DONE),
    "rename_or_copy": (
        "diff --git a/twice.txt b/moved.txt\nsimilarity index 100%\nrename from twice.txt\nrename to moved.txt\n",
        deleted_and_created, FILES["twice.txt"]),
    "unsafe_path": (WRONG_PLACE.replace("a/app.py", "/srv/app.py").replace("b/app.py", "/srv/app.py"), other_path, DONE),
    "symlink": (LINK + WRONG_PLACE, without_the_named_part(LINK + WRONG_PLACE), DONE),
    "binary": (IMAGE + WRONG_PLACE, without_the_named_part(IMAGE + WRONG_PLACE), DONE),
    "mode_change": (MODE, without_mode_lines, DONE),
    "already_applied": (THERE, without_the_named_part(THERE), DONE),
    "no_change": (f"{APP}@@ -5,2 +5,2 @@\n def number_1():\n-    return 1\n+    return 1\n", ONE, DONE),
}  # fmt: skip

BY_POLICY = {
    "path_not_allowed": (WRONG_PLACE + OTHER, without_the_named_part(WRONG_PLACE + OTHER), NARROW, SAME),
    "protected_path": (WRONG_PLACE + OTHER, without_the_named_part(WRONG_PLACE + OTHER), GUARDED, SAME),
    "oversize, files": (WRONG_PLACE + OTHER, one_file_at_a_time, FEW, DONE),
    "oversize, bytes": ("\n".join([*WIDE, ""]), with_little_context, SMALL, DONE),
}  # fmt: skip


def test_every_kind_of_refusal_can_be_answered_from_its_text() -> None:
    """There is none for which it is not possible. What is possible differs:

    - a change that no one takes (``symlink``, ``binary``, ``protected_path``, ``path_not_allowed``, and
      ``already_applied``, whose change is there) is left out, and the rest of the answer goes through;
      an answer that holds nothing else has nothing to succeed with;
    - of ``oversize`` a part at a time goes through;
    - the others succeed whole. A file to be deleted or renamed is shown sixty lines at a time.
    """
    assert {name.split(",")[0] for name in (*ROUNDS, *BY_POLICY)} == {str(code) for code in Code}


@pytest.mark.parametrize("code", ROUNDS)
def test_copying_the_true_lines_succeeds_in_the_next_round(code: str) -> None:
    answer, write, after = ROUNDS[code]
    refused = check(answer, FILES)
    assert isinstance(refused, Refusal)
    assert refused.code == code
    result = check(write(refused.feedback()), FILES)
    assert isinstance(result, Patch), f"{refused.feedback()}\n---\n{result.feedback()}"
    assert after in result.files_after(FILES).values()


@pytest.mark.parametrize("name", BY_POLICY)
def test_what_a_policy_refuses_is_told_so_that_the_rest_gets_through(name: str) -> None:
    answer, write, policy, after = BY_POLICY[name]
    refused = check(answer, FILES, policy)
    assert isinstance(refused, Refusal)
    assert refused.code == name.split(",", maxsplit=1)[0]
    result = check(write(refused.feedback()), FILES, policy)
    assert isinstance(result, Patch), f"{refused.feedback()}\n---\n{result.feedback()}"
    assert after in result.files_after(FILES).values()


def test_no_line_is_shown_of_a_file_that_must_not_be_changed() -> None:
    for answer in (
        "diff --git a/app.py b/moved.py\nrename from app.py\nrename to moved.py\n",
        WRONG_PLACE.replace("+++ b/app.py", "+++ b/lib/number.py"),
        f"```diff\n{APP}@@ -5,2 +5,2 @@\n def number_1():\n-    return 1\n+    retu",
    ):
        refused = check(answer, FILES, GUARDED)
        assert isinstance(refused, Refusal)
        assert shown(refused.feedback()) == []


def test_half_a_character_is_named_by_its_line() -> None:
    refused = check(SURROGATE, FILES)
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.problems[0].line) == ("not_text", 6)


def test_context_without_a_mark_is_named() -> None:
    answer = f"{APP}@@ -5,2 +5,2 @@\ndef number_1():\n-    return 1\n+    return 100\n"
    refused = check(answer, FILES, Policy(judgement=frozenset()))
    assert isinstance(refused, Refusal)
    assert "begin each line that stays with a blank" in refused.feedback()
    assert (refused.problems[0].wrote, refused.problems[0].found) == ("def number_1():", "def number_1():")
    assert isinstance(check(ONE(refused.feedback()), FILES, Policy(judgement=frozenset())), Patch)


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


def test_a_difference_that_nobody_sees_is_named() -> None:
    blank = WRONG_PLACE.replace("def number_1", "def\u00a0number_1").replace("return 1\n", "return\u00a01\n")
    refused = check(blank, FILES)
    assert isinstance(refused, Refusal)
    assert "at column 4: U+00A0 NO-BREAK SPACE where the file has U+0020 SPACE" in refused.feedback()
    assert isinstance(check(ONE(refused.feedback()), FILES), Patch)


def test_a_file_that_is_only_named_can_be_left_out_or_shown_in_a_hunk() -> None:
    named = "--- a/twice.txt\n+++ b/twice.txt\nsame becomes other\n"
    refused = check(named + WRONG_PLACE, FILES)
    assert isinstance(refused, Refusal)
    assert "@@ -LINE,COUNT +LINE,COUNT @@" in refused.feedback()
    for write in (without_the_named_part(named + WRONG_PLACE), as_the_form_shows):
        assert isinstance(check(write(refused.feedback()), FILES), Patch)


def test_feedback_stays_short_however_much_is_wrong() -> None:
    hunks = "".join(f"@@ -{n},2 +{n},2 @@\n nowhere {n}\n-gone {n}\n+x\n" for n in range(1, 500))
    refused = check(APP + hunks, FILES)
    assert isinstance(refused, Refusal)
    assert len(refused.problems) == 200
    assert len(refused.feedback()) < 20_000
