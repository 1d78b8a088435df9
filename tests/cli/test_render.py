from __future__ import annotations

import io
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from cli.lines import count, duration, patch_lines, plain, print_lines, usd
from cli.render import Renderer
from cli.timeline import Timeline
from cli.watch import Screen
from tests.cli.recorded import FAILED, SKIPPED, Recorder, flow_with_tests, mended_flow

EXPECTED = """\
  ✓ plan    claude-sonnet-4-5             1.2 s      812 in     240 out  $0.0061
            # Greet by name

            1. `hello.py`: use the argument.
  round 1
  ✓ code    deepseek-v3                   1.2 s    1,310 in     410 out  $0.0005
  ✗ check   refused: removed_line_mismatch
            hello.py, line 2: the diff removes 'print("hi")', the file has
            'print("hello")'
  ✓ code    deepseek-v3                   1.2 s    1,810 in     410 out  $0.0006
  ✓ check   accepted: 1 file, +2 −1
            repaired: fences
  ✓ review  gpt-4o-mini: approve          1.2 s    2,000 in      90 out  $0.0003
            Does it.
            low  hello.py:2  wording
              A comma is missing.

  approved · 1 round · 8.5 s · 4 calls · 7,082 tokens · $0.0075
"""

TESTED = """\
  round 1
  ✓ code    deepseek-v3                   1.2 s    1,310 in     410 out  $0.0005
  ✓ check   accepted: 1 file, +2 −1
  ✗ test    pytest: 2 new failures        1.2 s
            With the patch 2 tests fail:
            tests/test_hello.py::test_name_is_greeted,
            tests/test_hello.py::test_no_name. 1 failed before.
            … the log: cfx flows step ID 3
  ✓ code    deepseek-v3                   1.2 s    1,310 in     410 out  $0.0005
  ✓ check   accepted: 1 file, +2 −1
  ✓ test    pytest: passed 41, skipped 2    1.2 s
  ✓ review  gpt-4o-mini: approve          1.2 s    2,000 in      90 out  $0.0003
            Does it.

  approved · 1 round · 10.5 s · 3 calls · 5,530 tokens · $0.0014
"""


