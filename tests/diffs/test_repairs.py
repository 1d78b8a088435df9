"""What is mended, that it is written down, and that a policy can forbid each judgement."""

from __future__ import annotations

import pytest

from cfx_flow.diffs import JUDGEMENT_REPAIRS, FileChange, Patch, Policy, Refusal, check, check_form, reverse
from cfx_flow.diffs.counts import account
from cfx_flow.diffs.model import Edit, Hunk
from cfx_flow.diffs.place import Fitted, at
from cfx_flow.diffs.render import RenderError
from cfx_flow.diffs.source import Source

GO = "package x\n\nfunc One() int {\n\treturn 1\n}\n\nfunc Two() int {\n\tvalue := 2\n\treturn value\n}\n"
LONG = "".join(f"line {n} of this file\n" for n in range(40))

JUDGED = {
    "unmarked_context": (
        {"x.go": GO},
        "--- a/x.go\n+++ b/x.go\n@@ -7,4 +7,4 @@\nfunc Two() int {\n-\tvalue := 2\n+\tvalue := 3\n\treturn value\n}\n",
        GO.replace(":= 2", ":= 3"),
    ),
    "indentation": (
        {"x.go": GO},
        "--- a/x.go\n+++ b/x.go\n@@ -7,4 +7,5 @@\n func Two() int {\n-    value := 2\n+    value := 3\n+    value++\n     return value\n }\n",
        GO.replace(":= 2", ":= 3\n\tvalue++"),
    ),
    "elided_context": (
        {"x": LONG},
        "--- a/x\n+++ b/x\n@@ -3,30 +3,30 @@\n line 2 of this file\n-line 3 of this file\n+LINE 3\n ... existing code ...\n line 30 of this file\n-line 31 of this file\n+LINE 31\n",
        LONG.replace("line 3 of this file", "LINE 3").replace("line 31 of this file", "LINE 31"),
    ),
    "context_typo": (
        {"x.go": GO},
        "--- a/x.go\n+++ b/x.go\n@@ -6,4 +6,4 @@\n \n func Two() nt {\n-\tvalue := 2\n+\tvalue := 3\n \treturn value\n",
        GO.replace(":= 2", ":= 3"),
    ),
    "html_escaped": (
        {"x": "if a < b:\n    c()\n"},
        "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-if a &lt; b:\n+if a &lt;= b &amp; c:\n     c()\n",
        "if a <= b & c:\n    c()\n",
    ),
}  # fmt: skip


def test_every_judgement_has_a_case() -> None:
    assert JUDGED.keys() == JUDGEMENT_REPAIRS


@pytest.mark.parametrize("kind", JUDGED)
def test_a_judgement_is_taken_recorded_and_can_be_switched_off(kind: str) -> None:
    files, answer, after = JUDGED[kind]
    result = check(answer, files)
    assert isinstance(result, Patch), result
    assert list(result.files_after(files).values()) == [after]
    assert [repair.kind for repair in result.repairs if repair.judgement] == [kind]
    strict = check(answer, files, Policy(judgement=JUDGEMENT_REPAIRS - {kind}))
    assert isinstance(strict, Refusal)
    assert strict.code in {"context_not_found", "removed_line_mismatch"}


