"""Runs one flow to its end: the edge at which every failure becomes an outcome in the row."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import Protocol

import structlog

from cfx_flow.clock import Clock
from cfx_flow.errors import CfxError, StoreUnavailable, UpstreamError
from cfx_flow.flows.model import Fenced, Flow, FlowFailed, FlowStatus, Outcome, Reason, Waits
from cfx_flow.flows.retakes import Later, given_up
from cfx_flow.flows.run import FlowRun
from cfx_flow.flows.store import Entry, FlowStore
from cfx_flow.to_its_end import to_its_end

log = structlog.stdlib.get_logger(__name__)

STORE_PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0)
"""between attempts to go on while the database does not answer; the last one repeats"""


class Drain:
    """Asks a run to stop at the next point from which it can be resumed."""

    def __init__(self) -> None:
        self.requested = asyncio.Event()


class Drained(Exception):
    """The graph stopped between two steps because it was asked to; its checkpoint is whole."""


class FlowGraph(Protocol):
    """What the runner is given. The real one is LangGraph's, in ``graphs``."""

    async def run(self, run: FlowRun, drain: Drain) -> Outcome | Waits:
        """From the beginning, or from where the last run stopped, to the end or to a gate.

        Raises FlowFailed, UpstreamError, Fenced, Drained, StoreUnavailable.
        """
        ...


class FlowRunner:
    def __init__(
        self,
        flows: FlowStore,
        graph: FlowGraph,
        clock: Clock,
        retakes: int = 10,
        pauses_s: Sequence[float] = STORE_PAUSES_S,
    ) -> None:
        """``retakes``: how often a flow is taken up again without coming to the end of a step."""
        self._flows, self._graph, self._clock, self._retakes = flows, graph, clock, retakes
        self._pauses_s = pauses_s

    async def run(self, flow_id: str, drain: Drain) -> None:
        """Returns when the flow has ended or stopped at a resumable point. May be cancelled anywhere."""
        paused: int | None = 0
        for attempt in count():  # a database may be away for days
            try:
                await self._run_once(flow_id, drain, paused)
                return
            except Later as later:
                log.warning("flow_taken_up_later", flow_id=flow_id, retakes=later.retakes)
                paused, pause_s = later.retakes, later.pause_s
            except StoreUnavailable:
                # The flow pauses and nothing is lost: what is not in the store has not happened.
                log.warning("flow_paused", flow_id=flow_id, exc_info=True)
                paused, pause_s = None, self._pauses_s[min(attempt, len(self._pauses_s) - 1)]
            if await _is_over_within(drain, pause_s):
                return

    async def _run_once(self, flow_id: str, drain: Drain, paused: int | None) -> None:
        try:
            flow = await self._flows.claim(flow_id, paused=paused)
        except Fenced:
            return  # another runner was quicker
        if flow is None:
            return
        try:
            outcome, last = await self._outcome(flow, drain)
        except Drained:
            log.info("flow_drained", flow_id=flow_id)
            return
        except Fenced:
            log.info("flow_fenced", flow_id=flow_id)
            return
        if isinstance(outcome, Waits):
            await self._wait(flow, outcome, last)
            return
        # A shutdown that comes just now must not lose an outcome that was paid for.
        if await to_its_end(self._flows.end(flow_id, flow.epoch, outcome, last)):
            log.info("flow_ended", flow_id=flow_id, status=outcome.status, reason=outcome.reason)

    async def _wait(self, flow: Flow, waits: Waits, last: Sequence[Entry]) -> None:
        try:
            await to_its_end(self._flows.wait(flow, waits, last))
        except Fenced:
            log.info("flow_fenced", flow_id=flow.id)

    async def _outcome(self, flow: Flow, drain: Drain) -> tuple[Outcome | Waits, Sequence[Entry]]:
        """And what is to be written with it."""
        if flow.retakes > self._retakes:
            log.error("flow_given_up", flow_id=flow.id, retakes=flow.retakes)
            return given_up(flow.step, flow.retakes), ()
        run = FlowRun(flow, self._flows, self._clock)
        try:
            return await self._told(flow, run, drain), await run.pen.last()
        finally:
            run.pen.drop()

    async def _told(self, flow: Flow, run: FlowRun, drain: Drain) -> Outcome | Waits:
        try:
            await run.look_back()
            return await self._graph.run(run, drain)
        except (Drained, Fenced, StoreUnavailable):
            raise
        except FlowFailed as failure:
            return failure.outcome
        except UpstreamError as error:
            return Outcome(FlowStatus.FAILED, Reason.UPSTREAM, error.message)
        except CfxError as error:
            log.exception("flow_failed", flow_id=flow.id)
            return Outcome(FlowStatus.FAILED, Reason.INTERNAL, error.message)
        except Exception:
            log.exception("flow_broke", flow_id=flow.id)
            return Outcome(
                FlowStatus.FAILED,
                Reason.INTERNAL,
                f"Something broke on our side. Ask the operator to look up flow {flow.id}.",
            )


async def _is_over_within(drain: Drain, pause_s: float) -> bool:
    try:
        async with asyncio.timeout(pause_s):
            await drain.requested.wait()
    except TimeoutError:
        return False
    return True
