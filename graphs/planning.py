"""A plan that can be worked with: whole, and ending in its contract. Each fault is asked about once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage

from cfx_flow.contract.model import contract_of
from cfx_flow.contract.read import contract_detail
from cfx_flow.flows.model import FlowFailed, Reason, Step
from cfx_flow.stages.model import StageName
from graphs.ask import Answer
from graphs.fences import block, clipped, fence_for
from graphs.work import Work

PLAN = StageName.PLAN
MAX_PLAN_CHARS = 60_000
"""CODE and REVIEW read it in every round"""


@dataclass(frozen=True, slots=True)
class Planned:
    step: Step
    text: str
    detail: Mapping[str, Any]


async def draw_up(work: Work, step: Step, messages: Sequence[BaseMessage]) -> Planned:
    """At most four calls. Raises FlowFailed (plan_unreadable)."""
    step, answer = await work.call(step, PLAN, messages)
    if fault := _fault(answer):
        why = f"The plan of {answer.model} {fault}, and could not be asked for again."
        asked = _asked_again(work, messages, answer, fault)
        step, answer = await work.call_again(step, PLAN, asked, why)
        if fault := _fault(answer):
            raise FlowFailed(
                Reason.PLAN_UNREADABLE, f"{answer.model} gave no usable plan, twice: the last one {fault}."
            )
    text = answer.text
    detail: Mapping[str, Any] = contract_detail(text)
    if detail["contract"] is None:
        step, text, detail = await _with_contract(work, step, messages, answer, detail)
    return Planned(step, text, {"finish_reason": answer.finish_reason, **detail})


async def _with_contract(
    work: Work, step: Step, messages: Sequence[BaseMessage], answer: Answer, detail: Mapping[str, Any]
) -> tuple[Step, str, Mapping[str, Any]]:
    """The plan with the block that it lacked; without one, if that is not given then either."""
    asked = _asked(work, "flow/no_contract.md", str(detail["contract_problem"]))
    step, block_ = await work.call(step, PLAN, work.again(PLAN, messages, answer.text, asked))
    second = contract_detail(block_.text) if _fault(block_) is None else detail
    if second["contract"] is None:
        return step, answer.text, detail
    text = f"{answer.text.rstrip()}\n\n{contract_of(second['contract']).block()}\n"
    return step, text, second


def _asked_again(
    work: Work, messages: Sequence[BaseMessage], answer: Answer, fault: str
) -> list[BaseMessage]:
    asked = _asked(work, "flow/plan_again.md", fault)
    return work.again(PLAN, messages, clipped(answer.text, MAX_PLAN_CHARS // 10), asked)


def _asked(work: Work, prompt: str, problem: str) -> str:
    """What a problem says may be a model's words."""
    fence = fence_for(work.flow.id, [problem])
    return work.tools.prompts.render(prompt, fence=fence, problem=block(fence, "what is wrong", problem))


def _fault(answer: Answer) -> str | None:
    """Why it cannot be a plan; whether it has a contract is another question."""
    if answer.refused:
        return "is a refusal of the model, or of its provider's content filter"
    if not answer.text.strip():
        return "is empty"
    if answer.finish_reason == "length":
        return "reached the model's output limit and breaks off: it must be shorter"
    if len(answer.text) > MAX_PLAN_CHARS:
        return f"is longer than {MAX_PLAN_CHARS} characters: it must be shorter"
    return None
