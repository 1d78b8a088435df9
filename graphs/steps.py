"""A node, and the edge that leads on from it, in the task that LangGraph has for them.

LangGraph's own sequence runs the node in a second task, and makes a callback manager anew for it and for
each writer, to tell listeners that are not there what begins and ends; for a conditional edge it copies every
channel to read the state as the node leaves it. Together a sixth of all that a step calls.

**Source**: langgraph 1.2 ``_internal/_runnable.py: RunnableSeq``, ``pregel/_read.py: PregelNode.node``,
``graph/state.py: attach_node, attach_edge, attach_branch`` for what is written.
"""

from __future__ import annotations

from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langgraph._internal._constants import CONF, CONFIG_KEY_SEND
from langgraph.checkpoint.base import Checkpoint
from langgraph.graph import END, START
from langgraph.graph.state import CompiledStateGraph
from langgraph.pregel._checkpoint import empty_checkpoint

from graphs.edges import Choose, Edge
from graphs.state import FlowState
from graphs.work import Work

Graph = CompiledStateGraph[FlowState, Work, FlowState, FlowState]

STATE = "__root__"
"""the channel of a state that is one value"""


class Step(Runnable[FlowState, FlowState]):
    def __init__(self, node: Runnable[Any, Any], leads: Choose) -> None:
        self._node, self._leads = node, leads

    def invoke(self, input: FlowState, config: RunnableConfig | None = None, **_: Any) -> FlowState:
        raise TypeError("our nodes are asynchronous")

    async def ainvoke(self, input: FlowState, config: RunnableConfig | None = None, **_: Any) -> FlowState:
        if config is None:
            raise TypeError("it runs in a task of the graph")
        before = var_child_runnable_config.set(config)  # where interrupt() looks
        try:
            made: FlowState = await self._node.ainvoke(input, config)
        finally:
            var_child_runnable_config.reset(before)
        writes: list[tuple[str, Any]] = [(STATE, made)]
        if (node := self._leads(input | made)) != END:
            writes.append((trigger_of(node), None))
        config[CONF][CONFIG_KEY_SEND](writes)
        return made


def beginning(graph: Graph, state: FlowState) -> Checkpoint:
    """As LangGraph leaves a graph after its START, which is a step of its own, with a checkpoint before and
    after it."""
    (first,) = (end for start, end in graph.builder.edges if start == START)
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"] = {STATE: state, trigger_of(first): None}
    checkpoint["channel_versions"] = {STATE: 1, trigger_of(first): 1}
    return checkpoint


def trigger_of(node: str) -> str:
    """The channel that a write to makes it run next."""
    return f"branch:to:{node}"


def with_plain_steps(graph: Graph) -> Graph:
    for name, node in graph.nodes.items():
        if name != START:
            node.node = Step(node.bound, _leads(graph, name))
    return graph


def _leads(graph: Graph, name: str) -> Choose:
    """Each of our nodes has either one edge, or one function that chooses among several."""
    branches, edges = graph.builder.branches[name].values(), graph.builder.edges
    choosing = [branch.path.choose for branch in branches if isinstance(branch.path, Edge)]
    (leads,) = [*choosing, *(_always(end) for start, end in edges if start == name)]
    return leads


def _always(node: str) -> Choose:
    return lambda _: node
