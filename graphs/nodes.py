"""The nodes: one function each, one step each.

Every node runs at least once. A step that had finished before a crash comes back from its
row (``Step.status == "completed"``), and then nothing is asked, or paid, again.
"""

from __future__ import annotations

import asyncio

from langgraph.runtime import Runtime

from cfx_flow.flows.model import FlowFailed, FlowStatus, Reason
from cfx_flow.flows.run import Result
from cfx_flow.stages.model import StageName
from graphs import prompting
from graphs.judge import judge, restored
from graphs.review import Review, UnreadableReviewError, json_schema, read_review
from graphs.state import FlowState, rounds_used_up
from graphs.work import Work, again, input_of

PLAN, CODE, REVIEW = StageName.PLAN, StageName.CODE, StageName.REVIEW


async def plan(state: FlowState, runtime: Runtime[Work]) -> FlowState:
    """The task becomes a plan. An empty one is asked for once more, then the flow cannot go on."""
    work, n = runtime.context, state["step"] + 1
    messages = work.messages(PLAN, await prompting.plan(work, state))
    step = await work.run.begin(n, "plan", 0, stage=PLAN, input=input_of(messages))
    if step.status != "completed":
        step, answer = await work.call(step, PLAN, messages)
        if not answer.text.strip():
            step, answer = await work.call(step, PLAN, messages)
        if not answer.text.strip():
            raise FlowFailed(Reason.PLAN_UNREADABLE, f"{answer.model} answered twice with an empty plan.")
        detail = {"finish_reason": answer.finish_reason, "contract": prompting.contract_in(answer.text)}
        result = Result(answer.text, detail, show={"text": answer.text})
        await work.run.finish(step, result, stage=PLAN)
    return {"step": n, "plan_step": n, "round": 1, "fixes": 0}


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
    """The diff becomes a patch, or a refusal that says what CODE must do better."""
    work, n = runtime.context, state["step"] + 1
    step = await work.run.begin(n, "check", state["round"], input={"code_step": state["code_step"]})
    if step.status != "completed":
        answer = await work.run.output_of(state["code_step"])
        cut_off = answer.detail["finish_reason"] == "length"
        judged = await asyncio.to_thread(judge, restored(answer), work.snapshot, cut_off=cut_off)
        event = work.run.event("diff.checked", step, data=judged.to_json())
        result = Result(
            judged.text, judged.to_json(), events=[event], patch=judged.text if judged.accepted else None
        )
        step = await work.run.finish(step, result)
    if step.detail["status"] == "accepted":
        return {"step": n, "check_step": n, "check": "accepted"}
    return {
        "step": n,
        "check_step": n,
        "check": str(step.detail["code"]),
        "feedback_step": n,
        **_after_refusal(state),
    }


async def review(state: FlowState, runtime: Runtime[Work]) -> FlowState:
    """The patch gets its verdict. An unreadable one is asked for once more, and never is an approval."""
    work, n = runtime.context, state["step"] + 1
    messages = work.messages(REVIEW, await prompting.review(work, state))
    step = await work.run.begin(n, "review", state["round"], stage=REVIEW, input=input_of(messages))
    if step.status != "completed":
        step, answer = await work.call(step, REVIEW, messages, json_schema())
        try:
            read = read_review(answer.text)
        except UnreadableReviewError as error:
            problem = work.tools.prompts.render("flow/unreadable.md", problem=str(error))
            messages = again(messages, answer.text, problem)
            step, answer = await work.call(step, REVIEW, messages, json_schema())
            read = _last_chance(answer.text, answer.model)
        detail = read.model_dump(mode="json")
        event = work.run.event("review.completed", step, stage=REVIEW, data=detail)
        step = await work.run.finish(step, Result(answer.text, detail, events=[event]), stage=REVIEW)
    verdict = str(step.detail["verdict"])
    after: FlowState = {"step": n, "review_step": n, "verdict": verdict}
    if verdict == "revise":
        after |= {"feedback_step": n, "round": state["round"] + 1, "fixes": 0}
    return after


async def approved(state: FlowState) -> FlowState:
    who = "The reviewer and a person" if state.get("approval") in ("patch", "both") else "The reviewer"
    return {"status": FlowStatus.APPROVED.value, "message": f"{who} approved the patch."}


async def rejected(state: FlowState, runtime: Runtime[Work]) -> FlowState:
    """Says in a sentence why, from the step that decided it."""
    if state.get("person") == "reject":
        said = (await runtime.context.run.output_of(state["step"])).detail["comment"]
        message = f"Rejected by a person: {said}" if said else "Rejected by a person."
        return _rejection(Reason.PERSON, message)
    used_up = rounds_used_up(state)
    last = await runtime.context.run.output_of(state["feedback_step" if used_up else "review_step"])
    spent = "The only round is" if state["max_rounds"] == 1 else f"All {state['max_rounds']} rounds are"
    if not used_up:
        message = f"The reviewer rejected the patch: {last.detail['summary']}"
    elif last.node == "check":
        message = f"{spent} used up; the last diff was refused: {last.detail['code']}."
    else:
        message = f"{spent} used up and the reviewer still asks for changes: {last.detail['summary']}"
    return _rejection(Reason.MAX_ROUNDS if used_up else Reason.REVIEW, message)


def _rejection(reason: Reason, message: str) -> FlowState:
    return {"status": FlowStatus.REJECTED.value, "reason": reason.value, "message": message[:1000]}


def _after_refusal(state: FlowState) -> FlowState:
    """Back to CODE within the round while it has fixes left, then the round is spent."""
    if state["fixes"] < state["max_fixes"]:
        return {"fixes": state["fixes"] + 1}
    return {"round": state["round"] + 1, "fixes": 0}


def _last_chance(text: str, model: str) -> Review:
    try:
        return read_review(text)
    except UnreadableReviewError as error:
        raise FlowFailed(
            Reason.REVIEW_UNREADABLE, f"{model} gave no readable review, twice: {error}."
        ) from None
