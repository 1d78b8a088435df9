"""What a node works with besides the state: LangGraph's typed runtime context."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from cfx_flow.clock import Clock
from cfx_flow.contract.policy import Policy
from cfx_flow.errors import PermissionDenied, UpstreamError
from cfx_flow.flows.budget import afford
from cfx_flow.flows.model import Flow, FlowFailed, Reason, Step, Usage
from cfx_flow.flows.request import targets_of
from cfx_flow.flows.run import Call, FlowRun
from cfx_flow.ledger import CallRecord, RequestLog
from cfx_flow.limits import RateLimiter
from cfx_flow.prompts import Prompts
from cfx_flow.stages.model import Models, StageName, Target
from cfx_flow.workspace.snapshot import Snapshot
from graphs.ask import Answer, Progress, Question, Trace, output_limit


class Asks(Protocol):
    """As ``Asker`` does."""

    async def ask(self, question: Question, on_progress: Progress, trace: Trace) -> Answer: ...
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Tools:
    """Shared by all flows of the process."""

    models: Models
    prompts: Prompts
    policy: Policy
    asker: Asks
    limiter: RateLimiter
    request_log: RequestLog
    clock: Clock


@dataclass(frozen=True)
class Work:
    """One run of one flow."""

    run: FlowRun
    snapshot: Snapshot
    tools: Tools
    patched: dict[int, Mapping[str, str]] = field(default_factory=dict)
    """the changed files as the patch of a check leaves them; of checks of this run"""
    ranking: list[str] = field(default_factory=list)
    """the snapshot's paths, most relevant to the task first; empty until somebody has asked"""

    @property
    def flow(self) -> Flow:
        return self.run.flow

    @property
    def files(self) -> Mapping[str, str]:
        return self.snapshot.texts

    def keep_patched(self, check_step: int, files: Mapping[str, str]) -> None:
        """For REVIEW, which comes next; those of earlier rounds are not asked for again."""
        self.patched.clear()
        self.patched[check_step] = files

    def system(self, name: StageName) -> str:
        prompt = self.tools.models.stages[name].prompt
        return self.tools.prompts.text(prompt) if prompt else ""

    def messages(self, name: StageName, user: str) -> list[BaseMessage]:
        system = self.system(name)
        return [*([SystemMessage(system)] if system else []), HumanMessage(user)]

    def targets(self, name: StageName) -> tuple[Target, ...]:
        """Raises FlowFailed when the chosen model has left the whitelist since the flow was accepted."""
        try:
            return targets_of(self.tools.models, name, self.flow.options.models.get(name))
        except PermissionDenied as error:
            raise FlowFailed(Reason.STATE, error.message) from None

    def room_tokens(self, name: StageName) -> int:
        """What the smallest context window of the stage's targets leaves for a prompt."""
        stage = self.tools.models.stages[name]
        return min(target.context_window - output_limit(stage, target) for target in self.targets(name))

    async def call(
        self,
        step: Step,
        name: StageName,
        messages: Sequence[BaseMessage],
        schema: Mapping[str, Any] | None = None,
    ) -> tuple[Step, Answer]:
        """One model call: admitted by budget and daily limit, journalled, counted, logged. One that was
        answered before a crash comes from the journal and costs nothing.

        Raises FlowFailed (budget, limit_reached, state), UpstreamError.
        """
        question = Question(self.tools.models.stages[name], self.targets(name), messages, schema)
        effect = await self.run.next_call(step, question.fingerprint())
        if effect.answer is not None:
            return step, Answer.from_json(effect.answer)
        question = self._within_budget(question)
        await self._charge()
        effect = await self.run.starts(effect)
        answer = await self._ask(step, name, question)
        self._log(name, answer)
        usage = Usage(1, answer.input_tokens, answer.output_tokens, answer.cost_usd, answer.duration_ms)
        return await self.run.paid(step, effect, Call(name, answer.model, usage), answer.to_json()), answer

    def _within_budget(self, question: Question) -> Question:
        """Only the targets that can be paid, and no more output than can be paid. Raises FlowFailed."""
        limit = partial(output_limit, question.stage)
        allowed = afford(self.run.left, question.targets, question.most_input_tokens(), limit)
        return replace(
            question,
            targets=tuple(each.target for each in allowed),
            max_tokens={each.target.id: each.max_tokens for each in allowed},
        )

    async def _charge(self) -> None:
        limit = self.flow.options.daily_limit
        day = self.tools.clock.now().date()
        allowance = await self.tools.limiter.check_and_increment(self.flow.user_id, day, limit)
        if not allowance.allowed:
            raise FlowFailed(
                Reason.LIMIT_REACHED,
                f"Your daily limit of {allowance.limit} model calls is used up. "
                f"It starts anew at {allowance.reset_at:%Y-%m-%dT%H:%M:%SZ}.",
            )

    async def _ask(self, step: Step, name: StageName, question: Question) -> Answer:
        async def progress(chars: int) -> None:
            await self.run.progress(step, name, chars)

        began, trace = self.tools.clock.monotonic(), Trace(question)
        try:
            async with asyncio.timeout(max(self.run.seconds_left, 0)) as deadline:
                return await self.tools.asker.ask(question, progress, trace)
        except TimeoutError:
            self._log_failure(name, trace, began, "cancelled", "the flow's time budget ran out")
            if deadline.expired():
                raise self.run.out_of_time() from None
            raise
        except UpstreamError as error:
            self._log_failure(name, trace, began, "error", error.message)
            raise
        except asyncio.CancelledError:
            self._log_failure(name, trace, began, "cancelled", None)
            raise

    def _log(self, name: StageName, answer: Answer) -> None:
        self.tools.request_log.record(
            CallRecord(
                **self._who(),
                stage=name,
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

    def _log_failure(
        self, name: StageName, trace: Trace, began: float, status: Any, message: str | None
    ) -> None:
        input_tokens, output_tokens, cost_usd = trace.used()
        self.tools.request_log.record(
            CallRecord(
                **self._who(),
                stage=name,
                model=trace.target.model,
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                estimated=True,
                cost_usd=cost_usd,
                latency_ms=round((self.tools.clock.monotonic() - began) * 1000),
                status=status,
                error_message=message,
            )
        )

    def _who(self) -> dict[str, Any]:
        return {
            "user_id": self.flow.user_id,
            "api_key_id": self.flow.api_key_id,
            "request_id": self.flow.request_id,
            "flow_id": self.flow.id,
            "created_at": self.tools.clock.now(),
        }


def again(messages: Sequence[BaseMessage], answer: str, problem: str) -> list[BaseMessage]:
    """The same question once more, with what was said and exactly what is wrong with it."""
    said = [AIMessage(answer)] if answer.strip() else []  # some providers refuse an empty turn
    return [*messages, *said, HumanMessage(problem)]


def input_of(messages: Sequence[BaseMessage]) -> dict[str, Any]:
    """As ``…/steps/{n}`` shows it."""
    roles = {"human": "user", "ai": "assistant"}
    return {
        "messages": [
            {"role": roles.get(message.type, message.type), "content": str(message.text)}
            for message in messages
        ]
    }
