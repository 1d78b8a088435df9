"""One run of one flow by one runner: the pen that every node writes with."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import structlog
from msgspec.structs import replace

from cfx_flow.clock import Clock
from cfx_flow.errors import StoreUnavailable
from cfx_flow.flows.budget import Left
from cfx_flow.flows.effects import Calls, Effect, calls_of
from cfx_flow.flows.inputs import Packer
from cfx_flow.flows.jobs import Entry, Fence
from cfx_flow.flows.model import Event, Flow, FlowFailed, Reason, Step
from cfx_flow.flows.pen import Pen
from cfx_flow.flows.spending import Call, Spending
from cfx_flow.flows.store import FlowStore
from cfx_flow.flows.usage import Usage
from cfx_flow.store.jobs import Job

MAX_KEPT_CHARS = 256 * 1024
"""of a finished step's output in memory; a longer one is read again when it is asked for"""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0

log = structlog.stdlib.get_logger(__name__)


class Result(msgspec.Struct, frozen=True):
    """What a node has made of its step."""

    output: str
    detail: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """small, and enough for the node to take its result from the row again"""
    show: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """what ``step.completed`` tells beside the numbers"""
    events: Sequence[Event] = ()


class FlowRun:
    """What one epoch of a flow writes and has spent. Every write raises Fenced once the epoch is over."""

    def __init__(self, flow: Flow, flows: FlowStore, clock: Clock) -> None:
        self.flow = flow
        self.pen = Pen(flows, Fence(flow.id, flow.epoch))
        self._flows, self._clock = flows, clock
        self._finished: dict[int, Step] = {}
        self._is_retaken = flow.retakes > 0
        self._last = flow.step
        """the last step that the store may know; what is too long to be kept here is read from it again"""
        self._packer = Packer()
        self._spending = Spending(flow)
        self._active_before_s = self._spending.all.duration_ms / 1000
        self._began = clock.monotonic()
        self._calls = 0
        """model calls of the step that is open, those from the journal included"""
        self._is_again = False
        """an earlier run had opened this step: the journal may know its calls"""

    async def look_back(self) -> None:
        """Before the first step: what tests took that an earlier run has finished is spent of the time."""
        if self.flow.step:
            self._active_before_s += await self._flows.seconds_of_tests(self.flow)

    # Steps ------------------------------------------------------------------------------

    async def begin(
        self, n: int, node: str, round_: int, *, stage: str | None = None, input: Mapping[str, Any]
    ) -> Step:
        """Opens step ``n``. One that had finished before a crash comes back as it was, ``completed``.

        Then the node takes its result from the row: nothing is done, or paid, a second time.
        """
        known = await self._step(n)
        if known is not None and (known.status, known.node) == ("completed", node):
            return known
        self._calls, self._is_again = 0, known is not None
        step = _fresh(n, node, round_, self._clock.now())
        if known is not None and known.node == node:
            step = await self._with_calls_of(known, step, stage or node)
        again = {"again": True} if known is not None else {}
        data = {"node": node, **again}
        event = self.event("step.started", step, stage=stage, data=data, at=step.started_at)
        packed = await self._packer.pack(n, node, input)
        self.pen.put(Entry(opens=step, input=packed, changes={"round": round_, "step": n}, events=[event]))
        return step

    async def next_call(self, step: Step, request_hash: bytes) -> Effect:
        """The step's next model call, as the journal knows it: with an ``answer`` it is not made again."""
        number, self._calls = self._calls, self._calls + 1
        known = None
        if self._is_again:
            known = await self._flows.effect(self.flow.id, step.n, number, request_hash)
        return known or Effect(step.n, number, request_hash, 0, None, step.started_at)

    async def starts(self, effect: Effect, most: Usage, also: Job[None] | None = None) -> Effect:
        """Written before the call, with the most that it can cost: one that is not answered here was in
        flight when the process died. ``also``: see Entry; raises what it raises."""
        effect = replace(effect, tries=effect.tries + 1)
        return await self.tries_again(effect, most, also)

    async def tries_again(self, effect: Effect, most: Usage, also: Job[None] | None = None) -> Effect:
        """Another attempt at the same call, after one that broke off."""
        effect = effect.under_way(most, self._clock.now())
        await self.pen.commit(Entry(effect=effect, also=also))
        return effect

    def broke_off(self, step: Step, effect: Effect, stage: str, most: Usage) -> Effect:
        """Counts a call that was sent and not answered: nobody knows whether it was paid."""
        self._spending.lose(stage, most, step.round)
        effect = effect.settled()
        self.pen.put(Entry(effect=effect, changes=self._spending.changes()))
        return effect

    async def paid(self, step: Step, effect: Effect, call: Call, answer: bytes) -> Step:
        """Counts a model call at once, whether or not what it said can be used; in one transaction with
        its answer in the journal, from which a step that is begun again has what it has cost."""
        self._spending.pay(call, step.round, is_repeat=effect.tries > 1)
        effect = replace(effect.settled(), answer=answer, done_at=self._clock.now())
        await self._write_paid(Entry(changes=self._spending.changes(), effect=effect))
        step = step.using(call.model, step.used + call.usage)
        self.pen.put(Entry(step=step))
        return step

    async def finish(
        self,
        step: Step,
        result: Result,
        *,
        stage: str | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> Step:
        """``changes``: of the flow's row. All of it is written with the checkpoint after this step: until
        then a crash leaves the step to be done again, from the journal.
        """
        now = self._clock.now()
        step = replace(step, status="completed", output=result.output, detail=result.detail, completed_at=now)
        used: dict[str, Any] = {"duration_ms": round((now - step.started_at).total_seconds() * 1000)}
        if step.attempts:
            used |= {
                "input_tokens": step.input_tokens,
                "output_tokens": step.output_tokens,
                "cost_usd": step.cost_usd,
            }
        data = {"node": step.node, "attempts": step.attempts, **result.show}
        done = self.event("step.completed", step, stage=stage, data=data, at=now, **used)
        timed = [replace(event, at=now) for event in result.events]
        changes = dict(changes or {})
        if self._is_retaken:
            changes["retakes"], self._is_retaken = 0, False
        self.pen.put(Entry(step=step, changes=changes, events=[done, *timed]))
        self._keep(step)
        return step

    async def progress(self, step: Step, stage: str, output_chars: int) -> None:
        """A tick that a database in trouble does not take is left out: the call goes on."""
        event = self.event("step.progressed", step, stage=stage, data={"output_chars": output_chars})
        with contextlib.suppress(StoreUnavailable):
            await self.pen.commit(Entry(events=[event]))

    async def completed(self, n: int, node: str) -> Step | None:
        """Step ``n``, if an earlier run has finished it."""
        step = await self._step(n)
        return step if step is not None and (step.status, step.node) == ("completed", node) else None

    async def output_of(self, n: int) -> Step:
        """An earlier step of this flow, which must be there."""
        step = await self._step(n)
        if step is None or step.status != "completed":
            raise FlowFailed(Reason.STATE, f"Step {n}, on which this one builds, is missing from the store.")
        return step

    def event(
        self,
        type_: str,
        step: Step,
        *,
        stage: str | None = None,
        data: Mapping[str, Any] | None = None,
        at: datetime | None = None,
        **used: Any,
    ) -> Event:
        """``used``: numbers of what it took."""
        return Event(
            type=type_,
            at=at or self._clock.now(),
            round=step.round or None,
            step=step.n,
            stage=stage,
            model=step.model,
            data=data or {},
            **used,
        )

    # Budget -----------------------------------------------------------------------------

    @property
    def seconds_left(self) -> float:
        """Of the budget: this run's time is spent, and that of model calls and finished tests before it."""
        active_s = self._active_before_s + self._clock.monotonic() - self._began
        return self.flow.options.budget.seconds - active_s

    @property
    def left(self) -> Left:
        """Raises FlowFailed when no time is left."""
        if self.seconds_left <= 0:
            raise self.out_of_time()
        budget, used, lost = self.flow.options.budget, self._spending.all, self._spending.broken_off
        return Left(budget.usd - used.cost_usd, budget.tokens - used.tokens, lost)

    def out_of_time(self) -> FlowFailed:
        return FlowFailed(
            Reason.BUDGET,
            f"The budget is used up: all of {self.flow.options.budget.seconds} seconds. "
            "Resume the flow with a larger one.",
        )

    async def _with_calls_of(self, known: Step, step: Step, stage: str) -> Step:
        """What earlier runs of the step have paid for stays counted; the call in which one was when its
        process died has broken off."""
        effects = await self._flows.effects_of(self.flow.id, step.n)
        calls = calls_of(Calls(known.model, known.used, known.detail), effects)
        step = replace(step, detail=calls.detail).using(calls.model, calls.used)
        for effect in effects:
            if effect.is_in_flight:
                self.broke_off(step, effect, stage, effect.most)
        return step

    async def _write_paid(self, entry: Entry) -> None:
        """Until it is written: what was paid for is not dropped because the database pauses. Written twice,
        it is the same."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return await self.pen.commit(entry, is_lazy=True)
            except StoreUnavailable:
                log.warning("paid_answer_waits", flow_id=self.flow.id, exc_info=True)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _step(self, n: int) -> Step | None:
        """As this run has left it, else from the store."""
        if n in self._finished:
            return self._finished[n]
        if n > self._last:
            return None
        if n > self.flow.step:  # this run's own: it may be waiting to be written
            await self.pen.settle()
        step = await self._flows.step(self.flow.id, n)
        if step is not None and step.status == "completed":
            self._keep(step)
        return step

    def _keep(self, step: Step) -> None:
        self._last = max(self._last, step.n)
        if len(step.output or "") <= MAX_KEPT_CHARS:
            self._finished[step.n] = step


def _fresh(n: int, node: str, round_: int, now: datetime) -> Step:
    return Step(
        n=n,
        round=round_,
        node=node,
        model=None,
        status="started",
        output=None,
        detail={},
        attempts=0,
        input_tokens=0,
        output_tokens=0,
        cost_usd=Decimal(0),
        started_at=now,
        completed_at=None,
    )