def rendered(record: Recorder, *, width: int = 80, encoding: str = "utf-8") -> str:
    """What a pipe gets: the screen's lines without the moving part."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    screen = Screen(Console(file=file, width=width, highlight=False))
    with screen:
        for event in record.events:
            screen.show(event)
    screen.end()
    file.flush()
    written = file.buffer
    assert isinstance(written, io.BytesIO)
    return written.getvalue().decode(encoding)


def test_flow_reads_like_this_at_80_columns() -> None:
    assert rendered(mended_flow()) == EXPECTED


def test_tests_that_break_and_then_pass_read_like_this() -> None:
    assert rendered(flow_with_tests()) == TESTED


def test_skipped_tests_are_neither_good_nor_bad_and_say_why() -> None:
    shown = rendered(Recorder().test(1, SKIPPED))
    assert "  ! test    pytest: skipped " in shown
    assert "The tests were not run: this machine has no sandbox." in shown
    assert "! test " in rendered(Recorder().test(1, SKIPPED), encoding="ascii")


def test_tests_that_failed_before_are_neither_good_nor_bad() -> None:
    message = "3 tests fail, as without the patch."
    before = FAILED | {"status": "failed_before", "new_failures": [], "message": message}
    shown = rendered(Recorder().test(1, before))
    assert "! test    pytest: failed as before, 3" in shown
    assert message in shown


def test_of_many_failures_the_first_are_named_each_on_a_line() -> None:
    names = [f"tests/test_{n}.py::test_\x1b[2J\n{'x' * 90}" for n in range(50)]
    shown = rendered(Recorder().test(1, FAILED | {"new_failures": names}))
    assert shown.count("::test_<U+001B>[2J xxx") == 7
    assert "… 43 more, and the log: cfx flows step ID 1" in shown
    assert "pytest: 50 new failures" in shown
    more = FAILED | {"new_failures": names, "failed": 80}
    assert "pytest: 50 or more new failures" in rendered(Recorder().test(1, more))
    unnamed = {"new_failures": ["fail"], "message": "With the patch the tests fail (exit code 1)."}
    assert "\n              fail\n" in rendered(Recorder().test(1, FAILED | unnamed))
    four = ["test_10", "test_11", "test_12", "test_1"]
    said = {"new_failures": four, "message": f"4 tests fail: {', '.join(four[:3])} and 1 more."}
    assert "\n              test_1\n" in rendered(Recorder().test(1, FAILED | said))


def test_where_no_name_says_it_the_exit_code_or_the_time_says_how_tests_failed() -> None:
    unread = FAILED | dict.fromkeys(("passed", "failed", "skipped")) | {"new_failures": [], "failures": []}
    assert "pytest: failed, exit code 1" in rendered(Recorder().test(1, unread))
    assert "pytest: failed " in rendered(Recorder().test(1, unread | {"exit_code": 0}))
    late = FAILED | {"timed_out": True, "message": "With the patch the tests do not come to an end."}
    assert "pytest: timed out" in rendered(Recorder().test(1, late))
    assert "::test_no_name\n" in rendered(Recorder().test(1, late))
    assert "pytest: timed out" in rendered(
        Recorder().test(1, unread | {"timed_out": True, "exit_code": None})
    )


@pytest.mark.parametrize("record", [mended_flow(), flow_with_tests()])
@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int, record: Recorder) -> None:
    assert max(map(len, rendered(record, width=width).splitlines())) <= width


def test_terminal_without_unicode_gets_ascii() -> None:
    text = rendered(mended_flow(), encoding="ascii")
    assert "x check" in text
    assert "approved - 1 round" in text


def test_text_that_an_ascii_terminal_cannot_write_is_shown_as_far_as_it_can() -> None:
    record = Recorder()
    record.step(1, "plan", 0, data={"text": "größer: 日本"})
    assert "gr??er: ??" in rendered(record, encoding="ascii")


def test_wide_characters_are_cut_by_the_cells_they_take() -> None:
    record = Recorder()
    record.step(1, "plan", 0, data={"text": "日本語" * 40})
    assert max(cell_len(line) for line in rendered(record).splitlines()) <= 80


def test_failure_says_why() -> None:
    record = Recorder()
    record("flow.started")("step.started", {"node": "code"}, step=1, round=1, stage="code")
    record("flow.completed", {"status": "failed", "reason": "upstream", "message": "No upstream answers."})
    text = rendered(record)
    assert "✗ code    failed" in text
    assert "failed (upstream)" in text
    assert "No upstream answers." in text


def test_what_a_model_wrote_cannot_move_the_cursor_or_hide_characters() -> None:
    record = Recorder()
    record.step(1, "plan", 0, data={"text": "ok\x1b[2J\x1b]0;title\x07 \u202egnihton\r"})
    text = rendered(record)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "<U+202E>" in text


def test_plain_text_keeps_letters_of_every_script() -> None:
    assert plain("naïve 日本語 emoji 🙂\n") == "naïve 日本語 emoji 🙂\n"


def coloured(**options: Any) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system="standard", width=80, **options)
    print_lines(console, patch_lines("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n same\n"))
    return file.getvalue()


def test_patch_is_coloured_on_a_terminal() -> None:
    assert "\x1b[32m+new" in coloured()
    assert "\x1b[31m-old" in coloured()


def test_patch_has_no_colour_where_none_is_wanted() -> None:
    text = coloured(no_color=True)
    assert "\x1b[32m" not in text
    assert "\x1b[31m" not in text


def test_running_step_shows_time_and_what_has_been_written() -> None:
    timeline = Timeline()
    record = Recorder()
    record("flow.started")("step.started", {"node": "code"}, step=1, round=1, stage="code")
    record("step.progressed", {"output_chars": 1480}, step=1, round=1, stage="code")
    for event in record.events:
        timeline.add(event)
    line = Renderer(Console(width=80, file=io.StringIO())).running(timeline.running, 3.21)
    assert line.plain == "code    3.2 s  1,480 characters"


def test_units_are_written_out() -> None:
    assert [duration(s) for s in (0.04, 59.94, 60, 125.4)] == ["0.0 s", "59.9 s", "1 min 00 s", "2 min 05 s"]
    assert [usd(x) for x in (0, 0.00001, 0.0061, 12.5)] == ["$0.0000", "<$0.0001", "$0.0061", "$12.50"]
    assert [count(n, "file") for n in (0, 1, 1200)] == ["0 files", "1 file", "1,200 files"]


def test_contract_breaches_and_what_a_person_is_asked_are_shown() -> None:
    record = Recorder()
    contract = {"files": [{"path": "hello.py", "operation": "modify"}]}
    text = "# Greet\n\nUse the name.\n\n```json cfx-plan\n{}\n```\n"
    record.step(1, "plan", 0, data={"text": text, "contract": contract, "contract_problem": None})
    breach = {
        "severity": "high",
        "rule": "ci_file",
        "file": "ci.yml",
        "line": None,
        "message": "ci.yml changed",
    }
    asks = {"status": "accepted", "files": [], "breaches": [breach | {"action": "ask"}], "contract": "none"}
    record.step(2, "check", duration_ms=2)
    record("diff.checked", asks, step=2, round=1)
    record("approval.requested", {"gate": "patch", "message": "The policy asks for a person."})
    shown = rendered(record)
    assert "contract: modify hello.py" in shown
    assert "cfx-plan" not in shown
    assert "high  ci.yml  ci_file" in shown
    assert "a person must allow it" in shown
    assert "contract: none, the policy alone was checked" in shown
    assert "The policy asks for a person." in shown
    assert "cfx approve ID" in shown


def test_what_was_done_with_the_patch_afterwards_stands_below_the_end_and_costs_no_time() -> None:
    record = mended_flow()
    done = {"folder": "/srv/shop", "written": ["a", "b"], "carried": [], "commit": "0123456789abcdef"}
    record("patch.applied", done)("patch.rolled_back", done | {"written": ["a"], "commit": None})
    record.rows[-1]["at"] = "2026-03-09T10:00:00+00:00"
    assert rendered(record) == (
        EXPECTED + "  applied 2026-03-02 10:00 UTC: 2 files into /srv/shop, commit 0123456789ab\n"
        "  taken back 2026-03-09 10:00 UTC: 1 file out of /srv/shop\n"
    )
