"""The flow graph before its libraries are there: langgraph takes longer to import than all the rest."""

from __future__ import annotations

import asyncio

from cfx_flow.flows.model import Outcome, Waits
from cfx_flow.flows.run import FlowRun
from cfx_flow.flows.runner import Drain, Drained, FlowGraph


class LateGraph:
    """A FlowGraph that waits for the real one. Flows submitted meanwhile start when it arrives."""

    def __init__(self) -> None:
        self._graph: FlowGraph | None = None
        self._arrived = asyncio.Event()

    @property
    def ready(self) -> bool:
        return self._arrived.is_set()

    def arrive(self, graph: FlowGraph) -> None:
        self._graph = graph
        self._arrived.set()

    async def run(self, run: FlowRun, drain: Drain) -> Outcome | Waits:
        graph = await self._wait(drain)
        return await graph.run(run, drain)

    async def _wait(self, drain: Drain) -> FlowGraph:
        """Raises Drained when the shutdown comes first."""
        if self._graph is not None:
            return self._graph
        arrival = asyncio.ensure_future(self._arrived.wait())
        drained = asyncio.ensure_future(drain.requested.wait())
        try:
            await asyncio.wait([arrival, drained], return_when=asyncio.FIRST_COMPLETED)
        finally:
            arrival.cancel()
            drained.cancel()
        if self._graph is None:
            raise Drained
        return self._graph
