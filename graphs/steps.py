"""A node, and the edge that leads on from it, in the task that LangGraph has for them.

LangGraph's own sequence runs the node in a second task, and makes a callback manager anew for it and for
each writer, to tell listeners that are not there what begins and ends; for a conditional edge it copies every
channel to read the state as the node leaves it. Together a sixth of all that a step calls.

**Source**: langgraph 1.2 ``_internal/_runnable.py: RunnableSeq``, ``pregel/_read.py: PregelNode.node``,
``graph/state.py: attach_node, attach_edge, attach_branch`` for what is written.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, cast

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langgraph._internal._constants import CONF, CONFIG_KEY_RUNTIME, CONFIG_KEY_SEND
from langgraph.checkpoint.base import Checkpoint
from langgraph.graph import END, START
from langgraph.graph.state import CompiledStateGraph
from langgraph.pregel._checkpoint import empty_checkpoint
from langgraph.runtime import Runtime

from graphs.edges import Choose, Edge
from graphs.state import FlowState
from graphs.work import Work

Graph = CompiledStateGraph[FlowState, Work, FlowState, FlowState]
Node = Callable[[FlowState, Runtime[Work]], Awaitable[FlowState]]

STATE = "__root__"
"""the channel of a state that is one value"""


class Step(Runnable[FlowState, FlowState]):
    def __init__(self, node: Node, leads: Choose, along: Mapping[str, Step]) -> None:
        self._node, self._leads, self._along = node, leads, along

    def invoke(self, input: FlowState, config: RunnableConfig | None = None, **_: Any) -> FlowState:
        raise TypeError("our nodes are asynchronous")

    async def ainvoke(self, input: FlowState, config: RunnableConfig | None = None, **_: Any) -> FlowState:
        if config is None:
            raise TypeError("it runs in a task of the graph")
        before = var_child_runnable_config.set(config)  # where interrupt() looks
        try:
            made, node = await self._run(input, config[CONF][CONFIG_KEY_RUNTIME])
        finally:
            var_child_runnable_config.reset(before)
        writes: list[tuple[str, Any]] = [(STATE, made)]
        if node != END:
            writes.append((trigger_of(node), None))
        config[CONF][CONFIG_KEY_SEND](writes)
        return made

    async def _run(self, state: FlowState, runtime: Runtime[Work]) -> tuple[FlowState, str]:
        """What it has made, with those that ran along, and the node that is next."""
        made = await self._node(state, runtime)
        after = state | made
        node = self._leads(after)
        if node not in self._along:
            return made, node
        more, node = await self._along[node]._run(after, runtime)
        return made | more, node


def beginning(graph: Graph, state: FlowState) -> Checkpoint:
    """As LangGraph leaves a graph after its START, which is a step of its own, with a checkpoint before and
    after it."""
    (first,) = (end for start, end in graph.builder.edges if start == START)
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"] = {STATE: state, trigger_of(first): None}
    checkpoint["channel_versions"] = {STATE: 1, trigger_of(first): 1}
    checkpoint["updated_channels"] = [STATE, trigger_of(first)]
    return checkpoint


def trigger_of(node: str) -> str:
    """The channel that a write to makes it run next."""
    return f"branch:to:{node}"


def with_plain_steps(graph: Graph, *, along: Collection[str] = ()) -> Graph:
    """``along``: nodes that follow at once in the step of the one before, without a checkpoint between them.
    They make no call and ask nobody: a run that dies there has nothing to lose but a moment."""
    steps: dict[str, Step] = {}
    for name, node in graph.nodes.items():
        if name == START:
            continue
        node.node = Step(cast(Any, node.bound).afunc, _leads(graph, name), steps)
        if name in along:
            steps[name] = node.node
    return graph


def _leads(graph: Graph, name: str) -> Choose:
    """Each of our nodes has either one edge, or one function that chooses among several."""
    branches, edges = graph.builder.branches[name].values(), graph.builder.edges
    choosing = [branch.path.choose for branch in branches if isinstance(branch.path, Edge)]
    (leads,) = [*choosing, *(_always(end) for start, end in edges if start == name)]
    return leads


def _always(node: str) -> Choose:
    return lambda _: node
