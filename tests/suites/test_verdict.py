"""Only what did not fail before is the patch's fault; and what cannot be told apart is."""

from __future__ import annotations

import pytest

from cfx_flow.suites.junit import Cases
from cfx_flow.suites.verdict import MAX_REASONS_CHARS, Run, compared, passed, skipped
from cfx_flow.workspace.sandbox.model import Ran
from cfx_flow.workspace.sandbox.output import Output


def run(exit_code: int | None = 1, output: str = "boom", failed: int | None = 0, **names: str) -> Run:
    """``names``: tests that failed, with what the report tells; without any there is no report."""
    ran = Ran(
        exit_code=exit_code,
        failed=None if exit_code == 0 else failed,
        output=output,
        report=None,
        timed_out=exit_code is None,
        duration_ms=5,
    )
    return Run(ran, Cases(3, 1, names) if names else None)


GOOD = Run(run(0).ran, Cases(3, 0, {}))


@pytest.mark.parametrize(
    ("after", "before", "status", "new"),
    [
        (run(a="x"), GOOD, "failed", ["a"]),
        (run(), run(0), "failed", []),
        (run(a="x", b="y"), run(a="z"), "failed", ["b"]),
        (run(a="x"), run(a="z", b="y"), "failed_before", []),
        (run(None, a="x"), run(a="x"), "failed", []),
        (
            run(output="3 failed in 0.12s at 0x7f"),
            run(output="3 failed in 9.00s at 0xaa"),
            "failed_before",
            [],
        ),
        (run(output="a failed"), run(output="b failed"), "failed", []),
        (run(2), run(1), "failed", []),
        (run(failed=0), run(failed=1), "failed", []),
        (run(a="x"), run(), "failed", ["a"]),
        (run(), run(a="x"), "failed", []),
        (run(None), run(None), "failed_before", []),
        (run(None, "2 failed"), run(None, "ok"), "failed", []),
        (run(None, failed=0), run(None, failed=1), "failed", []),
        (run(2, a="x"), run(1, a="x", b="y"), "failed", []),
        (run(2, a="x"), run(3, a="x"), "failed_before", []),
        (run(1, a="x"), run(1, a="x", b="y"), "failed_before", []),
        (run(failed=1, a="x"), run(failed=0, a="x"), "failed", []),
        (run(0, a="x"), run(1, a="x", b="y"), "failed_before", []),
        (run(output="FAIL: test_1"), run(output="FAIL: test_2"), "failed", []),
        (
            run(output="12 ms, 2026-11-30T12:00:01.5Z, greet.py:3"),
            run(output="9 ms, 2026-11-30T12:00:09.1Z, greet.py:14"),
            "failed_before",
            [],
        ),
        (run(0), GOOD, "failed", []),
        (run(0), run(a="x"), "failed", []),
        (run(None), run(1), "failed", []),
        (run(None), run(0), "failed", []),
        (run(1), run(None), "failed", []),
    ],
)
def test_it_failed_before_only_if_that_is_certain(
    after: Run, before: Run, status: str, new: list[str]
) -> None:
    verdict = compared(after, before)
    told = verdict.to_json("unit", "bubblewrap")
    assert (verdict.status, told["status"], told["new_failures"]) == (status, status, new)
    assert told["before"] is not None
    assert verdict.message


def test_output_that_lacks_its_middle_is_not_like_another() -> None:
    output = Output(100)
    output.take(b"x" * 10_000)
    cut = Output(1_000)
    cut.take("µ".encode() * 1_200)
    for text in (output.text(), cut.text()):
        assert compared(run(output=text), run(output=text)).status == "failed"
        assert compared(run(output=text), run(output="x")).status == "failed"


def test_the_reviewer_is_told_where_tests_are_gone() -> None:
    """What was deleted is the contract's business; what ended the run early may look like it."""
    gone = compared(run(a="x"), run(a="x", b="y"))
    assert gone.message == "1 test fails, as without the patch. Fewer are run than without it: 5 of 6."
    assert compared(run(a="x"), run(a="x")).message == "1 test fails, as without the patch."


def test_commands_that_never_leave_a_report_may_succeed_without_one() -> None:
    verdict = compared(run(0), run(0))
    assert (verdict.status, "no readable report" in verdict.message) == ("passed", True)


def test_new_failures_are_told_first_and_long_names_are_cut_in_sentences() -> None:
    old = {f"old{n}": "x" for n in range(60)}
    before = Run(run().ran, Cases(3, 0, old))
    verdict = compared(Run(run().ran, Cases(3, 0, old | {"n" * 300: "x"})), before)
    told = verdict.to_json("unit", "bubblewrap")
    assert (told["failures"][0], len(told["failures"]), told["failed"]) == ("n" * 300, 50, 61)
    assert len(verdict.message) < 200


def test_a_run_whose_report_names_failures_is_not_good_whatever_its_exit_code() -> None:
    masked = Run(run(0).ran, Cases(3, 0, {"a": "x"}))
    assert not masked.is_good
    assert GOOD.is_good


def test_counts_are_those_of_the_report() -> None:
    told = passed(GOOD).to_json("unit", "bubblewrap")
    assert (told["passed"], told["failed"], told["skipped"]) == (3, 0, 0)
    bare = passed(run(0)).to_json("unit", "bubblewrap")
    assert (bare["passed"], bare["failed"], bare["skipped"]) == (None, None, None)
    none = skipped("there is no sandbox.").to_json("unit", None)
    assert (none["status"], none["exit_code"], none["sandbox"]) == ("skipped", None, None)
    assert "there is no sandbox" in none["message"]


def test_code_is_told_of_each_new_failure_what_the_report_tells() -> None:
    verdict = compared(run(a="old story", b="new story"), run(a="old story"))
    assert "b\nnew story" in verdict.reasons
    assert "old story" not in verdict.reasons
    assert "boom" in compared(run(), run(0)).reasons


def test_what_code_is_told_keeps_both_ends() -> None:
    output = f"begin{'x' * 100_000}end"
    reasons = compared(run(output=output), run(0)).reasons
    assert len(reasons) < MAX_REASONS_CHARS + 100
    assert reasons.endswith("end")
    assert "begin" in reasons
