"""One run of one flow by one runner: the pen that every node writes with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from cfx_flow.clock import Clock
from cfx_flow.flows.model import Event, Flow, FlowFailed, Reason, StageUsage, Step, Usage
from cfx_flow.flows.rows import stages_json
from cfx_flow.flows.store import Fence, FlowStore


@dataclass(frozen=True, slots=True)
class Call:
    """A model call that was paid for."""

    stage: str
    model: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class Result:
    """What a node has made of its step."""

    output: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    """small, and enough for the node to take its result from the row again"""
    show: Mapping[str, Any] = field(default_factory=dict)
    """what ``step.completed`` tells beside the numbers"""
    events: Sequence[Event] = ()
    patch: str | None = None
    """the flow's patch from now on"""


class FlowRun:
    """What one epoch of a flow writes and has spent. Every write raises Fenced once the epoch is over."""

    def __init__(self, flow: Flow, flows: FlowStore, clock: Clock) -> None:
        self.flow = flow
        self._flows, self._clock = flows, clock
        self._stages: dict[str, StageUsage] = dict(flow.stages)
        self._spent = flow.spent
        self._active_before_s = flow.spent.duration_ms / 1000
        self._began = clock.monotonic()

    # Steps ------------------------------------------------------------------------------

    async def begin(
        self, n: int, node: str, round_: int, *, stage: str | None = None, input: Mapping[str, Any]
    ) -> Step:
        """Opens step ``n``. One that had finished before a crash comes back as it was, ``completed``.

        Then the node takes its result from the row: nothing is done, or paid, a second time.
        """
        known = await self._flows.step(self.flow.id, n)
        if known is not None and known.status == "completed" and known.node == node:
            return known
        step = _fresh(n, node, round_, input, self._clock)
        again = {"again": True} if known is not None else {}
        event = self.event("step.started", step, stage=stage, data={"node": node, **again})
        await self._write(opens=step, changes={"round": round_, "step": n}, events=[event])
        return step

    async def paid(self, step: Step, call: Call) -> Step:
        """Counts a model call at once, whether or not what it said can be used."""
        self._stages[call.stage] = self._stages.get(call.stage, StageUsage()).add(call.model, call.usage)
        self._spent += call.usage
        step = replace(
            step,
            model=call.model,
            attempts=step.attempts + 1,
            input_tokens=step.input_tokens + call.usage.input_tokens,
            output_tokens=step.output_tokens + call.usage.output_tokens,
            cost_usd=step.cost_usd + call.usage.cost_usd,
        )
        changes = {
            "stages": stages_json(self._stages),
            "input_tokens": self._spent.input_tokens,
            "output_tokens": self._spent.output_tokens,
            "cost_usd": self._spent.cost_usd,
        }
        await self._write(step=step, changes=changes)
        return step

    async def finish(self, step: Step, result: Result, *, stage: str | None = None) -> Step:
        now = self._clock.now()
        step = replace(step, status="completed", output=result.output, detail=result.detail, completed_at=now)
        duration_ms = round((now - step.started_at).total_seconds() * 1000)
        done = replace(
            self.event(
                "step.completed",
                step,
                stage=stage,
                data={"node": step.node, "attempts": step.attempts, **result.show},
            ),
            duration_ms=duration_ms,
        )
        if step.attempts:
            done = replace(
                done,
                input_tokens=step.input_tokens,
                output_tokens=step.output_tokens,
                cost_usd=step.cost_usd,
            )
        timed = [replace(event, at=now) for event in result.events]
        changes = {} if result.patch is None else {"patch": result.patch}
        await self._write(step=step, changes=changes, events=[done, *timed])
        return step

    async def progress(self, step: Step, stage: str, output_chars: int) -> None:
        event = self.event("step.progressed", step, stage=stage, data={"output_chars": output_chars})
        await self._write(events=[event])

    async def output_of(self, n: int) -> Step:
        """An earlier step of this flow, which must be there."""
        step = await self._flows.step(self.flow.id, n)
        if step is None or step.status != "completed":
            raise FlowFailed(Reason.STATE, f"Step {n}, on which this one builds, is missing from the store.")
        return step

    def event(
        self, type_: str, step: Step, *, stage: str | None = None, data: Mapping[str, Any] | None = None
    ) -> Event:
        return Event(
            type=type_,
            at=self._clock.now(),
            round=step.round or None,
            step=step.n,
            stage=stage,
            model=step.model,
            data=data or {},
        )

    # Budget -----------------------------------------------------------------------------

    @property
    def seconds_left(self) -> float:
        """Of the budget: time on model calls in earlier runs, and all the time of this one, is spent."""
        active_s = self._active_before_s + self._clock.monotonic() - self._began
        return self.flow.options.budget.seconds - active_s

    def check_budget(self) -> None:
        """Raises FlowFailed when nothing is left for another call."""
        budget, spent = self.flow.options.budget, self._spent
        if spent.cost_usd >= budget.usd:
            raise _over(f"{_usd(spent.cost_usd)} of {_usd(budget.usd)} USD")
        tokens = spent.input_tokens + spent.output_tokens
        if tokens >= budget.tokens:
            raise _over(f"{tokens} of {budget.tokens} tokens")
        if self.seconds_left <= 0:
            raise self.out_of_time()

    def out_of_time(self) -> FlowFailed:
        return _over(f"all of {self.flow.options.budget.seconds} seconds")

    async def _write(
        self,
        *,
        opens: Step | None = None,
        step: Step | None = None,
        changes: Mapping[str, Any] | None = None,
        events: Sequence[Event] = (),
    ) -> None:
        fence = Fence(self.flow.id, self.flow.epoch)
        await self._flows.write(fence, changes=changes, opens=opens, step=step, events=events)


def _fresh(n: int, node: str, round_: int, input: Mapping[str, Any], clock: Clock) -> Step:
    return Step(
        n=n,
        round=round_,
        node=node,
        model=None,
        status="started",
        input=input,
        output=None,
        detail={},
        attempts=0,
        input_tokens=0,
        output_tokens=0,
        cost_usd=Decimal(0),
        started_at=clock.now(),
        completed_at=None,
    )


def _over(what: str) -> FlowFailed:
    return FlowFailed(Reason.BUDGET, f"The budget is used up: {what}. Start it again with a larger budget.")


def _usd(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
