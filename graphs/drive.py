"""Drives LangGraph's loop: one node at a time, what it made saved before the next.

LangGraph decides as always: which node is next and with which state, what its writes become, where it stops
for a person, what a checkpoint holds. Its own driver, ``astream``, is for graphs that run many tasks at once,
stream, retry, time out and call back: for nobody here it makes a stream, callback managers, and for each step
five copies of the runtime and two tasks. Together a fifteenth of all that a flow costs.

**Source**: langgraph 1.2 ``pregel/main.py: astream``, ``pregel/_runner.py: atick, commit``, ``runtime.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph._internal._constants import CONFIG_KEY_RUNTIME, INTERRUPT, RESUME
from langgraph.errors import GraphInterrupt, GraphRecursionError
from langgraph.pregel._loop import AsyncPregelLoop
from langgraph.runtime import ExecutionInfo, RunControl, Runtime
from langgraph.types import PregelExecutableTask

from cfx_flow.flows.runner import Drain, Drained
from graphs.state import FlowState, unreadable_state
from graphs.steps import Graph
from graphs.work import Work

RECURSION_LIMIT = 1_000
"""LangGraph's own guard, far above the longest loop that max_rounds and max_fixes allow"""


async def drive(graph: Graph, start: Any, config: RunnableConfig, work: Work, drain: Drain) -> FlowState:
    """The state in which the graph ended, or waits for a person. ``start``: as ``astream`` takes it.

    Raises Drained between two steps, when all of the one before is durable; FlowFailed (state) for a
    checkpoint that leads to two nodes; and what the nodes raise.
    """
    async with _loop(graph, start, _with_runtime(config, work, drain)) as loop:
        while loop.tick():
            task, *others = loop.tasks.values()
            if others:  # no node of ours leads to two
                raise unreadable_state()
            if not task.writes:  # it has not run before
                await _run(loop, task)
            loop.after_tick()
    if loop.status == "draining":
        await work.run.pen.settle()
        raise Drained
    if loop.status == "out_of_steps":
        raise GraphRecursionError(f"the graph goes round and round: {loop.config['recursion_limit']} steps")
    return cast(FlowState, loop.output)


async def _run(loop: AsyncPregelLoop, task: PregelExecutableTask) -> None:
    """What a node that has ended writes is not saved by itself: the checkpoint after it, which follows
    without a pause, holds all of it."""
    try:
        await task.proc.ainvoke(task.input, task.config)
    except GraphInterrupt as asked:
        answers = [write for write in task.writes if write[0] == RESUME]
        loop.put_writes(task.id, [(INTERRUPT, asked.args[0]), *answers])
        raise
    except asyncio.CancelledError as cancelled:
        if cast(asyncio.Task[Any], asyncio.current_task()).cancelling():
            raise
        # Else the flow's task would end as if somebody had stopped it, without a word.
        raise RuntimeError("what a node has waited for was cancelled, and the node was not") from cancelled


def _loop(graph: Graph, start: Any, config: RunnableConfig) -> AsyncPregelLoop:
    return _Loop(
        start,
        stream=None,
        config=config,
        store=None,
        cache=None,
        checkpointer=cast(Any, graph.checkpointer),
        nodes=graph.nodes,
        specs=graph.channels,
        input_keys=graph.input_channels,
        output_keys=graph.output_channels,
        stream_keys=graph.stream_channels_asis,
        trigger_to_nodes=graph.trigger_to_nodes,
        migrate_checkpoint=graph._migrate_checkpoint,
        durability="sync",
    )


class _Loop(AsyncPregelLoop):
    """It saves at once, in order, where LangGraph's makes a task of each save."""

    @property
    def submit(self) -> Any:
        return _at_once

    @submit.setter
    def submit(self, _: Any) -> None:
        """LangGraph sets its own."""


def _at_once(save: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> Awaitable[None]:
    """Of our saver, which notes down what is to be written and waits for nothing. Raises what it raises."""
    saving = save(*args)
    try:
        saving.send(None)
    except StopIteration:
        return _SAVED
    saving.close()
    raise TypeError("a saver that waits cannot be driven so")


class _Saved:
    """What a save that is done leaves to wait for: LangGraph's next save waits for the one before."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


_SAVED = _Saved()


class _OneRuntime(Runtime[Work]):
    """The same for all nodes of a run. Which attempt at which task it is, nothing here asks: the journal
    counts attempts."""

    __slots__ = ()

    def override(self, **_: Any) -> _OneRuntime:
        return self


_NOBODY_ASKS = ExecutionInfo(checkpoint_id="", checkpoint_ns="", task_id="")


def _with_runtime(config: RunnableConfig, work: Work, drain: Drain) -> RunnableConfig:
    runtime = _OneRuntime(context=work, control=_DrainControl(drain), execution_info=_NOBODY_ASKS)
    configurable = {**config["configurable"], CONFIG_KEY_RUNTIME: runtime}
    return {"recursion_limit": RECURSION_LIMIT, **config, "configurable": configurable}


class _DrainControl(RunControl):
    """Stops it between two steps, at our shutdown."""

    __slots__ = ("_drain",)

    def __init__(self, drain: Drain) -> None:
        super().__init__()
        self._drain = drain

    @property
    def drain_requested(self) -> bool:
        return self._drain.requested.is_set()
