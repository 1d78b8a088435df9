"""What shells, terminals, escapers and half-finished thoughts do to a diff, one small case each."""

from __future__ import annotations

import pytest

from cfx_flow.diffs import Patch, Refusal, check

CODE = 'def greet(name):\n    text = "hello"\n    print(text, name)\n    print("bye")\n    return text\n'
NAMES = "--- a/x.py\n+++ b/x.py\n"
GOOD = f'{NAMES}@@ -2,2 +2,2 @@\n-    text = "hello"\n+    text = "hi"\n     print(text, name)\n'
AFTER = CODE.replace('"hello"', '"hi"')


@pytest.mark.parametrize(
    ("kind", "answer"),
    {
        "here_document": f"```sh\ngit apply <<'EOF'\n{GOOD.replace('-2,2', '-2,9')}EOF\n```\n",
        "colours": "\x1b[1m--- a/x.py\x1b[m\n\x1b[1m+++ b/x.py\x1b[m\n\x1b[36m@@ -2,2 +2,2 @@\x1b[m def f\n"
        '\x1b[31m-    text = "hello"\x1b[m\n\x1b[32m+\x1b[m\x1b[32m    text = "hi"\x1b[m\n     print(text, name)\n',
    }.items(),
)  # fmt: skip
def test_the_frame_of_a_shell_or_terminal_is_taken_off_and_recorded(kind: str, answer: str) -> None:
    result = check(answer, {"x.py": CODE})
    assert isinstance(result, Patch), result
    assert result.files_after({}) == {"x.py": AFTER}
    assert kind in {repair.kind for repair in result.repairs}


def test_a_here_document_of_the_file_itself_is_left_alone() -> None:
    file = "cat <<EOF\n--- a\nEOF\nx\n"
    result = check("--- a/x\n+++ b/x\n@@ -1,4 +1,4 @@\n cat <<EOF\n --- a\n EOF\n-x\n+y\n", {"x": file})
    assert isinstance(result, Patch)
    assert result.files_after({}) == {"x": file.replace("x\n", "y\n")}


@pytest.mark.parametrize("line", ['+    text = "\x1b[1mhi\x1b[m"', "+\x1b[32m a \x1b[m\x1b[1m b"])
def test_a_colour_within_a_line_may_be_the_files_own_and_is_not_taken_out(line: str) -> None:
    answer = (
        f'\x1b[1m--- a/x.py\x1b[m\n\x1b[1m+++ b/x.py\x1b[m\n@@ -2,1 +2,1 @@\n-    text = "hello"\n{line}\n'
    )
    assert getattr(check(answer, {"x.py": CODE}), "code", None) == "not_text"


def test_colours_are_content_where_no_header_has_them() -> None:
    answer = GOOD.replace('"hi"', '"\x1b[1mhi\x1b[m"')
    result = check(answer, {"x.py": CODE})
    assert isinstance(result, Patch)
    assert "\x1b[1mhi" in result.files_after({})["x.py"]


def test_empty_lines_of_a_new_file_need_no_mark_unless_lines_are_missing() -> None:
    answer = "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1,4 @@\n+one\n\n\n+two\n"
    result = check(answer, {})
    assert isinstance(result, Patch)
    assert result.files_after({}) == {"new.py": "one\n\n\ntwo\n"}
    assert "blank_added" in {repair.kind for repair in result.repairs}
    assert isinstance(check(answer.replace("+1,4", "+1,9"), {}), Refusal)
    assert isinstance(check(answer.replace("+two", " two"), {}), Refusal)


@pytest.mark.parametrize(
    ("header", "after"),
    [("@@ -1,2 +1,2 @@", "a\nB"), ("@@", "a\nB"), ("@@ -1,2 +1,3 @@", "a\nB\n\\ No newline at end of file")],
)
def test_a_marked_end_of_file_marker_is_a_line_only_where_the_counts_say_so(header: str, after: str) -> None:
    answer = f"--- a/x\n+++ b/x\n{header}\n a\n-b\n+B\n+\\ No newline at end of file\n"
    result = check(answer, {"x": "a\nb\n"})
    assert isinstance(result, Patch)
    assert result.files_after({})["x"].removesuffix("\n") == after


# -- a file that is named, and nothing of what is to become of it


@pytest.mark.parametrize(
    "body",
    [
        "<<<<<<< SEARCH\n    return text\n=======\n    return text.upper()\n>>>>>>> REPLACE\n",
        "The same, with `return text.upper()` at its end.\n",
        "",
    ],
)
def test_half_of_an_answer_is_not_applied_where_a_named_file_has_no_hunk(body: str) -> None:
    """The other file's hunk is fine: applied alone it would be half of what was meant."""
    answer = f"--- a/y.py\n+++ b/y.py\n{body}{GOOD}"
    result = check(answer, {"x.py": CODE, "y.py": CODE})
    assert isinstance(result, Refusal)
    assert (result.code, result.problems[0].path) == ("no_diff", "a/y.py")
    assert "begin one with @@" in result.feedback()


