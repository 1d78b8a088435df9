"""One model call of a flow: admitted, journalled, made, counted, logged."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from msgspec.structs import replace

from cfx_flow.clock import Clock
from cfx_flow.contract.policy import Policy
from cfx_flow.errors import BudgetExceeded, UpstreamError
from cfx_flow.flows.budget import afford
from cfx_flow.flows.day import DayOfCalls
from cfx_flow.flows.effects import Effect
from cfx_flow.flows.model import Fenced, FlowFailed, Reason, Step
from cfx_flow.flows.run import FlowRun
from cfx_flow.flows.spending import Call
from cfx_flow.flows.usage import Usage
from cfx_flow.ledger import Budgets, CallRecord, RequestLog
from cfx_flow.prompts import Prompts
from cfx_flow.stages.model import Models, Target
from cfx_flow.store.jobs import Job
from cfx_flow.suites.runs import SuiteRuns
from graphs.ask import Answer, Attempts, Progress, Question, output_limit
from graphs.trace import Trace


class Asks(Protocol):
    """As ``Asker`` does."""

    async def ask(self, question: Question, on_progress: Progress, attempts: Attempts) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Tools:
    """Shared by all flows of the process."""

    models: Models
    prompts: Prompts
    policy: Policy
    asker: Asks
    suites: SuiteRuns
    day: DayOfCalls
    budgets: Budgets
    request_log: RequestLog
    clock: Clock


class ModelCall:
    def __init__(self, run: FlowRun, tools: Tools, step: Step, question: Question) -> None:
        self._run, self._tools, self._step, self._question = run, tools, step, question
        self._stage = question.stage.name
        self._most: dict[str, Usage] = {}
        """by target id, what one attempt can cost; the trace looks here too"""
        self._effect: Effect

    async def make(self) -> tuple[Step, Answer]:
        """One that was answered before a crash comes from the journal and costs nothing.

        Raises FlowFailed (budget, limit_reached, state), UpstreamError.
        """
        self._effect = await self._run.next_call(self._step, self._question.fingerprint())
        if self._effect.answer is not None:
            return self._step, Answer.from_json(self._effect.answer)
        self._admit()
        counted = await self._charge()
        self._effect = await self._run.starts(self._effect, _dearest(self._most), counted)
        answer = await self._ask()
        self._log(answer)
        call = Call(self._stage, answer.model, answer.usage)
        return await self._run.paid(self._step, self._effect, call, answer.to_json()), answer

    def _admit(self) -> None:
        """Only the targets that can be paid, and no more output than can be paid. Raises FlowFailed."""
        input_tokens = self._question.most_input_tokens()
        limit = partial(output_limit, self._question.stage)
        allowed = afford(self._run.left, self._question.targets, input_tokens, limit)
        self._most.update({each.target.id: each.most(input_tokens) for each in allowed})
        self._question = replace(
            self._question,
            targets=tuple(each.target for each in allowed),
            max_tokens={each.target.id: each.max_tokens for each in allowed},
        )

    async def _charge(self) -> Job[None] | None:
        """As ``DayOfCalls.take``. Raises FlowFailed (limit_reached) also when the month is used up."""
        flow = self._run.flow
        try:
            await self._tools.budgets.require(flow.user_id)
        except BudgetExceeded as error:
            raise FlowFailed(Reason.LIMIT_REACHED, error.message) from None
        return await self._tools.day.take(flow.user_id, flow.api_key_id)

    async def _ask(self) -> Answer:
        trace = Trace(self._question, self._most, self._tools.clock, self._before_again)
        try:
            async with asyncio.timeout(max(self._run.seconds_left, 0)) as deadline:
                return await self._tools.asker.ask(self._question, self._progress, trace)
        except TimeoutError:
            self._failed(trace, "cancelled", "the flow's time budget ran out")
            if deadline.expired():
                raise self._run.out_of_time() from None
            raise
        except UpstreamError as error:
            self._failed(trace, "error", error.message)
            raise
        except FlowFailed as failure:  # the budget does not reach for another attempt
            self._log_failure(trace, "error", failure.message)
            raise
        except (Fenced, asyncio.CancelledError):
            self._log_failure(trace, "cancelled", None)
            raise

    async def _progress(self, chars: int) -> None:
        await self._run.progress(self._step, self._stage, chars)

    async def _before_again(self, target: Target, lost: Usage | None) -> Question:
        """An attempt that broke off may have been paid; what is left then must do for the next ones."""
        if lost is not None:
            self._lose(lost)
        self._question = replace(self._question, targets=(target,))
        self._admit()
        self._effect = await self._run.tries_again(self._effect, self._most[target.id])
        return self._question

    def _failed(self, trace: Trace, status: Any, message: str | None) -> None:
        if (lost := trace.broken_off()) is not None:
            self._lose(lost)
        self._log_failure(trace, status, message)

    def _lose(self, lost: Usage) -> None:
        self._effect = self._run.broke_off(self._step, self._effect, self._stage, lost)

    def _log(self, answer: Answer) -> None:
        self._tools.request_log.record(
            CallRecord(
                **self._who(),
                stage=self._stage,
                model=answer.model,
                input_tokens=answer.input_tokens,
                output_tokens=answer.output_tokens,
                estimated=answer.estimated,
                cost_usd=answer.cost_usd,
                latency_ms=answer.duration_ms,
                ttft_ms=answer.ttft_ms,
                status="success",
            )
        )

    def _log_failure(self, trace: Trace, status: Any, message: str | None) -> None:
        input_tokens, output_tokens, cost_usd = trace.heard()
        self._tools.request_log.record(
            CallRecord(
                **self._who(),
                stage=self._stage,
                model=trace.target.model,
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                estimated=True,
                cost_usd=cost_usd,
                latency_ms=trace.took_ms,
                status=status,
                error_message=message,
            )
        )

    def _who(self) -> dict[str, Any]:
        flow = self._run.flow
        return {
            "user_id": flow.user_id,
            "api_key_id": flow.api_key_id,
            "request_id": flow.request_id,
            "flow_id": flow.id,
            "created_at": self._tools.clock.now(),
        }


def _dearest(most: Mapping[str, Usage]) -> Usage:
    """What the call can cost, whichever target answers."""
    one = next(iter(most.values()))
    return replace(
        one,
        output_tokens=max([each.output_tokens for each in most.values()]),
        cost_usd=max([each.cost_usd for each in most.values()]),
    )
