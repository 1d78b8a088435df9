"""What holds for any text at all, not only for text that looks like code."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from cfx_flow.diffs import Patch, Refusal, check, check_form, reverse, reverse_text
from tests.diffs.generator import Edited, edited
from tests.diffs.slips import FORM

LINES = st.one_of(
    st.sampled_from(
        [
            "", " ", "a", "b", "-", "--", "---", "-- a/x", "--- a/x", "+++ b/x", "++ b/x", "@@", "@@ -1 +1 @@",
            "```", "```diff", "~~~", "diff --git a/x b/x", "\\ No newline at end of file", "\\", "...", "\t", "\tx",
            "    x", "<&>", "&lt;", "a\r", "\r", "\x0c", "\x1c", "\u2028", "\x85", "ä", "…", "*** End Patch", "</diff>",
            "# ... existing code ...", "From 0123456789", "Index: x", "+", "- x", "+ x", " -", " +", "\ufeff",
        ]
    ),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\n\0"), max_size=8),
)  # fmt: skip
TEXTS = st.tuples(st.lists(LINES, max_size=14), st.booleans()).map(
    lambda parts: "\n".join(parts[0]) + ("\n" if parts[1] and parts[0] else "")
)
QUICK = settings(max_examples=100, deadline=None, derandomize=True)
SAFE_FOR_ANY_TEXT = ("none", "no_git_line", "files_in_other_order", "byte_order_mark", "timestamps", "svn")
"""slips that cannot be mistaken for content, whatever the content is"""


def _one(before: str, after: str) -> Edited:
    return edited({"x": before, "y": "untouched\n"}, {"x": after, "y": "untouched\n"})


@QUICK
@given(TEXTS, TEXTS, st.sampled_from(SAFE_FOR_ANY_TEXT))
def test_any_edit_of_any_text_comes_back_exactly(before: str, after: str, slip: str) -> None:
    edit = _one(before, after)
    answer = FORM[slip](edit, Random(0))
    if before == after or answer is None:
        return
    result = check(answer, edit.before)
    if before and not any(line[0] in " -" for s in edit.sections for p in s.pieces for line in p.lines):
        return
    assert isinstance(result, Patch), result
    assert result.files_after(edit.before) == edit.after


@QUICK
@given(TEXTS, TEXTS)
def test_a_patch_and_its_reverse_lead_back(before: str, after: str) -> None:
    edit = _one(before, after)
    result = check(edit.text(), edit.before)
    if not isinstance(result, Patch):
        return
    there = result.files_after(edit.before)
    for back in (reverse(result), reverse_text(result.diff)):
        assert isinstance(back, str)
        undone = check(back, there)
        assert isinstance(undone, Patch), undone
        assert undone.files_after(there) == edit.before


@QUICK
@given(TEXTS, TEXTS, TEXTS)
def test_a_diff_for_another_text_is_applied_only_where_its_old_side_stands(
    before: str, after: str, other: str
) -> None:
    """Whatever is applied took away lines that were named, and added no line that was not."""
    edit = _one(before, after)
    result = check(edit.text(), {"x": other, "y": "untouched\n"})
    if not isinstance(result, Patch):
        return
    removed = {
        line[1:].strip() for s in edit.sections for p in s.pieces for line in p.lines if line[0] == "-"
    }
    added = {line[1:].strip() for s in edit.sections for p in s.pieces for line in p.lines if line[0] == "+"}
    gone = Counter(line[1:].strip() for line in result.diff.split("\n")[4:] if line[:1] == "-")
    come = Counter(line[1:].strip() for line in result.diff.split("\n")[4:] if line[:1] == "+")
    assert set(gone - come) <= removed  # a line in both only changed its line end
    assert set(come - gone) <= added


@settings(QUICK, max_examples=250)
@given(st.lists(LINES, max_size=25), st.dictionaries(st.sampled_from(["x", "a/x", "b"]), TEXTS, max_size=3))
def test_no_text_makes_the_check_fall_over(lines: list[str], files: dict[str, str]) -> None:
    text = "\n".join(lines)
    result = check(text, files)
    assert isinstance(result, Patch | Refusal)
    assert isinstance(result, Patch) or result.feedback()
    assert check_form(text).status in {"valid", "repaired", "refused"}


@QUICK
@given(TEXTS, TEXTS, st.data())
def test_a_diff_with_one_character_gone_is_never_applied_beyond_its_lines(
    before: str, after: str, data: st.DataObject
) -> None:
    """Dropping any one character may be recovered or refused; the other file is never touched."""
    edit = _one(before, after)
    text = edit.text()
    at = data.draw(st.integers(0, len(text) - 1))
    result = check(text[:at] + text[at + 1 :], edit.before)
    if isinstance(result, Patch):
        assert result.files_after(edit.before)["y"] == "untouched\n"
