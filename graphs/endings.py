"""How the loop ends, in a sentence; and where it got stuck, the smallest question that would unblock it."""

from __future__ import annotations

from collections.abc import Sequence

from langgraph.runtime import Runtime

from cfx_flow.aside import aside
from cfx_flow.flows.evidence import evidence_of
from cfx_flow.flows.model import FlowStatus, Reason, Step
from cfx_flow.review.convergence import Stall
from cfx_flow.review.finding import worst_first
from cfx_flow.workspace.snapshot import Snapshot
from graphs.judge import BREACH
from graphs.state import FlowState, person_takes_patch, rounds_used_up, tested_step
from graphs.work import Work

MAX_MESSAGE_CHARS = 1_000


async def approved(state: FlowState, runtime: Runtime[Work]) -> FlowState:
    """Bound to what was approved, by a hash that anyone can make again from the flow's bundle."""
    work = runtime.context
    checked = await work.run.output_of(state["check_step"])
    tested = tested_step(state)
    said = None if tested is None else await work.run.output_of(tested)
    reviewed = await work.run.output_of(state["review_step"])
    who = "The reviewer and a person" if person_takes_patch(state) else "The reviewer"
    if state["verdict"] != "approve":
        who = "A person"
    async with work.opened() as snapshot:
        approval_hash = await aside(snapshot.weight, _approval_hash, snapshot, checked, said, reviewed)
    return {
        "status": FlowStatus.APPROVED.value,
        "message": f"{who} approved the patch.",
        "approval_hash": approval_hash,
    }


def _approval_hash(snapshot: Snapshot, checked: Step, tested: Step | None, reviewed: Step) -> str:
    return evidence_of(snapshot, checked, tested, reviewed).approval_hash


async def rejected(state: FlowState, runtime: Runtime[Work]) -> FlowState:
    """From the step that decided it."""
    work = runtime.context
    if state.get("person") == "reject":
        said = (await work.run.output_of(state["step"])).detail["comment"]
        return _rejection(Reason.PERSON, f"Rejected by a person: {said}" if said else "Rejected by a person.")
    if rounds_used_up(state):
        return _out_of_rounds(state, await work.run.output_of(state["feedback_step"]))
    last = await work.run.output_of(state["review_step"])
    if state["verdict"] == "reject":
        return _rejection(Reason.REVIEW, f"The reviewer rejected the patch: {last.detail['summary']}")
    reviews = [await work.run.output_of(n) for n in state["reviewed"]]
    return _rejection(Reason.NO_PROGRESS, _stalled(Stall(state["stall"]), reviews))


def _out_of_rounds(state: FlowState, last: Step) -> FlowState:
    spent = "The only round is" if state["max_rounds"] == 1 else f"All {state['max_rounds']} rounds are"
    if last.node == "review":
        said = f"{spent} used up and the reviewer still asks for changes: {last.detail['summary']}"
        return _rejection(Reason.MAX_ROUNDS, f"{said} {_worst(last)}To go on, resume it with more rounds.")
    if last.node == "test":
        said = f"{spent} used up. {last.detail['message']}"
        return _rejection(Reason.MAX_ROUNDS, f"{said} To go on, resume it with more rounds.")
    if last.detail["code"] != BREACH:
        said = f"{spent} used up; the last diff was refused: {last.detail['code']}."
        return _rejection(Reason.MAX_ROUNDS, f"{said} To go on, resume it with more rounds.")
    broken = "; ".join(str(problem["message"]) for problem in last.detail["problems"][:3])
    return _rejection(
        Reason.POLICY,
        f"{spent} used up; the last diff still broke the plan's contract: {broken}. Should it be allowed? "
        'Then start it again with "approval": "plan", and put it into the contract.',
    )


def _stalled(stall: Stall, reviews: Sequence[Step]) -> str:
    newest = reviews[-1]
    match stall:
        case Stall.REPEAT:
            what = f"The review of round {newest.round} asks for what an earlier one has asked for already. "
            question = "Is the reviewer right? Resume it with a comment that tells CODE what to do about it."
        case Stall.PLATEAU:
            what = f"After {len(reviews)} reviews there are neither fewer nor milder findings than before. "
            question = "What should CODE do about the worst of them? Resume it with a comment that says so."
        case Stall.BELOW_FLOOR:
            what = "All that the reviewer still asks for is below the severity that is worth a round. "
            question = "Is the patch good enough? Then take it as it is; or resume it for one more round."
    return f"{what}{_worst(newest)}{question}"


def _worst(review: Step) -> str:
    if fault := review.detail.get("plan_fault"):
        return f"It says that the plan is wrong: {str(fault)[:300]} "
    findings = worst_first(review.detail["findings"])
    if not findings:
        return ""
    worst = findings[0]
    place = ":".join(str(part) for part in (worst["file"], worst["line"]) if part is not None)
    return f"The worst: {worst['severity']}{f' at {place}' if place else ''}: {worst['message'][:300]} "


def _rejection(reason: Reason, message: str) -> FlowState:
    return {
        "status": FlowStatus.REJECTED.value,
        "reason": reason.value,
        "message": message[:MAX_MESSAGE_CHARS],
    }
