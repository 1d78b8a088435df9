"""The same graph as LangGraph's own server runs it: the same nodes, edges, state and steps.

Its nodes only say what ours would: no diff is checked, nothing is journalled, told or counted, and no
prompt is built. It runs in the peer's environment, which has nothing of ours.
"""

from __future__ import annotations

from typing import Literal, TypedDict

from langgraph.graph import END, START, StateGraph

ROUNDS = 3


class State(TypedDict, total=False):
    step: int
    round: int
    fixes: int
    max_rounds: int
    plan_step: int
    code_step: int
    check_step: int
    review_step: int
    feedback_step: int
    reviewed: list[int]
    check: str
    verdict: str
    status: str
    message: str


async def plan(state: State) -> State:
    return {"step": 1, "plan_step": 1, "round": 1, "fixes": 0, "max_rounds": ROUNDS, "reviewed": []}


async def code(state: State) -> State:
    n = state["step"] + 1
    return {"step": n, "code_step": n}


async def check(state: State) -> State:
    n = state["step"] + 1
    return {"step": n, "check_step": n, "check": "accepted"}


async def review(state: State) -> State:
    n, round_ = state["step"] + 1, state["round"]
    if round_ == state["max_rounds"]:
        return {"step": n, "review_step": n, "verdict": "approve"}
    again: State = {"feedback_step": n, "round": round_ + 1, "reviewed": [*state["reviewed"], n]}
    return {"step": n, "review_step": n, "verdict": "revise", **again}


async def approved(state: State) -> State:
    return {"status": "approved", "message": "The reviewer approved the patch."}


async def rejected(state: State) -> State:
    return {"status": "rejected", "message": "The reviewer rejected the patch."}


async def after_check(state: State) -> Literal["review", "code"]:
    return "review" if state["check"] == "accepted" else "code"


async def after_review(state: State) -> Literal["approved", "code", "rejected"]:
    if state["verdict"] == "revise":
        return "code"
    return "approved" if state["verdict"] == "approve" else "rejected"


builder = StateGraph(State)
for node in (plan, code, check, review, approved, rejected):
    builder.add_node(node.__name__, node)
builder.add_edge(START, "plan")
builder.add_edge("plan", "code")
builder.add_edge("code", "check")
builder.add_conditional_edges("check", after_check)
builder.add_conditional_edges("review", after_review)
builder.add_edge("approved", END)
builder.add_edge("rejected", END)
graph = builder.compile()
