"""What tests said, in few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cfx_flow.suites.verdict import MAX_NAMES

STYLES = {"passed": "green", "failed": "red", "failed_before": "yellow", "skipped": "yellow"}


def outcome_of_tests(verdict: Mapping[str, Any]) -> str:
    """``pytest: passed 41``: the policy, and how they went."""
    said = _SAID.get(str(verdict.get("status")), _unknown)(verdict)
    return f"{verdict['policy']}: {said}" if verdict.get("policy") else said


def new_failures(verdict: Mapping[str, Any], most: int) -> tuple[Sequence[str], int]:
    """Those that fail since the patch, and how many are left out; none where the message names them all."""
    names = [str(name) for name in verdict.get("new_failures") or ()]
    if f": {', '.join(names)}." in str(verdict.get("message")):
        return (), 0
    return (names, 0) if len(names) <= most else (names[: most - 1], len(names) - most + 1)


def _passed(verdict: Mapping[str, Any]) -> str:
    passed, skipped = verdict.get("passed"), verdict.get("skipped")
    said = "passed" if passed is None else f"passed {passed:,}"
    return f"{said}, skipped {skipped:,}" if skipped else said


def _failed(verdict: Mapping[str, Any]) -> str:
    if verdict.get("timed_out"):
        return "timed out"
    new = verdict.get("new_failures") or ()
    if new:
        more = " or more" if len(new) == MAX_NAMES < (verdict.get("failed") or 0) else ""
        return f"{len(new)}{more} new failure{'' if len(new) == 1 else 's'}"
    code = verdict.get("exit_code")
    return f"failed, exit code {code}" if code else "failed"


def _failed_before(verdict: Mapping[str, Any]) -> str:
    failed = verdict.get("failed")
    return "failed as before" if failed is None else f"failed as before, {failed:,}"


def _skipped(_verdict: Mapping[str, Any]) -> str:
    return "skipped"


def _unknown(verdict: Mapping[str, Any]) -> str:
    """A later server may know more."""
    return str(verdict.get("status") or "done")


_SAID = {"passed": _passed, "failed": _failed, "failed_before": _failed_before, "skipped": _skipped}
