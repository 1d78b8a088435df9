"""Does another round help? Pure: over the findings of the rounds so far, the newest last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cfx_flow.review.finding import SEVERITIES, Severity, reaches

Findings = Sequence[Mapping[str, Any]]


class Stall(StrEnum):
    """Why a further round is not worth its price."""

    REPEAT = "repeat"
    """the review finds exactly what an earlier one has found"""
    PLATEAU = "plateau"
    """there are no fewer findings, and no milder ones, than before"""
    BELOW_FLOOR = "below_floor"
    """what is still asked for is not worth a round"""


@dataclass(frozen=True, slots=True)
class Guard:
    """**Source**: SPEC section 5, convergence guard; the values are those of policy.yaml."""

    severity_floor: Severity = "low"
    """the mildest finding that is worth a round"""
    plateau_rounds: int = 2
    """rounds without anything better, after which it ends"""
    max_replans: int = 1
    """how often a reviewer may send a flow back to PLAN"""
    blocks_approval: Severity = "high"
    """a review with such a finding, or a worse one, approves nothing"""


def stall_of(rounds: Sequence[Findings], guard: Guard) -> Stall | None:
    """``rounds``: the findings of each review that asked for changes, since the plan was made.

    A review without any finding says nothing that could be compared: only the round limit ends those.
    """
    if not rounds or not rounds[-1]:
        return None
    counted = [_counted(findings, guard.severity_floor) for findings in rounds if findings]
    if not counted[-1]:
        return Stall.BELOW_FLOOR
    prints = [frozenset(finding.get("fingerprint", "") for finding in findings) for findings in counted]
    if prints[-1] in prints[:-1]:
        return Stall.REPEAT
    earlier, late = counted[: -guard.plateau_rounds], counted[-guard.plateau_rounds :]
    if earlier and min(map(_weight, late)) >= min(map(_weight, earlier)):
        return Stall.PLATEAU
    return None


def _counted(findings: Findings, floor: Severity) -> Findings:
    return [finding for finding in findings if reaches(str(finding["severity"]), floor)]


def _weight(findings: Findings) -> tuple[int, ...]:
    """How many of each severity, the worst first: compared in this order."""
    severities = [finding["severity"] for finding in findings]
    return tuple(severities.count(severity) for severity in SEVERITIES)