@pytest.mark.parametrize(
    ("kind", "answer"),
    {
        "fence": "```diff\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\n+A\n b\n```\n",
        "unclosed_fence": "```diff\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\n+A\n b\n",
        "thinking": "<think>\n+++ hm\n</think>\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\n+A\n b\n",
        "margin": "1. Do:\n\n   ```diff\n   --- a/x\n   +++ b/x\n   @@ -1,2 +1,2 @@\n   -a\n   +A\n    b\n   ```\n",
        "json": '{"diff": "--- a/x\\n+++ b/x\\n@@ -1,2 +1,2 @@\\n-a\\n+A\\n b\\n"}',
        "crlf_answer": "--- a/x\r\n+++ b/x\r\n@@ -1,2 +1,2 @@\r\n-a\r\n+A\r\n b\r\n",
        "path_prefix": "--- x\n+++ x\n@@ -1,2 +1,2 @@\n-a\n+A\n b\n",
        "missing_header": "+++ b/x\n@@ -1,2 +1,2 @@\n-a\n+A\n b\n",
        "hunk_header": "--- a/x\n+++ b/x\n@@ @@\n-a\n+A\n b\n",
        "counts": "--- a/x\n+++ b/x\n@@ -1,9 +1,7 @@\n-a\n+A\n b\n",
        "offset": "--- a/x\n+++ b/x\n@@ -7,2 +7,2 @@\n-a\n+A\n b\n",
        "trailing_blanks": "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\n+A\n b  \n",
        "envelope": "*** Begin Patch\n*** Update File: x\n@@\n-a\n+A\n b\n*** End Patch\n",
        "prose": "The change:\n\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\n+A\n b\n",
        "cr_answer": "--- a/x\r+++ b/x\r@@ -1,2 +1,2 @@\r-a\r+A\r b\r",
        "blank_first": "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n\n-a\n+A\n b\n",
        "blank_context": "--- a/x\n+++ b/x\n@@ -1,4 +1,4 @@\n-a\n+A\n b\n c\n\n",
        "duplicate_hunk": "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\n+A\n b\n@@ -1,2 +1,2 @@\n-a\n+A\n b\n",
    }.items(),
)  # fmt: skip
def test_a_slip_of_form_is_mended_and_recorded(kind: str, answer: str) -> None:
    result = check(answer, {"x": "a\nb\nc\n\n"})
    assert isinstance(result, Patch), result
    assert result.files_after({}) == {"x": "A\nb\nc\n\n"}
    assert kind in {repair.kind for repair in result.repairs}
    assert not any(repair.judgement for repair in result.repairs)


def test_a_files_own_line_ends_and_missing_newline_stay() -> None:
    files = {"x": "a\r\nb\r\nc"}
    result = check("--- a/x\n+++ b/x\n@@ -1,3 +1,4 @@\n a\n-b\n+B\n+BB\n c\n", files)
    assert isinstance(result, Patch)
    assert result.files_after(files) == {"x": "a\r\nB\r\nBB\r\nc"}


def test_a_diff_may_change_line_ends_on_purpose() -> None:
    files = {"x": "a\r\nb\r\n"}
    result = check("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\r\n-b\r\n+a\n+b\n", files)
    assert isinstance(result, Patch)
    assert result.files_after(files) == {"x": "a\nb\n"}


@pytest.mark.parametrize(
    ("marker_old", "marker_new", "before", "after"),
    [
        (True, False, "a\nb", "a\nB\n"),
        (False, True, "a\nb\n", "a\nB"),
        (True, True, "a\nb", "a\nB"),
        (False, False, "a\nb", "a\nB"),
        (False, False, "a\nb\n", "a\nB\n"),
    ],
)
def test_the_end_of_a_file_is_what_the_diff_says_or_as_it_was(
    marker_old: bool, marker_new: bool, before: str, after: str
) -> None:
    mark = "\\ No newline at end of file\n"
    answer = f"--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n-b\n{mark * marker_old}+B\n{mark * marker_new}"
    result = check(answer, {"x": before})
    assert isinstance(result, Patch)
    assert result.files_after({}) == {"x": after}


def test_a_typo_in_a_number_or_at_the_edge_of_a_miscounted_hunk_is_none() -> None:
    file = {"x": "case 1:\n    run_first()\n    stop()\ncase 2:\n"}
    number = "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n case 3:\n-    run_first()\n+    run_third()\n     stop()\n"
    edge = "--- a/x\n+++ b/x\n@@ -1,4 +1,5 @@\n case 1:\n-    run_first()\n+    run_third()\n     stopp()\n"
    for answer in (number, edge):
        assert isinstance(check(answer, file), Refusal)


