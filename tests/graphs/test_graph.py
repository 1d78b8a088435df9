"""The graph itself: what it looks like, and what its checkpoints may hold."""

from __future__ import annotations

import pytest

from cfx_flow.flows.model import FlowFailed, Reason
from graphs.plan_code_review import build
from graphs.state import FlowState, checked_state


def test_the_edges_are_those_of_the_picture() -> None:
    drawn = build().compile().get_graph()
    edges = {(edge.source, edge.target) for edge in drawn.edges}
    assert edges == {
        ("__start__", "plan"),
        ("plan", "code"),
        ("plan", "approve_plan"),
        ("approve_plan", "code"),
        ("approve_plan", "plan"),
        ("approve_plan", "rejected"),
        ("review", "approve_patch"),
        ("approve_patch", "approved"),
        ("approve_patch", "code"),
        ("approve_patch", "rejected"),
        ("code", "check"),
        ("check", "review"),
        ("check", "test"),
        ("test", "review"),
        ("test", "code"),
        ("test", "rejected"),
        ("check", "code"),
        ("check", "rejected"),
        ("review", "approved"),
        ("review", "code"),
        ("review", "plan"),
        ("review", "rejected"),
        ("approved", "__end__"),
        ("rejected", "__end__"),
    }


@pytest.mark.parametrize(
    "values", [None, 7, {"step": "1"}, {"step": None}, {"round": 1.5}, {"step": True}, {"check": 1}]
)
def test_a_state_of_another_shape_is_a_named_failure(values: object) -> None:
    with pytest.raises(FlowFailed) as failure:
        checked_state(values)
    assert failure.value.reason is Reason.STATE


def test_a_state_is_taken_as_it_was() -> None:
    state: FlowState = {"step": 3, "round": 1, "fixes": 0, "check": "accepted"}
    assert checked_state(state) == state
