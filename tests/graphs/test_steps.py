"""What our steps spare LangGraph leaves its checkpoints as it would have made them itself."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt

from graphs.edges import edge
from graphs.one_runtime import with_one_runtime
from graphs.state import MERGED, FlowState
from graphs.steps import beginning, with_plain_steps
from graphs.work import Work

CONFIG: RunnableConfig = {"configurable": {"thread_id": "one"}}


async def count(state: FlowState, runtime: Runtime[Work]) -> FlowState:
    return {"step": state["step"] + 1}


async def ask(state: FlowState, runtime: Runtime[Work]) -> FlowState:
    return {"person": interrupt("go on?"), "step": state["step"] + 1}


async def end(state: FlowState, runtime: Runtime[Work]) -> FlowState:
    return {"status": "approved"}


def after_ask(state: FlowState) -> Literal["count", "end"]:
    return "count" if state["step"] < 4 else "end"


def compiled() -> Any:
    graph = StateGraph(MERGED, context_schema=Work)
    for node in (count, ask, end):
        graph.add_node(node.__name__, node, input_schema=MERGED)
    graph.add_edge(START, "count")
    graph.add_edge("count", "ask")
    graph.add_conditional_edges("ask", *edge(after_ask))
    graph.add_edge("end", END)
    return graph.compile(checkpointer=InMemorySaver())


async def carried(graph: Any, config: RunnableConfig) -> list[Any]:
    """Through two interrupts to the end; what was told of each checkpoint, the newest first."""
    given: Any
    for given in ({"step": 0}, Command(resume="yes"), Command(resume="no")):
        await graph.ainvoke(given, config, durability="sync")
    return [
        (past.values, past.next, past.metadata["step"], [bool(task.interrupts) for task in past.tasks])
        async for past in graph.aget_state_history(CONFIG)
    ]


async def kept(graph: Any) -> list[Any]:
    """What LangGraph goes on from. A version of InMemorySaver ends in a random number."""
    checkpoints = [found.checkpoint async for found in graph.checkpointer.alist(CONFIG)]
    return [(each["channel_values"], _plain(each["channel_versions"])) for each in checkpoints]


def _plain(versions: dict[str, str]) -> dict[str, str]:
    return {channel: version.split(".")[0] for channel, version in versions.items()}


async def test_a_plain_step_and_one_runtime_leave_the_checkpoints_that_langgraph_would() -> None:
    theirs, ours = compiled(), with_plain_steps(compiled())
    went = await carried(ours, with_one_runtime(CONFIG))
    assert went == await carried(theirs, CONFIG)
    assert await kept(ours) == await kept(theirs)
    assert went[0][0] == {"step": 4, "person": "no", "status": "approved"}


async def test_a_node_that_runs_along_leaves_the_same_state_with_fewer_checkpoints() -> None:
    theirs, ours = compiled(), with_plain_steps(compiled(), along=("count", "end"))
    went, expected = await carried(ours, with_one_runtime(CONFIG)), await carried(theirs, CONFIG)
    assert went[0][:2] == expected[0][:2]
    left_out = {("count",), ("end",)}  # but for the first one, to which no node of ours leads
    assert [each[1] for each in went] == [
        each[1] for n, each in enumerate(expected) if each[1] not in left_out or n == len(expected) - 2
    ]


async def test_a_checkpoint_before_a_node_that_runs_along_now_goes_on() -> None:
    theirs = compiled()
    await carried(theirs, CONFIG)
    (before_end,) = [past async for past in theirs.aget_state_history(CONFIG) if past.next == ("end",)]
    ours = with_plain_steps(compiled(), along=("count", "end"))
    ours.checkpointer = theirs.checkpointer
    state = await ours.ainvoke(None, with_one_runtime(before_end.config), durability="sync")
    assert state == {"step": 4, "person": "no", "status": "approved"}


async def test_a_beginning_is_what_langgraph_leaves_after_its_start() -> None:
    graph = compiled()
    await graph.ainvoke({"step": 0}, CONFIG, durability="sync")
    listed = [found async for found in graph.checkpointer.alist(CONFIG)]
    (theirs,) = (found.checkpoint for found in listed if found.metadata["step"] == 0)
    ours = beginning(graph, {"step": 0})
    assert ours["channel_values"] == theirs["channel_values"]
    assert set(ours["channel_versions"]) == set(theirs["channel_versions"]) - {START}


async def test_a_step_outside_of_a_graph_is_an_error_of_ours() -> None:
    step: Any = with_plain_steps(compiled()).nodes["count"].node
    with pytest.raises(TypeError, match="task of the graph"):
        await step.ainvoke({"step": 0})
