"""Only what did not fail before is the patch's fault; and what cannot be told apart is."""

from __future__ import annotations

import pytest

from cfx_flow.suites.junit import Cases
from cfx_flow.suites.verdict import MAX_REASONS_CHARS, Run, compared, passed, skipped
from cfx_flow.workspace.sandbox.model import Ran


def run(exit_code: int | None = 1, output: str = "boom", failed: int | None = 0, **names: str) -> Run:
    """``names``: tests that failed, with what the report tells; without any there is no report."""
    ran = Ran(
        exit_code=exit_code,
        failed=failed if exit_code else None,
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
