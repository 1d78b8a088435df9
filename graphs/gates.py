"""The gates: where the flow waits until a person has decided."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from cfx_flow.contract.read import contract_detail, frozen_contract
from cfx_flow.flows.decision import Decision
from cfx_flow.flows.model import Gate, Step
from cfx_flow.flows.run import Result
from graphs.state import FlowState, tested_step
from graphs.work import Work


async def approve_plan(state: FlowState, runtime: Runtime[Work]) -> FlowState:
    """A person lets the plan through, as it is or as they have written it, or sends it back to PLAN."""
    work, n = runtime.context, state["step"] + 1
    planned = await work.run.output_of(state["plan_step"])
    step = await _decided(work, state, Gate.PLAN, planned, _why_plan(planned))
    after: FlowState = {"step": n, "person": step.detail["decision"]}
    if after["person"] == "approve":
        after["plan_step"] = n
    if after["person"] == "revise":
        after["replan_step"] = n
    return after


async def approve_patch(state: FlowState, runtime: Runtime[Work]) -> FlowState:
    """A person takes the patch that the reviewer has let through to them, or sends it back to CODE.

    They may ask for more than the rounds that were set at first.
    """
    work, n = runtime.context, state["step"] + 1
    checked = await work.run.output_of(state["check_step"])
    step = await _decided(work, state, Gate.PATCH, checked, await _why_patch(work, state, checked))
    after: FlowState = {"step": n, "person": step.detail["decision"]}
    if after["person"] == "revise":
        round_ = state["round"] + 1
        rounds = max(state["max_rounds"], round_)
        after |= {"feedback_step": n, "round": round_, "fixes": 0, "max_rounds": rounds, "stall": ""}
        after["comments"] = [*state.get("comments", []), n]
    return after


async def _decided(work: Work, state: FlowState, gate: Gate, about: Step, why: str) -> Step:
    """The decision as a step whose output is what goes on. Until there is one, the graph stops here.

    ``why``: what a person should know before they decide.
    """
    n, node = state["step"] + 1, f"approve_{gate.value}"
    known = await work.run.completed(n, node)
    if known is not None:
        return known
    decision = Decision.model_validate(interrupt({"gate": gate.value, "message": why}))
    step = await work.run.begin(n, node, state["round"], input={"gate": gate.value, "step": about.n})
    detail = decision.model_dump(mode="json", exclude={"plan"}) | {"edited": decision.plan is not None}
    if gate is Gate.PLAN:
        detail |= contract_detail(decision.plan) if decision.plan else _contract_of(about)
    result = Result(decision.plan or about.output or "", detail, show=detail)
    return await work.run.finish(step, result, changes={"decision": None})


def _contract_of(planned: Step) -> dict[str, Any]:
    """Frozen with the plan that was approved."""
    contract = frozen_contract(planned.detail, planned.output or "")
    problem = planned.detail.get("contract_problem")
    return {"contract": contract.to_json() if contract else None, "contract_problem": problem}


def _why_plan(planned: Step) -> str:
    problem = _contract_of(planned)["contract_problem"]
    return f"The plan waits for you. {f'It has no contract: {problem}.' if problem else ''}".strip()


async def _why_patch(work: Work, state: FlowState, checked: Step) -> str:
    tested = tested_step(state)
    said = "" if tested is None else str((await work.run.output_of(tested)).detail["message"])
    asking = [breach for breach in checked.detail.get("breaches", ()) if breach["action"] == "ask"]
    if not asking:
        return f"The patch waits for you. {said}".strip()
    broken = "; ".join(str(breach["message"]) for breach in asking[:3])
    more = f"; and {len(asking) - 3} more" if len(asking) > 3 else ""
    return f"The patch waits for you, since the policy asks for a person: {broken}{more}. {said}".strip()
