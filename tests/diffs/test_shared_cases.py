"""The shared sample: real commits, mangled as models mangle diffs."""

from __future__ import annotations

import gzip
import json
from functools import cache
from typing import Any

import pytest

from cfx_flow.diffs import Patch, check
from tests.support.cases import shared_data


@cache
def _cases() -> list[dict[str, Any]]:
    path = shared_data() / "diff_cases.jsonl.gz"
    if not path.exists():
        return []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture
def cases() -> list[dict[str, Any]]:
    if not _cases():
        pytest.skip(f"no diff_cases.jsonl.gz in {shared_data()} (CFX_TEST_DATA)")
    return _cases()


def _outcome(case: dict[str, Any]) -> str:
    """``right``, ``wrong`` (applied, and not what was meant), or the code of the refusal."""
    result = check(case["llm_output"], case["files_before"])
    if not isinstance(result, Patch):
        return result.code
    meant = case["expected"]["files_after"] if case["tier"] != "refuse" else None
    return "right" if result.files_after(case["files_before"]) == meant else "wrong"


def test_nothing_is_ever_applied_wrongly(cases: list[dict[str, Any]]) -> None:
    assert [case["id"] for case in cases if _outcome(case) == "wrong"] == []


def test_what_can_be_recovered_is_recovered_exactly(cases: list[dict[str, Any]]) -> None:
    wanted = [case for case in cases if case["tier"] != "refuse"]
    lost = [(case["id"], _outcome(case)) for case in wanted if _outcome(case) != "right"]
    assert len(lost) <= 0.03 * len(wanted), lost
    assert not [case_id for case_id, _ in lost if "clean" in case_id]


def test_what_must_be_refused_is_refused_with_the_right_code(cases: list[dict[str, Any]]) -> None:
    wanted = [case for case in cases if case["tier"] == "refuse"]
    other = [
        (case["id"], case["reason"], _outcome(case)) for case in wanted if _outcome(case) != case["reason"]
    ]
    assert not [case_id for case_id, _, outcome in other if outcome in {"right", "wrong"}]
    assert len(other) <= 0.05 * len(wanted), other
