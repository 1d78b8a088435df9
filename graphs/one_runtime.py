"""What LangGraph gives a run's nodes: the same runtime to all of them, and a drain that looks at ours.

LangGraph copies the runtime five times for each node, to note which attempt at which task it is. Nothing
here asks for that: the journal counts attempts, and LangGraph is told to make no second one.

**Source**: langgraph 1.2 ``runtime.py``, ``pregel/main.py: astream``, ``pregel/_retry.py: arun_with_retry``.
"""

from __future__ import annotations

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph._internal._constants import CONFIG_KEY_RUNTIME
from langgraph.runtime import ExecutionInfo, RunControl, Runtime

from cfx_flow.flows.runner import Drain
from graphs.work import Work


class OneRuntime(Runtime[Work]):
    __slots__ = ()

    def merge(self, other: Runtime[Work]) -> OneRuntime:
        """With what ``astream`` was given."""
        return OneRuntime(context=other.context, control=other.control, execution_info=_NOBODY_ASKS)

    def override(self, **_: Any) -> OneRuntime:
        return self

    def patch_execution_info(self, **_: Any) -> OneRuntime:
        return self


_NOBODY_ASKS = ExecutionInfo(checkpoint_id="", checkpoint_ns="", task_id="")
_BEFORE_ANY_RUN = OneRuntime()


def with_one_runtime(config: RunnableConfig) -> RunnableConfig:
    """The run then makes its own of it, as a subgraph's makes its own of its parent's."""
    return {**config, "configurable": {**config["configurable"], CONFIG_KEY_RUNTIME: _BEFORE_ANY_RUN}}


class DrainControl(RunControl):
    """Stops it between two steps, at our shutdown."""

    __slots__ = ("_drain",)

    def __init__(self, drain: Drain) -> None:
        super().__init__()
        self._drain = drain

    @property
    def drain_requested(self) -> bool:
        return self._drain.requested.is_set()
