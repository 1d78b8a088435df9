"""A function on the state as an edge of the graph.

LangGraph takes a plain function to a thread and back, and an ``async`` one into a task of its own, with
callbacks around it. Ours only look at the state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args, get_type_hints

from langchain_core.runnables import Runnable, RunnableConfig

from graphs.state import FlowState

Choose = Callable[[FlowState], str]


class Edge(Runnable[FlowState, str]):
    def __init__(self, choose: Choose) -> None:
        self.choose = choose
        self.name = choose.__name__

    def invoke(self, input: FlowState, config: RunnableConfig | None = None, **_: Any) -> str:
        return self.choose(input)

    async def ainvoke(self, input: FlowState, config: RunnableConfig | None = None, **_: Any) -> str:
        return self.choose(input)


def edge(choose: Choose) -> tuple[Edge, list[str]]:
    """With the nodes to which it may lead: the names in the ``Literal`` that it returns."""
    return Edge(choose), list(get_args(get_type_hints(choose)["return"]))
