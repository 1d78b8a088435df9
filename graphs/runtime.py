"""Runs the graph for the flow runner: LangGraph's side of ``FlowGraph``."""

from __future__ import annotations

import copy
from typing import Any, Protocol

import structlog
from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command
from langsmith import tracing_context

from cfx_flow.clock import Clock
from cfx_flow.contract.policy import Policy
from cfx_flow.errors import NotFound
from cfx_flow.flows.day import DayOfCalls
from cfx_flow.flows.model import Flow, FlowFailed, FlowOptions, FlowStatus, Gate, Outcome, Reason, Waits
from cfx_flow.flows.run import FlowRun
from cfx_flow.flows.runner import Drain
from cfx_flow.flows.store import FlowStore
from cfx_flow.ledger import Budgets, RequestLog
from cfx_flow.prompts import Prompts
from cfx_flow.settings import Settings
from cfx_flow.stages.model import Models
from cfx_flow.suites.runs import SuiteRuns
from cfx_flow.upstream.breaker import Breakers
from cfx_flow.upstream.client import UpstreamClient
from cfx_flow.workspace.opened import OpenSnapshots
from cfx_flow.workspace.store import SnapshotStore
from graphs.ask import Asker
from graphs.call import Tools
from graphs.checkpoints import FlowSaver, Shelf
from graphs.drive import drive
from graphs.plan_code_review import ALONG, build
from graphs.state import FlowState, checked_state, first_state, judge_of, unreadable_state
from graphs.steps import beginning, with_plain_steps
from graphs.work import Work

log = structlog.stdlib.get_logger(__name__)


class House(Protocol):
    """What the graph needs of the services."""

    @property
    def settings(self) -> Settings: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def models(self) -> Models: ...
    @property
    def prompts(self) -> Prompts: ...
    @property
    def policy(self) -> Policy: ...
    @property
    def suites(self) -> SuiteRuns: ...
    @property
    def day(self) -> DayOfCalls: ...
    @property
    def budgets(self) -> Budgets: ...
    @property
    def request_log(self) -> RequestLog: ...
    @property
    def breakers(self) -> Breakers: ...
    @property
    def upstream(self) -> UpstreamClient: ...
    @property
    def snapshots(self) -> SnapshotStore: ...
    @property
    def flows(self) -> FlowStore: ...


def open_graph(house: House) -> LangGraphFlows:
    tools = Tools(
        models=house.models,
        prompts=house.prompts,
        policy=house.policy,
        suites=house.suites,
        asker=Asker(house.breakers, house.upstream),
        day=house.day,
        budgets=house.budgets,
        request_log=house.request_log,
        clock=house.clock,
    )
    snapshots = OpenSnapshots(house.snapshots, house.settings.open_snapshots_mb * 2**20)
    return LangGraphFlows(tools, snapshots, house.flows)


class LangGraphFlows:
    """A FlowGraph. The graph is compiled once; each flow gets it with a saver of its own."""

    def __init__(self, tools: Tools, snapshots: OpenSnapshots, shelf: Shelf) -> None:
        self._tools, self._snapshots, self._shelf = tools, snapshots, shelf
        self._graph = with_plain_steps(build().compile(name="plan_code_review"), along=ALONG)

    async def run(self, run: FlowRun, drain: Drain) -> Outcome | Waits:
        """From the beginning, or from the last checkpoint, with what a person has decided meanwhile."""
        work = Work(run, self._snapshots, self._tools)
        graph: Any = copy.copy(self._graph)  # its own copy() would check the graph again
        graph.checkpointer = FlowSaver(run.pen, self._shelf)
        try:
            with tracing_context(enabled=False, parent=False):
                return await self._carry(graph, work, drain)
        except NotFound as error:  # its snapshot is gone
            raise FlowFailed(Reason.STATE, error.message) from None

    async def _carry(self, graph: Any, work: Work, drain: Drain) -> Outcome | Waits:
        flow, config = work.flow, _config(work.flow.id)
        saved = await _saved(graph, config) if flow.step else None
        if saved and _goes_on(saved, flow.options):
            saved = await _reopened(graph, config, flow.options.max_rounds)
        elif saved and "status" in saved:
            return _outcome(saved)
        if not saved:  # it begins (again), and what was finished comes back from the steps' rows
            graph.checkpointer.begin(beginning(graph, first_state(flow.options)))
        state = await drive(graph, _answer_for(flow) if saved else None, config, work, drain)
        if "status" not in state and not saved and flow.decision is not None:
            state = await drive(graph, _answer_for(flow), config, work, drain)
        if "status" in state:
            return _outcome(checked_state(state))
        return await _awaited(graph, config)


def _config(flow_id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": flow_id}}


async def _saved(graph: CompiledStateGraph[FlowState, Work], config: RunnableConfig) -> FlowState | None:
    """What the last run left, None for a flow that begins (again). Raises FlowFailed (state)."""
    try:
        snapshot = await graph.aget_state(config)
    except (ValueError, TypeError, LookupError, AttributeError, NotImplementedError):
        # What LangGraph raises at a checkpoint that was cut or tampered with (graphs/test_checkpoints.py).
        # Should it be a fault of ours, the log has it.
        log.warning("flow_state_unreadable", flow_id=config["configurable"]["thread_id"], exc_info=True)
        raise unreadable_state() from None
    if snapshot.values:
        return checked_state(snapshot.values)
    await _forget_what_an_earlier_release_left(graph.checkpointer, config)
    return None


async def _forget_what_an_earlier_release_left(saver: Any, config: RunnableConfig) -> None:
    """Until 2026-11-29 each key of the state was a channel of its own. The steps' rows know all of it."""
    found = await saver.aget_tuple(config)
    if found is not None:
        kept = found.checkpoint["channel_values"]
        checked_state({name: value for name, value in kept.items() if name in FlowState.__annotations__})
        await saver.adelete_thread(config["configurable"]["thread_id"])


def _goes_on(saved: FlowState, options: FlowOptions) -> bool:
    """A person has resumed it after just this rejection, and not after an earlier one."""
    more_rounds = saved["max_rounds"] < options.max_rounds
    return saved.get("status") == "rejected" and (saved["step"] in options.resumed_steps or more_rounds)


async def _reopened(
    graph: CompiledStateGraph[FlowState, Work], config: RunnableConfig, max_rounds: int
) -> FlowState:
    """Back to before it was rejected, where the judge that was last now lets it go on."""
    async for past in graph.aget_state_history(config):
        if past.next == ("rejected",):
            values = checked_state(past.values)
            judge = judge_of(values)
            update: FlowState = {"max_rounds": max_rounds, "stall": ""}
            if judge == "review":
                update["reviewed"] = [values["feedback_step"]]
            await graph.aupdate_state(past.config, update, as_node=judge)
            return values
    raise unreadable_state()


def _answer_for(flow: Flow) -> Command[Any] | None:
    return None if flow.decision is None else Command(resume=flow.decision)


async def _awaited(graph: CompiledStateGraph[FlowState, Work], config: RunnableConfig) -> Waits:
    """The gate at which the graph has stopped. Raises FlowFailed (state)."""
    snapshot = await graph.aget_state(config)
    if not snapshot.interrupts:
        raise unreadable_state()  # a graph that ended says how
    asked = snapshot.interrupts[0].value
    return Waits(Gate(asked["gate"]), asked.get("message", ""))


def _outcome(state: FlowState) -> Outcome:
    reason = Reason(state["reason"]) if "reason" in state else None
    return Outcome(FlowStatus(state["status"]), reason, state["message"], state.get("approval_hash"))
