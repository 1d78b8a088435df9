"""When another round helps, and when it does not; and by what a finding is known again."""

from __future__ import annotations

from typing import Any

import pytest

from cfx_flow.review.convergence import Guard, Stall, stall_of
from cfx_flow.review.finding import Finding, with_fingerprints

FILE = "import a\n\n\ndef total(items):\n    return sum(items)\n"
GUARD = Guard()


def finding(message: str = "wrong", line: int | None = 5, **fields: Any) -> Finding:
    return Finding.model_validate(
        {"file": "cart.py", "rule": "edge-case", "message": message, "line": line, **fields}
    )


def fingerprint(*findings: Finding, text: str = FILE) -> list[str]:
    return [shown["fingerprint"] for shown in with_fingerprints(findings, {"cart.py": text})]


def test_a_finding_is_known_again_when_its_line_has_moved_and_its_words_have_changed() -> None:
    moved = "# a licence\n" * 3 + FILE.replace("    return", "\treturn")
    assert fingerprint(finding("fails for no items")) == fingerprint(
        finding("empty list?", line=8), text=moved
    )


@pytest.mark.parametrize(
    "other",
    [finding(rule="sql"), finding(line=4), finding(file="other.py"), finding(rule=None)],
    ids=["rule", "line", "file", "no rule"],
)
def test_another_finding_has_another_fingerprint(other: Finding) -> None:
    assert fingerprint(finding()) != fingerprint(other)


@pytest.mark.parametrize("named", ["b/cart.py", "a/cart.py", "./cart.py", "`cart.py`", " cart.py"])
def test_a_file_is_known_by_the_names_that_diffs_and_prose_have_for_it(named: str) -> None:
    (shown,) = with_fingerprints([finding(file=named)], {"cart.py": FILE})
    assert shown["file"] == "cart.py"
    assert [shown["fingerprint"]] == fingerprint(finding())
    (shown,) = with_fingerprints([finding(file=named)], {named: FILE, "cart.py": FILE})
    assert shown["file"] == named


def test_without_a_line_the_words_count_and_numbers_do_not() -> None:
    assert fingerprint(finding("misses case 3", line=None)) == fingerprint(
        finding("Misses case 12!", line=99)
    )
    assert fingerprint(finding("misses a case", line=None)) != fingerprint(finding("leaks a file", line=None))


def test_two_equal_findings_of_one_review_are_two() -> None:
    first, second = fingerprint(finding(), finding())
    assert first != second
    assert [first] == fingerprint(finding())


def found(*marks: str) -> list[dict[str, Any]]:
    """``high:a`` is a finding of that severity with the fingerprint a."""
    return [{"severity": m.partition(":")[0], "fingerprint": m.partition(":")[2]} for m in marks]


@pytest.mark.parametrize(
    ("rounds", "stall"),
    [
        ([found("high:a")], None),
        ([found()], None),
        ([found(), found()], None),  # nothing to compare
        ([found(), found("high:a", "high:b"), found("low:c")], None),  # nor with the first of these
        ([found("high:a"), found("high:b"), found(), found("high:c")], Stall.PLATEAU),
        ([found("high:a", "low:b"), found("low:b")], None),
        ([found("high:a"), found("high:b")], None),  # one mended, one new: perhaps on its way
        ([found("high:a"), found("high:a")], Stall.REPEAT),
        ([found("high:a"), found("high:b"), found("high:a")], Stall.REPEAT),
        ([found("high:a", "info:x"), found("high:a", "info:y")], Stall.REPEAT),
        ([found("high:a"), found("high:b"), found("high:c")], Stall.PLATEAU),
        ([found("medium:a"), found("high:b"), found("high:c", "low:d")], Stall.PLATEAU),
        ([found("high:a"), found("high:b"), found("medium:c")], None),
        ([found("high:a", "high:b"), found("high:c"), found("high:d")], None),
        ([found("high:a"), found("info:b")], Stall.BELOW_FLOOR),
        ([found("info:b")], Stall.BELOW_FLOOR),
    ],
)  # fmt: skip
def test_the_guard_tells_progress_from_going_round_in_circles(
    rounds: list[list[dict[str, Any]]], stall: Stall | None
) -> None:
    assert stall_of(rounds, GUARD) is stall


def test_the_operator_sets_floor_and_patience() -> None:
    assert stall_of([found("medium:a")], Guard(severity_floor="high")) is Stall.BELOW_FLOOR
    rounds = [found("high:a"), found("high:b")]
    assert stall_of(rounds, Guard(plateau_rounds=1)) is Stall.PLATEAU


def test_findings_of_earlier_releases_have_no_fingerprint_and_stop_nothing_by_mistake() -> None:
    old = [{"severity": "high", "message": "x"}]
    assert stall_of([old], GUARD) is None


class Long(str):
    """A file's text that counts how often it is gone through."""

    read = 0

    def splitlines(self, keepends: bool = False) -> list[str]:
        self.read += 1
        return super().splitlines(keepends)


def test_a_long_file_is_gone_through_once_however_many_findings_name_it() -> None:
    text = Long("one\ntwo\nthree\n")
    found = [
        Finding(severity="high", file="cart.py", line=n, rule="r", message="m") for n in (1, 2, 3, 9, None)
    ]
    shown = with_fingerprints(found, {"cart.py": text, "other.py": ""})
    assert text.read == 1
    assert len({each["fingerprint"] for each in shown}) == 5
