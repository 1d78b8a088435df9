"""One small case for every reason code, to be read as their definitions."""

from __future__ import annotations

import pytest

from cfx_flow.diffs import Code, Patch, Refusal, check

FILES = {
    "app.py": "import os\n\n\ndef one():\n    return 1\n\n\ndef two():\n    return 2\n",
    "twice.txt": "start\nsame\nend\nstart\nsame\nend\n",
    "picture.txt": "\0\1\2",
}
APP = "--- a/app.py\n+++ b/app.py\n"
TWICE = "--- a/twice.txt\n+++ b/twice.txt\n"

CASES = {
    "no_diff": "I cannot see anything to change.",
    "not_text": f"{APP}@@ -1 +1 @@\n-import os\n+\0\n",
    "truncated": f"```diff\n{APP}@@ -4,2 +4,6 @@\n def one():\n-    return 1\n+    value = 1\n+    if va",
    "unsafe_path": "--- /dev/null\n+++ b/../app.py\n@@ -0,0 +1 @@\n+x\n",
    "symlink": "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc/passwd\n",
    "mode_change": "diff --git a/app.py b/app.py\nold mode 100644\nnew mode 100755\n",
    "binary": "diff --git a/i.png b/i.png\nindex 1..2 100644\nGIT binary patch\nliteral 5\nMcmYdf\n",
    "rename_or_copy": "diff --git a/app.py b/b.py\nsimilarity index 100%\nrename from app.py\nrename to b.py\n",
    "missing_target": "--- a/lib/app.py\n+++ b/lib/app.py\n@@ -1 +1 @@\n-import os\n+import sys\n",
    "new_file_exists": "--- /dev/null\n+++ b/app.py\n@@ -0,0 +1 @@\n+import sys\n",
    "paths_disagree": "--- a/app.py\n+++ b/twice.txt\n@@ -1 +1 @@\n-import os\n+import sys\n",
    "no_anchor": f"{APP}@@ -4,0 +4,1 @@\n+import sys\n",
    "ambiguous_match": f"{TWICE}@@\n start\n-same\n+other\n end\n",
    "context_not_found": f"{APP}@@ -4,2 +4,2 @@\n def three():\n-    return 1\n+    return 3\n",
    "removed_line_mismatch": f"{APP}@@ -4,2 +4,2 @@\n def one():\n-    return 10\n+    return 3\n",
    "already_applied": f"{APP}@@ -4,2 +4,2 @@\n def one():\n-    return 0\n+    return 1\n",
    "conflicting_hunks": f"{APP}@@ -5 +5 @@\n-    return 1\n+    return 3\n@@ -5 +5 @@\n-    return 1\n+    return 4\n",
    "overlapping_hunks": (
        f"{APP}@@ -4,2 +4,1 @@\n-def one():\n-    return 1\n+ONE = 1\n@@ -5,2 +5,1 @@\n-    return 1\n-\n+x\n"
    ),
    "no_change": f"{APP}@@ -4,2 +4,2 @@\n def one():\n-    return 1\n+    return 1\n",
}  # fmt: skip


@pytest.mark.parametrize("code", CASES)
def test_each_code_has_its_case(code: str) -> None:
    result = check(CASES[code], FILES)
    assert isinstance(result, Refusal)
    assert result.code == code, result.problems
    assert result.problems[0].message
    assert code in result.feedback()


def test_every_code_is_tested() -> None:
    by_policy = {"oversize", "path_not_allowed", "protected_path"}  # test_hostile.py
    assert set(CASES) | by_policy == {str(code) for code in Code}


@pytest.mark.parametrize("twin", ["same", "same \t", "same\r"], ids=["alike", "blanks", "return"])
def test_copies_that_differ_in_what_nobody_sees_are_told_apart_by_the_stated_line_alone(twin: str) -> None:
    files = {"twice.txt": f"start\nsame\nend\nstart\n{twin}\nend\n"}
    hunk = " start\n-same\n+other\n end\n"
    refused = check(f"{TWICE}@@\n{hunk}", files)
    assert isinstance(refused, Refusal)
    assert refused.code == "ambiguous_match"
    for stated, changed in ((1, 1), (4, 4)):
        patch = check(f"{TWICE}@@ -{stated},3 +{stated},3 @@\n{hunk}", files)
        assert isinstance(patch, Patch)
        (after,) = patch.files_after(files).values()
        assert after.split("\n")[changed].startswith("other")


