"""A plan that can be worked with: whole, and ending in its contract. Each fault is asked about once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage

from cfx_flow.answers import without_thinking
from cfx_flow.contract.model import contract_of
from cfx_flow.contract.read import contract_detail, without_blocks
from cfx_flow.flows.model import FlowFailed, Reason, Step
from cfx_flow.stages.model import StageName
from graphs.ask import Answer
from graphs.fences import block, clipped, fence_for
from graphs.work import Work

PLAN = StageName.PLAN
NO_FILE = "the contract names no file, so that any change would break it"
MAX_ALIKE = 5
MAX_PLAN_CHARS = 60_000
"""CODE and REVIEW read it in every round"""


@dataclass(frozen=True, slots=True)
class Planned:
    step: Step
    text: str
    detail: Mapping[str, Any]


async def draw_up(work: Work, step: Step, messages: Sequence[BaseMessage]) -> Planned:
    """At most three calls. Raises FlowFailed (plan_unreadable)."""
    step, answer = await work.call(step, PLAN, messages)
    if fault := _fault(answer):
        why = f"The plan of {answer.model} {fault}, and could not be asked for again."
        again = _asked_again(work, messages, answer, fault)
        step, answer = await work.call_again(step, PLAN, again, why)
        if fault := _fault(answer):
            raise FlowFailed(
                Reason.PLAN_UNREADABLE, f"{answer.model} gave no usable plan, twice: the last one {fault}."
            )
    text = without_thinking(answer.text)
    detail: Mapping[str, Any] = contract_detail(text)
    if problem := await _problem(work, detail):
        asked = _asked(work, "flow/no_contract.md", problem)
        step, block_ = await work.call(step, PLAN, work.again(PLAN, messages, text, asked))
        text, detail = _with_contract(text, detail, block_)
    return Planned(step, text, {"finish_reason": answer.finish_reason, **detail})


def _with_contract(text: str, detail: Mapping[str, Any], answer: Answer) -> tuple[str, Mapping[str, Any]]:
    """The plan with the block that it lacked; without one, if that is not given then either. Raises
    FlowFailed (plan_unreadable) where nothing may be changed, twice."""
    second = contract_detail(without_thinking(answer.text)) if _fault(answer) is None else detail
    if second["contract"] is None:
        second = detail
    if second["contract"] is None:
        return text, detail
    if not second["contract"]["files"]:
        raise FlowFailed(Reason.PLAN_UNREADABLE, f"{answer.model} plans no change, twice: {NO_FILE}.")
    return f"{without_blocks(text)}\n\n{contract_of(second['contract']).block()}\n", second


async def _problem(work: Work, detail: Mapping[str, Any]) -> str | None:
    """Why no patch could be held to the plan's contract."""
    contract = detail["contract"]
    if contract is None:
        return str(detail["contract_problem"])
    if not contract["files"]:
        return NO_FILE
    async with work.opened() as snapshot:
        return _misnamed(contract["files"], snapshot.files)


def _misnamed(planned: Sequence[Mapping[str, Any]], files: Collection[str]) -> str | None:
    """A file that is not there, where there is another of its name: CODE, which sees that one, could not
    change it."""
    missing = [file for file in planned if file["operation"] != "create" and file["path"] not in files]
    by_name: dict[str, list[str]] = {_name(file["path"]): [] for file in missing}
    for path in files if missing else ():
        if (name := _name(path)) in by_name:
            by_name[name].append(path)
    for file in missing:
        if alike := by_name[_name(file["path"])][:MAX_ALIKE]:
            said = f"it says to {file['operation']} {file['path']}, and there is no such file"
            return f"{said}; there is {', '.join(alike)}"
    return None


def _name(path: str) -> str:
    return path.rpartition("/")[2]


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
    if not without_thinking(answer.text).strip():
        return "is empty"
    if answer.finish_reason == "length":
        return "reached the model's output limit and breaks off: it must be shorter"
    if len(answer.text) > MAX_PLAN_CHARS:
        return f"is longer than {MAX_PLAN_CHARS} characters: it must be shorter"
    return None
