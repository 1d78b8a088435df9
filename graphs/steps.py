"""A node and the writers of what it gives, one after the other, in the task that LangGraph has for them.

LangGraph's own sequence runs the node in a second task, and makes a callback manager anew for it and for
each writer, to tell listeners that are not there what begins and ends: a seventh of all that a step calls.

**Source**: langgraph 1.2 ``_internal/_runnable.py: RunnableSeq``, ``pregel/_read.py: PregelNode.node``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langgraph.graph import START
from langgraph.graph.state import CompiledStateGraph

from graphs.state import FlowState
from graphs.work import Work


class Steps(Runnable[FlowState, Any]):
    def __init__(self, node: Runnable[Any, Any], writers: Sequence[Runnable[Any, Any]]) -> None:
        self._node, self._writers = node, writers

    def invoke(self, input: FlowState, config: RunnableConfig | None = None, **_: Any) -> Any:
        raise TypeError("our nodes are asynchronous")

    async def ainvoke(self, input: FlowState, config: RunnableConfig | None = None, **_: Any) -> Any:
        before = var_child_runnable_config.set(config)  # where interrupt() looks
        try:
            made = await self._node.ainvoke(input, config)
        finally:
            var_child_runnable_config.reset(before)
        for writer in self._writers:
            made = writer.invoke(made, config)
        return made


def with_plain_steps(
    graph: CompiledStateGraph[FlowState, Work, FlowState, FlowState],
) -> CompiledStateGraph[FlowState, Work, FlowState, FlowState]:
    for name, node in graph.nodes.items():
        if name != START:
            node.node = Steps(node.bound, node.flat_writers)
    return graph