def test_indentation_is_not_guessed_where_an_added_line_has_no_neighbour() -> None:
    """Eight blanks may be two tabs, or one tab and four blanks of alignment: the file has both."""
    aligned = GO.replace("\treturn 1", "\tcall(1,\n\t     2)\n\treturn 1")
    answer = JUDGED["indentation"][1].replace("+    value++", "+        value++")
    assert isinstance(check(answer, {"x.go": aligned}), Refusal)


def test_half_of_an_answer_is_never_reindented_alone() -> None:
    """The new file went through the same editor, and nothing in it says what its blanks were."""
    _, answer, _ = JUDGED["indentation"]
    created = "--- /dev/null\n+++ b/y.go\n@@ -0,0 +1,2 @@\n+func Three() {\n+    return\n"
    assert isinstance(check(answer + created, {"x.go": GO}), Refusal)


def test_a_hunk_whose_margin_holds_is_not_shifted_with_the_others() -> None:
    """Each hunk lost its own margin: the first one had none to lose."""
    file = {
        "x": "import os\nimport sys\n\n\nclass A:\n    def one(self):\n        self.a = 1\n        self.b = 2\n"
    }
    answer = (
        "--- a/x\n+++ b/x\n@@ -1,2 +1,4 @@\n import os\n+if os:\n+    import re\n import sys\n"
        "@@ -6,3 +8,3 @@\n def one(self):\n     self.a = 1\n-    self.b = 2\n+    self.b = 3\n"
    )
    result = check(answer, file)
    assert isinstance(result, Refusal)


def test_form_is_reported_without_files() -> None:
    clean = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"
    assert check_form(clean).to_dict() == {
        "status": "valid",
        "checked": "form",
        "repairs": [],
        "problems": [],
    }
    assert check_form(f"```diff\n{clean}```\n").status == "repaired"
    assert check_form(f"This is it:\n\n{clean}").status == "repaired"
    refused = check_form("no diff").to_dict()
    assert refused["status"] == "refused"
    assert refused["problems"][0]["code"] == "no_diff"


BLOCK = "".join(f"line {n}\n" for n in range(30))
HALF = "--- a/x\n+++ b/x\n@@ -4,7 +4,7 @@\n line 3\n line 4\n line 5\n-line 6\n+six\n"


@pytest.mark.parametrize("rest", ["", " line 7\n", " line 7\n line 8"])
def test_an_answer_that_ends_before_its_hunk_does_is_truncated(rest: str) -> None:
    """Nothing frames it, so the counts, the context and the file must tell."""
    assert getattr(check(HALF + rest, {"x": BLOCK}), "code", None) == "truncated"


def test_counts_alone_do_not_make_an_answer_truncated() -> None:
    files = {"x": BLOCK}
    whole = HALF + " line 7\n line 8\n line 9\n"
    beyond = whole.replace("4,7", "4,50")  # the file has no such lines
    for answer in (whole, whole.replace("4,7", "4,9"), beyond, f"```diff\n{HALF}```\n"):
        assert isinstance(check(answer, files), Patch)
    stripped = {"x": BLOCK.replace("line 8\nline 9\n", "\n\n")}
    assert isinstance(check(HALF + " line 7", stripped), Patch)
    at_the_end = {"x": "".join(f"line {n}\n" for n in range(7))}
    assert isinstance(check(HALF, at_the_end), Patch)


def test_counts_with_room_for_one_more_change_tell_of_an_answer_that_was_cut() -> None:
    """Three lines of context below, as there should be: it ends just where the next change begins."""
    whole = HALF + " line 7\n line 8\n line 9\n"
    for count in ("4,10", "4,14"):
        assert getattr(check(whole.replace("4,7", count), {"x": BLOCK}), "code", None) == "truncated"
    fenced = f"```diff\n{whole.replace('4,7', '4,14')}```\n"
    assert isinstance(check(fenced, {"x": BLOCK}), Patch)
    at_the_end = {"x": "".join(f"line {n}\n" for n in range(12))}
    assert getattr(check(whole.replace("4,7", "4,9"), at_the_end), "code", None) == "truncated"