def test_an_answer_that_begins_in_the_middle_of_a_hunk_is_not_applied_from_there_on() -> None:
    for lost in ("-    old()\n+    new()\n     return\n", "+\n+def more():\n"):
        for answer in (lost + GOOD, f"```diff\n{lost}{GOOD}```\n"):
            assert getattr(check(answer, {"x.py": CODE}), "code", None) == "truncated"
    for prose in ("- made it friendlier\n+ and shorter\n", "- \n---\n", "Well:\n"):
        assert isinstance(check(prose + GOOD, {"x.py": CODE}), Patch)


def test_headers_written_twice_are_harmless() -> None:
    assert isinstance(check(NAMES + GOOD, {"x.py": CODE}), Patch)


def test_a_new_file_may_be_empty_and_one_in_another_form_is_not() -> None:
    empty = "--- /dev/null\n+++ b/pkg/__init__.py\n"
    result = check(empty + GOOD, {"x.py": CODE})
    assert isinstance(result, Patch)
    assert result.files_after({})["pkg/__init__.py"] == ""
    assert getattr(check(f"{empty}import os\n{GOOD}", {"x.py": CODE}), "code", None) == "no_diff"


def test_an_unsafe_path_is_said_before_a_missing_hunk() -> None:
    answer = f"--- a/../y\n+++ b/../y\n{GOOD}"
    assert getattr(check(answer, {"x.py": CODE}), "code", None) == "unsafe_path"


# -- one context line off, and what that may mean for the added ones


@pytest.mark.parametrize(
    ("true", "wrote"),
    [
        ("    log('done')", "    log(\u2018done\u2019)"),
        ("    path = r'a\\b'", "    path = r'a\\\\b'"),
        ("    call(*items)", "    call(items)"),
        ("    put({name})", "    put({{name}})"),
        ("    it = 'x'", "    it = ''x''"),
        ("    wait (now)", "    wait\u00a0(now)"),
        ("    naïve = True", "    naive = True"),
        ("    a\t= words", "    a = words"),
    ],
)
def test_what_a_program_does_to_every_line_is_no_slip_of_the_pen(true: str, wrote: str) -> None:
    """Added lines went through the same, and nothing of the hunk says that they did not."""
    file = f"first line\nsecond line\n{true}\nold line\nlast line\n"
    answer = f"--- a/x\n+++ b/x\n@@ -1,5 +1,5 @@\n first line\n second line\n {wrote}\n-old line\n+new line\n last line\n"
    assert getattr(check(answer, {"x": file}), "code", None) == "context_not_found"


def test_a_mark_that_another_line_shows_may_be_forgotten_in_one() -> None:
    file = 'a = "one"\nb = "two"\nold line\nlast line\n'
    answer = '--- a/x\n+++ b/x\n@@ -1,4 +1,4 @@\n a = "one"\n b = "two\n-old line\n+new line\n last line\n'
    assert isinstance(check(answer, {"x": file}), Patch)


def test_a_context_line_that_has_a_new_word_of_the_added_ones_is_a_change_without_marks() -> None:
    file = "def paint(colour):\n    check(colour)\n    use(colour)\n    return colour\n"
    answer = (
        "--- a/x\n+++ b/x\n@@ -1,4 +1,4 @@\n-def paint(colour):\n+def paint(color):\n"
        "     check(color)\n-    use(colour)\n+    use(color)\n     return colour\n"
    )
    assert getattr(check(answer, {"x": file}), "code", None) == "context_not_found"
    known = "def last(words):\n    word = words[-1]\n    use(word)\n    return 1\n"
    answer = (
        "--- a/x\n+++ b/x\n@@ -1,4 +1,4 @@\n def last(words):\n     words = words[-1]\n"
        "-    use(word)\n+    use(words)\n     return 1\n"
    )
    assert getattr(check(answer, {"x": known}), "code", None) == "context_not_found"


def test_a_no_break_blank_is_no_indentation() -> None:
    file = "first\n        (one)\n        (two)\nlast\n"
    answer = "--- a/x\n+++ b/x\n@@ -1,4 +1,4 @@\n first\n       \u00a0(one)\n-       \u00a0(two)\n+       \u00a0(2)\n last\n"
    assert isinstance(check(answer, {"x": file}), Refusal)
