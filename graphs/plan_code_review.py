"""The loop, on one screen.

    plan → code → check → review → approved
             ↑       │        │
             ├───────┴────────┘   a refused diff, a "revise": back to CODE with the exact reason
             └── or, when the rounds are used up or the reviewer rejects → rejected

A refused diff and an unfavourable verdict are data on edges. An exception means that the
machinery broke, or that the flow cannot go on (FlowFailed).
"""

from __future__ import annotations

from typing import Literal

from langgraph.graph import END, START, StateGraph

from graphs.nodes import approved, check, code, plan, rejected, review
from graphs.state import FlowState, rounds_used_up
from graphs.work import Work


def build() -> StateGraph[FlowState, Work]:
    graph = StateGraph(FlowState, context_schema=Work)
    for node in (plan, code, check, review, approved, rejected):
        graph.add_node(node.__name__, node)

    graph.add_edge(START, "plan")
    graph.add_edge("plan", "code")
    graph.add_edge("code", "check")
    graph.add_conditional_edges("check", after_check)
    graph.add_conditional_edges("review", after_review)
    graph.add_edge("approved", END)
    graph.add_edge("rejected", END)
    return graph


def after_check(state: FlowState) -> Literal["review", "code", "rejected"]:
    """REVIEW never sees a diff that was refused."""
    if state["check"] == "accepted":
        return "review"
    return "rejected" if rounds_used_up(state) else "code"


def after_review(state: FlowState) -> Literal["approved", "code", "rejected"]:
    """Only the reviewer approves."""
    if state["verdict"] == "approve":
        return "approved"
    return "rejected" if state["verdict"] == "reject" or rounds_used_up(state) else "code"