def test_a_new_file_of_which_much_is_missing_is_truncated() -> None:
    head = "--- /dev/null\n+++ b/x\n@@ -0,0 +1,{} @@\n" + "+line\n" * 20
    assert isinstance(check(head.format(24), {}), Patch)
    assert getattr(check(head.format(40), {}), "code", None) == "truncated"
    short = "--- /dev/null\n+++ b/x\n@@ -0,0 +1,{} @@\n" + "+line\n" * 3
    assert isinstance(check(short.format(4), {}), Patch)
    assert getattr(check(short.format(5), {}), "code", None) == "truncated"


def test_a_header_of_a_new_file_that_breaks_off_is_no_empty_file() -> None:
    announced = "diff --git a/x b/x\nnew file mode 100644\n"
    assert isinstance(check(announced, {}), Patch)
    for begun in ("-", "--- /dev", "--- /dev/null"):
        assert getattr(check(announced + begun, {}), "code", None) == "truncated"


def test_the_stated_line_goes_before_an_exact_copy_elsewhere() -> None:
    files = {"x": "same\nend\n\nsame  \nend\n"}
    result = check("--- a/x\n+++ b/x\n@@ -4,2 +4,2 @@\n-same\n+other\n end\n", files)
    assert isinstance(result, Patch)
    assert result.files_after({}) == {"x": "same\nend\n\nother\nend\n"}


def test_a_shift_and_a_scale_look_alike_where_one_level_is_all_that_shows() -> None:
    file = {"x": "if a:\n    one()\n    two()\n"}
    answer = "--- a/x\n+++ b/x\n@@ -2,2 +2,4 @@\n         one()\n-        two()\n+        if b:\n+                two()\n"
    assert isinstance(check(answer, file), Refusal)


MARKED = "\ufeffusing One;\nusing Two;\n\nclass X {}\n"


@pytest.mark.parametrize(
    ("hunk", "after"),
    [
        (
            "@@ -1,2 +1,2 @@\n-using One;\n+using 1;\n using Two;\n",
            "\ufeffusing 1;\nusing Two;\n\nclass X {}\n",
        ),
        (
            "@@ -1,3 +1,3 @@\n using One;\n-using Two;\n+using 2;\n \n",
            "\ufeffusing One;\nusing 2;\n\nclass X {}\n",
        ),
        ("@@ -1,2 +1,1 @@\n-using One;\n using Two;\n", "\ufeffusing Two;\n\nclass X {}\n"),
        (
            "@@ -1,2 +1,3 @@\n+using Zero;\n using One;\n using Two;\n",
            "\ufeffusing Zero;\nusing One;\nusing Two;\n\nclass X {}\n",
        ),
        (
            "@@ -1,2 +1,2 @@\n-\ufeffusing One;\n+using One;\n using Two;\n",
            "using One;\nusing Two;\n\nclass X {}\n",
        ),
        (
            "@@ -1,2 +1,2 @@\n-\ufeffusing One;\n+\ufeffusing 1;\n using Two;\n",
            "\ufeffusing 1;\nusing Two;\n\nclass X {}\n",
        ),
    ],
)
def test_a_files_byte_order_mark_stays_where_it_is_unless_the_diff_shows_it(hunk: str, after: str) -> None:
    files = {"x": MARKED}
    result = check(f"--- a/x\n+++ b/x\n{hunk}", files)
    assert isinstance(result, Patch), result
    assert result.files_after(files) == {"x": after}
    again = check(result.diff, files)
    assert isinstance(again, Patch)
    assert again.files_after(files) == {"x": after}


def test_what_the_canonical_diff_counts_otherwise_than_the_answer_is_written_down() -> None:
    files = {"x": "a\nb\nc"}
    same = check("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\n+a\n-b\n+B\n@@ -3 +3 @@\n-c\n+c\n", files)
    ended = check("--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n-a\n+A\n b\n c\n\\ No newline at end of file\n", files)
    assert isinstance(same, Patch)
    assert isinstance(ended, Patch)
    assert [repair.kind for repair in same.repairs] == ["unchanged_lines"]
    assert ended.repairs == ()
    assert (ended.changes[0].added, ended.changes[0].removed) == (1, 1)