@pytest.mark.parametrize("paths", [("x", "x/y"), ("x/y/z", "x")])
def test_new_file_is_no_folder_of_another_new_one(paths: tuple[str, str]) -> None:
    """Neither could be written where the other is."""
    parts = (f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+text\n" for path in paths)
    refused = check("".join(parts), {})
    assert isinstance(refused, Refusal)
    assert refused.code == "new_file_exists"
    assert "makes x a file" in refused.problems[0].message


def test_two_ways_of_one_answer_are_both_taken_unless_they_clash() -> None:
    """Nothing says which of "Option A" and "Option B" is meant; what fits together is one change."""
    option = (
        "Option {0}:\n```diff\n{1}@@ -{2},2 +{2},2 @@\n def {3}():\n-    return {4}\n+    return {0}\n```\n"
    )
    one, two = option.format("A", APP, 4, "one", 1), option.format("B", APP, 8, "two", 2)
    assert isinstance(check(one + two, FILES), Patch)
    refused = check(one + option.format("B", APP, 4, "one", 1), FILES)
    assert isinstance(refused, Refusal)
    assert refused.code == "conflicting_hunks"


def test_one_bad_hunk_refuses_the_whole_answer() -> None:
    good = f"{TWICE}@@ -1,2 +1,2 @@\n start\n-same\n+other\n"
    assert isinstance(check(good, FILES), Patch)
    assert isinstance(check(good + CASES["removed_line_mismatch"], FILES), Refusal)


def test_all_problems_are_named_not_only_the_first() -> None:
    result = check(CASES["removed_line_mismatch"] + CASES["ambiguous_match"], FILES)
    assert isinstance(result, Refusal)
    assert [problem.code for problem in result.problems] == ["removed_line_mismatch", "ambiguous_match"]


@pytest.mark.parametrize(
    ("name", "diff"),
    {
        "part of the file": "--- a/app.py\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-import os\n-\n",
        "nothing of it": "diff --git a/app.py b/app.py\ndeleted file mode 100644\n",
        "with a line kept": "--- a/twice.txt\n+++ /dev/null\n@@ -1,6 +0,0 @@\n-start\n-same\n-end\n-start\n-same\n end\n",
    }.items(),
)
def test_a_deletion_must_name_the_whole_old_content(name: str, diff: str) -> None:
    result = check(diff, FILES)
    assert isinstance(result, Refusal), name
    assert result.code == "removed_line_mismatch"


def test_a_file_that_is_not_text_is_binary() -> None:
    diff = "--- a/picture.txt\n+++ b/picture.txt\n@@ -1 +1 @@\n-x\n+y\n"
    assert getattr(check(diff, FILES), "code", None) == "binary"


def test_a_new_file_cannot_lie_below_a_file_nor_take_a_folders_name() -> None:
    for path, files in (("app.py/x", FILES), ("src", {"src/x.py": ""})):
        result = check(f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n", files)
        assert getattr(result, "code", None) == "new_file_exists"


def test_a_line_below_blank_context_is_no_prose() -> None:
    """Where its mark is gone, it must not take the rest of the hunk with it."""
    answer = f"{APP}@@ -1,5 +1,4 @@\n import os\n \n \n**- def one():**\n     return 1\n{TWICE}@@ -2 +2 @@\n-same\n+other\n"
    assert isinstance(check(answer, FILES), Refusal)


def test_fence_that_closes_inside_of_a_hunk_is_not_the_end_of_the_answer() -> None:
    """A README whose own fence lost its mark: what follows must not be dropped."""
    files = {"README.md": "# T\n\n```\nold\n```\n\nold end\n"}
    answer = (
        "```diff\n--- a/README.md\n+++ b/README.md\n@@ -3,5 +3,5 @@\n-# T\n+# Title\n \n"
        "```\n-old\n+new\n```\n \n-old end\n+new end\n```\n"
    )
    assert isinstance(check(answer, files), Refusal)


def test_a_new_file_that_is_there_under_its_name_as_it_stands_is_not_made_under_another() -> None:
    files = {"a/app.py": "x\n", "docs/y": "y\n"}
    gone = "--- docs/y\n+++ /dev/null\n@@ -1 +0,0 @@\n-y\n"
    for answer in ("", gone):
        result = check(f"{answer}--- /dev/null\n+++ a/app.py\n@@ -0,0 +1 @@\n+one\n", files)
        assert getattr(result, "code", None) == "new_file_exists"


def test_lines_that_go_and_come_back_do_not_hide_that_two_hunks_insert_at_one_place() -> None:
    one = f"{APP}@@ -4,2 +4,3 @@\n-def one():\n+def one():\n+    first()\n     return 1\n"
    other = "@@ -4,2 +4,3 @@\n def one():\n+    other()\n-    return 1\n+    return 1\n"
    assert isinstance(check(one, FILES), Patch)
    assert getattr(check(one + other, FILES), "code", None) == "conflicting_hunks"


def test_lines_for_the_middle_of_a_file_that_is_not_there_make_no_new_file() -> None:
    named = "--- a/lib/app.py\n+++ b/lib/app.py\n"
    assert isinstance(check(f"{named}@@ -0,0 +1 @@\n+import sys\n", FILES), Patch)
    result = check(f"{named}@@ -5,0 +6 @@\n+    import sys\n", FILES)
    assert getattr(result, "code", None) == "missing_target"


def test_a_line_that_looks_like_a_frame_does_not_take_the_rest_of_its_hunk_along() -> None:
    """``</code>`` is the file's own here, and has lost its blank."""
    files = {"x.html": "<code>\nold\n</code>\n<p>\none\n</p>\n"}
    names = "--- a/x.html\n+++ b/x.html\n"
    body = " <code>\n-old\n+new\n</code>\n <p>\n-one\n+two\n </p>\n"
    for answer in (f"{names}@@ -1,6 +1,6 @@\n{body}", f"```diff\n{names}@@\n{body}```\n"):
        result = check(answer, files)
        assert isinstance(result, Refusal)
        assert result.code == "context_not_found"


def test_a_whole_file_written_as_added_lines_is_not_taken_for_one_that_breaks_off() -> None:
    """Models rewrite a file so, with the counts of a hunk that has old lines too."""
    files = {"app.py": "a\nb\nc\n"}
    result = check("--- a/app.py\n+++ b/app.py\n@@ -1,3 +1,3 @@\n+a\n+B\n+c\n", files)
    assert isinstance(result, Refusal)
    assert result.code == "no_anchor"
    assert "each that goes with -" in result.feedback()


def test_blank_lines_alone_are_no_anchor_unless_they_stand_where_the_hunk_says() -> None:
    files = {"x.py": "import os\n\ndef one():\n    return 1\n"}
    names = "--- a/x.py\n+++ b/x.py\n"
    for header in ("@@", "@@ -5,1 +5,3 @@"):
        result = check(f"{names}{header}\n\n+def two():\n+    return 2\n", files)
        assert getattr(result, "code", None) == "no_anchor"
    assert isinstance(check(f"{names}@@ -2,1 +2,2 @@\n \n+X = 1\n", files), Patch)


def test_a_new_files_name_that_may_have_a_prefix_or_not_is_not_guessed() -> None:
    new = "--- /dev/null\n+++ {}\n@@ -0,0 +1 @@\n+x\n"
    bare = f"--- app.py\n+++ app.py\n@@ -1 +1 @@\n-import os\n+import sys\n{new}"
    beside = FILES | {"c/main.c": "x\n"}
    for answer, files in ((bare.format("b/new.py"), FILES), (new.format("c/new.c"), beside)):
        assert getattr(check(answer, files), "code", None) == "paths_disagree"
    for answer, path in ((bare.format("c/new.c"), "c/new.c"), (new.format("b/c/new.c"), "c/new.c")):
        result = check(answer, beside)
        assert isinstance(result, Patch)
        assert path in result.files_after(beside)


def test_a_pair_of_lines_that_begin_with_one_blank_is_no_list_of_bullets() -> None:
    """As in a comment of C or JavaScript, whose first line has lost its blank."""
    files = {"x.js": "var a = 1;\n\n/**\n * Old\n */\n"}
    answer = "--- a/x.js\n+++ b/x.js\n@@\n-var a = 1;\n+var a = 2;\n\n/**\n- * Old\n+ * New\n  */\n"
    result = check(answer, files)
    assert isinstance(result, Refusal) or "New" in result.files_after(files)["x.js"]
