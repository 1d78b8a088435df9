"""The loop, on one screen.

    plan → (a person?) → code → check → review → (a person?) → approved
      ↑        │          ↑       │        │          │
      └────────┘          ├───────┴────────┴──────────┘   back to CODE with the exact reason
                          └── or, when the rounds are used up or somebody rejects → rejected

A refused diff and an unfavourable verdict are data on edges. An exception means that the
machinery broke, or that the flow cannot go on (FlowFailed).
"""

from __future__ import annotations

from typing import Literal

from langgraph.graph import END, START, StateGraph

from graphs.gates import approve_patch, approve_plan
from graphs.nodes import approved, check, code, plan, rejected, review
from graphs.state import FlowState, rounds_used_up
from graphs.work import Work


def build() -> StateGraph[FlowState, Work]:
    graph = StateGraph(FlowState, context_schema=Work)
    for node in (plan, approve_plan, code, check, review, approve_patch, approved, rejected):
        graph.add_node(node.__name__, node)

    graph.add_edge(START, "plan")
    graph.add_conditional_edges("plan", after_plan)
    graph.add_conditional_edges("approve_plan", after_persons_look_at_plan)
    graph.add_edge("code", "check")
    graph.add_conditional_edges("check", after_check)
    graph.add_conditional_edges("review", after_review)
    graph.add_conditional_edges("approve_patch", after_persons_look_at_patch)
    graph.add_edge("approved", END)
    graph.add_edge("rejected", END)
    return graph


def after_plan(state: FlowState) -> Literal["approve_plan", "code"]:
    return "approve_plan" if state.get("approval") in ("plan", "both") else "code"


def after_persons_look_at_plan(state: FlowState) -> Literal["code", "plan", "rejected"]:
    """Edited or not, what was approved is the plan from here on."""
    if state["person"] == "approve":
        return "code"
    return "plan" if state["person"] == "revise" else "rejected"


def after_check(state: FlowState) -> Literal["review", "code", "rejected"]:
    """REVIEW never sees a diff that was refused."""
    if state["check"] == "accepted":
        return "review"
    return "rejected" if rounds_used_up(state) else "code"


def after_review(state: FlowState) -> Literal["approve_patch", "approved", "code", "rejected"]:
    """Only the reviewer approves, and after it, where the flow says so, a person."""
    if state["verdict"] == "approve":
        return "approve_patch" if state.get("approval") in ("patch", "both") else "approved"
    return "rejected" if state["verdict"] == "reject" or rounds_used_up(state) else "code"


def after_persons_look_at_patch(state: FlowState) -> Literal["approved", "code", "rejected"]:
    if state["person"] == "approve":
        return "approved"
    return "code" if state["person"] == "revise" else "rejected"
