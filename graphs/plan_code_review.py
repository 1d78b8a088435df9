"""The loop, on one screen.

    plan → (a person?) → code → check → (test) → review → (a person?) → approved
      ↑        │          ↑       │        │        │          │
      ├────────┘          ├───────┴────────┴────────┼──────────┘   back to CODE with the exact reason
      └───────────────────┼─────────────────────────┘              back to PLAN when the plan is at fault
                          └── or, when the rounds are used up, another one would not help, or
                              somebody rejects → rejected

A refused diff, a broken contract, tests that fail anew and an unfavourable verdict are data on edges. An
exception means that the machinery broke, or that the flow cannot go on (FlowFailed).
"""

from __future__ import annotations

from typing import Literal

from langgraph.graph import END, START, StateGraph

from cfx_flow.review.convergence import Stall
from graphs.edges import edge
from graphs.endings import approved, rejected
from graphs.gates import approve_patch, approve_plan
from graphs.nodes import check, code, plan, review
from graphs.state import MERGED, FlowState, person_takes_patch, rounds_used_up
from graphs.testing import test
from graphs.work import Work

ALONG = ("check", "approved")
"""The machine's own: each follows at once, in LangGraph's step of the node before it. Not ``rejected``: a
person who resumes a flow goes back to the checkpoint before it."""


def build() -> StateGraph[FlowState, Work]:
    graph = StateGraph(MERGED, context_schema=Work)
    for node in (plan, approve_plan, code, check, test, review, approve_patch, approved, rejected):
        graph.add_node(node.__name__, node, input_schema=MERGED)

    graph.add_edge(START, "plan")
    graph.add_conditional_edges("plan", *edge(after_plan))
    graph.add_conditional_edges("approve_plan", *edge(after_persons_look_at_plan))
    graph.add_edge("code", "check")
    graph.add_conditional_edges("check", *edge(after_check))
    graph.add_conditional_edges("test", *edge(after_test))
    graph.add_conditional_edges("review", *edge(after_review))
    graph.add_conditional_edges("approve_patch", *edge(after_persons_look_at_patch))
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


def after_check(state: FlowState) -> Literal["test", "review", "code", "rejected"]:
    """REVIEW never sees a diff that was refused, or that breaks the contract."""
    if state["check"] == "accepted":
        return "test" if "tests" in state else "review"
    return "rejected" if rounds_used_up(state) else "code"


def after_test(state: FlowState) -> Literal["review", "code", "rejected"]:
    """Nor one with which something fails that did not fail before."""
    if state["tested"] != "failed":
        return "review"
    return "rejected" if rounds_used_up(state) else "code"


def after_review(state: FlowState) -> Literal["approve_patch", "approved", "code", "plan", "rejected"]:
    """Only the reviewer approves, and after it, where the flow or the policy says so, a person; who also
    gets what the reviewer still finds fault with, where none of it is worth a round."""
    if state["verdict"] == "approve":
        return "approve_patch" if person_takes_patch(state) else "approved"
    if state.get("stall") == Stall.BELOW_FLOOR and person_takes_patch(state):
        return "approve_patch"
    if state["verdict"] == "reject" or rounds_used_up(state) or state.get("stall"):
        return "rejected"
    return "plan" if state.get("to_plan") else "code"


def after_persons_look_at_patch(state: FlowState) -> Literal["approved", "code", "rejected"]:
    if state["person"] == "approve":
        return "approved"
    return "code" if state["person"] == "revise" else "rejected"
