"""What our steps spare LangGraph leaves its checkpoints as it would have made them itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt

from cfx_flow.flows.model import FlowFailed, Reason
from cfx_flow.flows.runner import Drain, Drained
from graphs.drive import drive
from graphs.edges import edge
from graphs.state import MERGED, FlowState
from graphs.steps import beginning, with_plain_steps
from graphs.work import Work

CONFIG: RunnableConfig = {"configurable": {"thread_id": "one"}}
NO_WORK: Any = None

Goes = Callable[[Any, Any], Awaitable[Any]]


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


async def theirs_goes(graph: Any, given: Any, config: RunnableConfig = CONFIG) -> Any:
    return await graph.ainvoke(given, config, durability="sync")


async def ours_goes(graph: Any, given: Any, config: RunnableConfig = CONFIG) -> Any:
    return await drive(graph, given, config, NO_WORK, Drain())


async def carried(graph: Any, goes: Goes) -> list[Any]:
    """Through two interrupts to the end; what was told of each checkpoint, the newest first."""
    for given in ({"step": 0}, Command(resume="yes"), Command(resume="no")):
        await goes(graph, given)
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


async def test_our_steps_and_driver_leave_the_checkpoints_that_langgraph_would() -> None:
    theirs, ours = compiled(), with_plain_steps(compiled())
    went = await carried(ours, ours_goes)
    assert went == await carried(theirs, theirs_goes)
    assert await kept(ours) == await kept(theirs)
    assert went[0][0] == {"step": 4, "person": "no", "status": "approved"}


async def test_a_node_that_runs_along_leaves_the_same_state_with_fewer_checkpoints() -> None:
    theirs, ours = compiled(), with_plain_steps(compiled(), along=("count", "end"))
    went, expected = await carried(ours, ours_goes), await carried(theirs, theirs_goes)
    assert went[0][:2] == expected[0][:2]
    left_out = {("count",), ("end",)}  # but for the first one, to which no node of ours leads
    assert [each[1] for each in went] == [
        each[1] for n, each in enumerate(expected) if each[1] not in left_out or n == len(expected) - 2
    ]


async def test_a_checkpoint_before_a_node_that_runs_along_now_goes_on() -> None:
    theirs = compiled()
    await carried(theirs, theirs_goes)
    (before_end,) = [past async for past in theirs.aget_state_history(CONFIG) if past.next == ("end",)]
    ours = with_plain_steps(compiled(), along=("count", "end"))
    ours.checkpointer = theirs.checkpointer
    state = await ours_goes(ours, None, before_end.config)
    assert state == {"step": 4, "person": "no", "status": "approved"}


async def test_a_beginning_is_what_langgraph_leaves_after_its_start() -> None:
    graph = compiled()
    await theirs_goes(graph, {"step": 0})
    listed = [found async for found in graph.checkpointer.alist(CONFIG)]
    (theirs,) = (found.checkpoint for found in listed if found.metadata["step"] == 0)
    ours = beginning(graph, {"step": 0})
    assert ours["channel_values"] == theirs["channel_values"]
    assert ours["updated_channels"] == theirs["updated_channels"]
    assert set(ours["channel_versions"]) == set(theirs["channel_versions"]) - {START}


async def test_a_step_outside_of_a_graph_is_an_error_of_ours() -> None:
    step: Any = with_plain_steps(compiled()).nodes["count"].node
    with pytest.raises(TypeError, match="task of the graph"):
        await step.ainvoke({"step": 0})


async def test_a_drained_run_has_saved_the_step_before_and_goes_on_from_there() -> None:
    graph, drain, settled = with_plain_steps(compiled()), Drain(), []

    async def settle() -> None:
        settled.append(await kept(graph))

    work: Any = SimpleNamespace(run=SimpleNamespace(pen=SimpleNamespace(settle=settle)))
    drain.requested.set()
    with pytest.raises(Drained):
        await drive(graph, {"step": 0}, CONFIG, work, drain)
    assert settled == [await kept(graph)]
    assert await ours_goes(graph, None) == {"step": 1}


async def test_a_node_that_raises_runs_again_from_the_checkpoint_before_it() -> None:
    """And what was raised comes out as it was."""
    graph, trouble = with_plain_steps(compiled()), [OSError("the disk")]

    async def count_at_last(state: FlowState, runtime: Runtime[Work]) -> FlowState:
        if trouble:
            raise trouble.pop()
        return await count(state, runtime)

    graph.nodes["count"].node._node = count_at_last
    with pytest.raises(OSError, match="the disk"):
        await ours_goes(graph, {"step": 0})
    state = await ours_goes(graph, None)
    assert state == {"step": 1}


async def test_a_node_is_cancelled_by_whoever_stops_the_run_and_breaks_where_what_it_waits_for_is() -> None:
    graph, begun = with_plain_steps(compiled()), asyncio.Event()
    awaited: asyncio.Future[FlowState] = asyncio.get_running_loop().create_future()

    async def count_at_last(state: FlowState, runtime: Runtime[Work]) -> FlowState:
        begun.set()
        return await asyncio.shield(awaited)

    graph.nodes["count"].node._node = count_at_last
    stopped = asyncio.create_task(ours_goes(graph, {"step": 0}))
    await begun.wait()
    stopped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopped
    assert stopped.cancelled()

    awaited.cancel()
    with pytest.raises(RuntimeError, match="the node was not"):
        await ours_goes(graph, None)


async def test_a_checkpoint_that_leads_to_two_nodes_was_tampered_with() -> None:
    graph = with_plain_steps(compiled())
    await ours_goes(graph, {"step": 0})
    found = await graph.checkpointer.aget_tuple(CONFIG)
    checkpoint, versions = found.checkpoint, {"branch:to:end": "9" * 32 + ".1"}
    checkpoint["channel_values"]["branch:to:end"] = None
    checkpoint["channel_versions"] |= versions
    checkpoint["updated_channels"] = None
    at = {"configurable": {**CONFIG["configurable"], "checkpoint_ns": ""}}
    await graph.checkpointer.aput(
        at, checkpoint | {"id": found.checkpoint["id"][:-1] + "f"}, found.metadata, versions
    )
    with pytest.raises(FlowFailed) as failed:
        await ours_goes(graph, None)
    assert failed.value.outcome.reason is Reason.STATE