@pytest.mark.parametrize(("body", "after"), [("+", "\n"), ("+a\n+", "a\n\n"), ("+a\n+\n+", "a\n\n\n")])
def test_an_empty_last_line_has_an_end_whatever_the_answer_says(body: str, after: str) -> None:
    header = f"--- /dev/null\n+++ b/x\n@@ -0,0 +1,{body.count('+')} @@\n"
    result = check(f"{header}{body}\n\\ No newline at end of file\n", {})
    assert isinstance(result, Patch)
    assert result.files_after({}) == {"x": after}
    assert result.diff.endswith(f"@@\n{body}\n")


@pytest.mark.parametrize(("made", "before"), [("new file", {}), ("deleted file", {"e.py": ""})])
def test_an_empty_file_before_one_with_a_blank_in_its_name_is_taken(
    made: str, before: dict[str, str]
) -> None:
    empty = f"diff --git a/e.py b/e.py\n{made} mode 100644\n"
    changed = "--- a/b c.txt\n+++ b/b c.txt\n@@ -1,1 +1,1 @@\n-x\n+y\n"
    files = {"b c.txt": "x\n", **before}
    result = check(f"{empty}diff --git a/b c.txt b/b c.txt\n{changed}", files)
    assert isinstance(result, Patch), result
    assert result.diff == changed + empty
    undone = check(reverse(result), after := result.files_after(files))
    assert isinstance(undone, Patch)
    assert undone.files_after(after) == files


def test_a_change_that_has_lost_lines_of_the_answer_is_never_let_through() -> None:
    body = ["-a", "+A", " b", "-c", "+C"]
    hunk = Hunk(3, body)
    fitted = Fitted("x", 1, Source("a\nb\nc\n"), [(hunk, at(hunk, 0, Source("a\nb\nc\n"), exact=True))])
    half = FileChange("x", "a\nb\nc\n", "A\nb\nc\n", (Edit(0, 1, ("A",)),))
    with pytest.raises(RenderError):
        account(fitted, half)


def test_drafts_in_reasoning_that_shows_only_its_end_are_not_the_answer() -> None:
    """Templates of reasoning models open ``<think>`` themselves."""
    draft = "```diff\n--- a/x\n+++ b/x\n@@ -3 +3 @@\n-c\n+C\n```\n"
    answer = draft.replace("c", "a").replace("C", "A").replace("-3 +3", "-1 +1")
    files = {"x": "a\nb\nc\n"}
    result = check(f"First try:\n{draft}No.\n</think>\n\n{answer}", files)
    assert isinstance(result, Patch), result
    assert result.files_after(files) == {"x": "A\nb\nc\n"}


def test_another_name_of_the_file_is_no_typo() -> None:
    """``get_max`` for ``get_min`` is two letters off, and another function."""
    low = "def get_min(self):\n    values = self.load()\n    return values[0]\n"
    files = {"x.py": f"{low}\n\ndef get_max(self):\n    items = self.read()\n    return items[-1]\n"}
    hunk = "@@ -1,3 +1,3 @@\n def {}(self):\n     values = self.load()\n-    return values[0]\n+    return self.first\n"
    answer = "--- a/x.py\n+++ b/x.py\n" + hunk
    assert isinstance(check(answer.format("get_mn"), files), Patch)
    assert isinstance(check(answer.format("get_max"), files), Refusal)


def test_a_comma_at_the_end_of_a_line_is_a_change_and_no_typo() -> None:
    files = {"x.json": '{\n  "one": 1,\n  "other": 2\n}\n'}
    answer = '--- a/x.json\n+++ b/x.json\n@@ -2,3 +2,4 @@\n   "one": 1,\n   "other": 2,\n+  "third": 3\n }\n'
    assert getattr(check(answer, files), "code", None) == "context_not_found"
