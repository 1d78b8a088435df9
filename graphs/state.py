"""What a checkpoint holds: small values only. Texts live in the steps' rows and in the snapshot."""

from __future__ import annotations

from operator import or_
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic asks for this one below Python 3.12

from cfx_flow.flows.model import FlowFailed, FlowOptions, Reason


class FlowState(TypedDict, total=False):
    step: int
    """the number of the last step; the next node opens the next"""
    round: int
    """from 1; 0 while planning"""
    fixes: int
    """refused diffs, and patches that broke tests, that went back to CODE in this round"""
    max_rounds: int
    max_fixes: int
    approval: str
    """who approves besides the reviewer; absent: nobody"""
    plan_step: int
    code_step: int
    check_step: int
    test_step: int
    review_step: int
    feedback_step: int
    """the check, test or review whose reasons CODE must answer"""
    wish_step: int
    """the newest review that asked for changes: what it says still stands when a diff is refused"""
    comments: list[int]
    """the gates at which a person has sent a patch back: what they said stands to the end"""
    replan_step: int
    """the gate or review that sent the flow back to PLAN, and says why"""
    replans: int
    """how often a reviewer has done so"""
    to_plan: bool
    """the newest review does so"""
    reviewed: list[int]
    """the reviews of this plan that asked for changes"""
    stall: str
    """why another round would not help, where that is so"""
    asks: bool
    """the patch breaks a rule whose exceptions a person must allow"""
    tests: str
    """the test policy that the flow was asked for; absent: none"""
    tested: str
    """passed, failed, failed_before or skipped"""
    check: str
    """``accepted``, or the reason code of the refusal (``contract_breach`` among them)"""
    verdict: str
    person: str
    """what a person said last: approve, reject or revise"""
    status: str
    """how it ended: approved or rejected"""
    reason: str
    message: str
    approval_hash: str
    """what the approval is bound to"""


MERGED: Any = Annotated[FlowState, or_]
"""The state as one channel of the graph, into which each node's part is merged: with a channel for each of
its keys, LangGraph takes a fifth longer over every step."""


def first_state(options: FlowOptions) -> FlowState:
    first: FlowState = {
        "step": 0,
        "round": 0,
        "fixes": 0,
        "max_rounds": options.max_rounds,
        "max_fixes": options.max_fixes,
        "approval": options.approval,
    }
    return first | {"tests": options.tests} if options.tests else first


def person_takes_patch(state: FlowState) -> bool:
    """The flow says so, or the policy does."""
    return state.get("approval") in ("patch", "both") or state.get("asks", False)


def has_feedback(state: FlowState) -> bool:
    """There is a last attempt at this plan, and a reason why it will not do."""
    return state.get("feedback_step", 0) > state["plan_step"]


def still_stands(state: FlowState) -> list[int]:
    """The steps whose reasons CODE must answer besides the newest: of the diff that did, nothing is kept."""
    tested = state.get("test_step", 0) if state.get("tested") == "failed" else 0
    return [
        n for n in (state.get("wish_step", 0), tested) if state["plan_step"] < n != state["feedback_step"]
    ]


def tested_step(state: FlowState) -> int | None:
    """What tests said of the patch that was checked last, where they were run."""
    n = state.get("test_step", 0)
    return n if n > state["check_step"] else None


def judge_of(state: FlowState) -> str:
    """The node whose reasons CODE must answer, where it was no person's."""
    n = state["feedback_step"]
    if n == state["check_step"]:
        return "check"
    return "test" if n == state.get("test_step") else "review"


def after_refusal(state: FlowState) -> FlowState:
    """Back to CODE within the round while it has fixes left, then the round is spent."""
    if state["fixes"] < state["max_fixes"]:
        return {"fixes": state["fixes"] + 1}
    return {"round": state["round"] + 1, "fixes": 0}


def rounds_used_up(state: FlowState) -> bool:
    return state["round"] > state["max_rounds"]


_STRICT = TypeAdapter(FlowState)


def checked_state(values: object) -> FlowState:
    """A checkpoint that was cut, or tampered with, ends the flow instead of running on nonsense."""
    try:
        return _STRICT.validate_python(values, strict=True)
    except ValidationError:
        raise unreadable_state() from None


def unreadable_state() -> FlowFailed:
    return FlowFailed(
        Reason.STATE, "The saved state of this flow cannot be read. Start it again as a new flow."
    )
