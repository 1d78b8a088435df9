"""The nodes: one function each, one step each.

Every node runs at least once. A step that had finished before a crash comes back from its
row (``Step.status == "completed"``), and then nothing is asked, or paid, again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langgraph.runtime import Runtime

from cfx_flow.answers import UnreadableAnswer
from cfx_flow.aside import aside
from cfx_flow.flows.model import FlowFailed, Reason, Step
from cfx_flow.flows.run import Result
from cfx_flow.review.convergence import Stall, stall_of
from cfx_flow.review.finding import with_fingerprints
from cfx_flow.review.read import Review, held_to_its_findings, json_schema, read_review
from cfx_flow.stages.model import StageName
from cfx_flow.workspace.snapshot import Snapshot
from graphs import prompting
from graphs.ask import BREAKS_OFF, Answer
from graphs.judge import Judged, Terms, judge, patched_files, restored
from graphs.planning import draw_up
from graphs.state import FlowState, after_refusal
from graphs.work import Work, input_of

PLAN, CODE, REVIEW = StageName.PLAN, StageName.CODE, StageName.REVIEW


async def plan(state: FlowState, runtime: Runtime[Work]) -> FlowState:
    """The task becomes a plan, with the contract to which every patch will be held."""
    work, n = runtime.context, state["step"] + 1
    messages = work.messages(PLAN, await prompting.plan(work, state))
    round_ = state["round"] if state.get("to_plan") else 0
    step = await work.run.begin(n, "plan", round_, stage=PLAN, input=input_of(messages))
    if step.status != "completed":
        planned = await draw_up(work, step, messages)
        shown = {name: planned.detail[name] for name in ("contract", "contract_problem")}
        result = Result(planned.text, planned.detail, show={"text": planned.text, **shown})
        await work.run.finish(planned.step, result, stage=PLAN)
    return {"step": n, "plan_step": n, "round": max(state["round"], 1), "fixes": 0, "reviewed": []}


async def code(state: FlowState, runtime: Runtime[Work]) -> FlowState:
    """The plan, and what was wrong with the last attempt, become a diff."""
    work, n = runtime.context, state["step"] + 1
    messages = work.messages(CODE, await prompting.code(work, state))
    step = await work.run.begin(n, "code", state["round"], stage=CODE, input=input_of(messages))
    if step.status != "completed":
        step, answer = await work.call(step, CODE, messages)
        detail = {"finish_reason": answer.finish_reason, "nul": "\0" in answer.text}
        await work.run.finish(step, Result(answer.text, detail, show={"text": answer.text}), stage=CODE)
    return {"step": n, "code_step": n}


async def check(state: FlowState, runtime: Runtime[Work]) -> FlowState:
    """The diff becomes a patch that keeps to the contract, or a refusal that says what must be better."""
    work, n = runtime.context, state["step"] + 1
    step = await work.run.begin(n, "check", state["round"], input={"code_step": state["code_step"]})
    if step.status != "completed":
        answer = await work.run.output_of(state["code_step"])
        terms = await _terms(work, state)
        breaks_off, text = BREAKS_OFF.get(answer.detail["finish_reason"], ""), restored(answer)
        async with work.opened() as snapshot:
            size = len(text) + snapshot.weight
            judged, detail = await aside(size, _judged, text, snapshot, terms, breaks_off)
        work.keep_patched(n, patched_files(judged.result))
        text = judged.text
        event = work.run.event("diff.checked", step, data=detail)
        step = await work.run.finish(step, Result(text, detail, events=[event]))
    if step.detail["status"] == "accepted":
        asks = any(breach["action"] == "ask" for breach in step.detail.get("breaches", ()))
        return {"step": n, "check_step": n, "check": "accepted", "asks": asks}
    return {
        "step": n,
        "check_step": n,
        "check": str(step.detail["code"]),
        "feedback_step": n,
        **after_refusal(state),
    }


async def review(state: FlowState, runtime: Runtime[Work]) -> FlowState:
    """The patch gets its verdict. An unreadable one is asked for once more, and never is an approval."""
    work, n = runtime.context, state["step"] + 1
    checked = await work.run.output_of(state["check_step"])
    after = await prompting.patched(work, checked)
    messages = work.messages(REVIEW, await prompting.review(work, state, checked, after))
    step = await work.run.begin(n, "review", state["round"], stage=REVIEW, input=input_of(messages))
    if step.status != "completed":
        step, answer = await work.call(step, REVIEW, messages, json_schema())
        material = str(messages[-1].content)
        try:
            read = _read(answer, material)
        except UnreadableAnswer as error:
            messages = work.again(REVIEW, messages, *prompting.unreadable(work, answer.text, error))
            why = f"The review of {answer.model} could not be read ({error}), nor be asked for again."
            step, answer = await work.call_again(step, REVIEW, messages, why, json_schema())
            read = _last_chance(answer, material)
        read = held_to_its_findings(read, work.tools.policy.guard.blocks_approval)
        findings = await aside(sum(map(len, after.values())), with_fingerprints, read.findings, after)
        detail = read.model_dump(mode="json") | {"findings": findings}
        event = work.run.event("review.completed", step, stage=REVIEW, data=detail)
        step = await work.run.finish(step, Result(answer.text, detail, events=[event]), stage=REVIEW)
    verdict = str(step.detail["verdict"])
    judged: FlowState = {"step": n, "review_step": n, "verdict": verdict, "to_plan": False, "stall": ""}
    return judged | await _after_revise(work, state, step) if verdict == "revise" else judged


def _judged(text: str, snapshot: Snapshot, terms: Terms, breaks_off: str) -> tuple[Judged, Mapping[str, Any]]:
    judged = judge(text, snapshot, terms, breaks_off=breaks_off)
    return judged, judged.to_json()


async def _terms(work: Work, state: FlowState) -> Terms:
    planned = await work.run.output_of(state["plan_step"])
    return Terms(
        contract=work.contract_of(planned),
        approved_by_person=planned.node == "approve_plan" or bool(planned.detail.get("edited")),
        policy=work.tools.policy,
        max_bytes=await prompting.room_for_diff(work, state, planned.output or ""),
    )


async def _after_revise(work: Work, state: FlowState, step: Step) -> FlowState:
    """Another round, of CODE or, where the plan is at fault, of PLAN; or a reason why it would not help."""
    round_ = state["round"] + 1
    after: FlowState = {"feedback_step": step.n, "wish_step": step.n, "round": round_, "fixes": 0}
    guard, replans = work.tools.policy.guard, state.get("replans", 0)
    if step.detail.get("plan_fault") and replans < guard.max_replans:
        return after | {"to_plan": True, "replan_step": step.n, "replans": replans + 1}
    if step.n in work.flow.options.resumed_steps:  # a person has said that it goes on from here
        return after | {"reviewed": [step.n]}
    reviewed = [*state.get("reviewed", []), step.n]
    rounds = [await _findings(work, n) for n in reviewed]
    stall: Stall | None = stall_of(rounds, guard)
    return after | {"reviewed": reviewed, "stall": stall.value if stall else ""}


async def _findings(work: Work, n: int) -> list[dict[str, Any]]:
    return list((await work.run.output_of(n)).detail["findings"])


def _read(answer: Answer, material: str) -> Review:
    """Raises UnreadableAnswer, also for one that is cut off, whose last word nobody knows."""
    if why := BREAKS_OFF.get(answer.finish_reason):
        raise UnreadableAnswer(f"{why}; write less: the worst findings only, in one sentence each")
    return read_review(answer.text, material)


def _last_chance(answer: Answer, material: str) -> Review:
    try:
        return _read(answer, material)
    except UnreadableAnswer as error:
        raise FlowFailed(
            Reason.REVIEW_UNREADABLE, f"{answer.model} gave no readable review, twice: {error}."
        ) from None
