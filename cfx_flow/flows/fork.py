"""A new flow that begins in the middle of another: steps up to one are taken over, what comes later runs.

No state is carried over: the new flow's graph begins at its start and finds those steps completed, as
after a crash, so nothing is asked, or paid, again.

**Source**: SPEC section 5, ``POST …/fork``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import structs
from msgspec.structs import replace
from pydantic import Field, field_validator

from cfx_flow.contract.read import MAX_PLAN_CHARS, contract_detail, require_readable
from cfx_flow.errors import InvalidRequest
from cfx_flow.flows.model import Budget, Event, Flow, FlowOptions, Step, StoredInput, Story
from cfx_flow.flows.request import (
    MAX_ROUNDS,
    BudgetRequest,
    StageRequest,
    Strict,
    Worker,
    require_models,
    within,
)
from cfx_flow.flows.submit import Origin, new_flow
from cfx_flow.stages.model import FlowLimits, Models

PLANNING = ("plan", "approve_plan")
"""the nodes whose output is the plan from there on"""

TOLD_AGAIN = frozenset(
    {
        "step.started",
        "step.completed",
        "diff.checked",
        "tests.completed",
        "tests.skipped",
        "review.completed",
    }
)
"""what the new flow's timeline tells of the steps that it took over"""


class ForkRequest(Strict):
    step: int = Field(ge=0, le=2**31 - 1, description="the last step that is taken over; 0: none")
    plan: str | None = Field(None, max_length=MAX_PLAN_CHARS, description="instead of the plan taken over")
    stages: dict[Worker, StageRequest] = Field(default_factory=dict, description="other models from here on")
    budget: BudgetRequest = Field(BudgetRequest(), description="the new flow's own; else as its parent's")
    max_rounds: int | None = Field(None, ge=1, description="in all, those that were taken over included")

    @field_validator("plan")
    @classmethod
    def _a_plan(cls, plan: str | None) -> str | None:
        if plan is not None and (not plan.strip() or "\0" in plan):
            raise ValueError("must not be empty, nor contain NUL characters")
        require_readable(plan)
        return plan


def fork(
    parent: Flow, steps: Sequence[Step], request: ForkRequest, models: Models, origin: Origin
) -> tuple[Flow, Sequence[Step]]:
    """The new flow's row, and the steps that it takes over. ``steps``: all of the parent's, in order.

    Raises InvalidRequest, PermissionDenied.
    """
    kept = _kept(steps, request)
    flow = new_flow(parent.task, parent.snapshot_id, _options(parent, kept, request, models, origin), origin)
    last = kept[-1] if kept else None
    return (
        replace(
            flow,
            parent_id=parent.id,
            parent_step=request.step,
            round=last.round if last else 0,
            step=request.step,
        ),
        kept,
    )


def story_of(
    flow: Flow, kept: Sequence[Step], inputs: Mapping[int, StoredInput], events: Sequence[Event]
) -> Story:
    """``inputs``, ``events``: the parent's."""
    return Story(kept, inputs, list(_told_again(kept, events, flow.created_at)))


def _kept(steps: Sequence[Step], request: ForkRequest) -> Sequence[Step]:
    kept = [_unpaid(step) for step in steps if step.n <= request.step]
    finished = [step.n for step in kept if step.status == "completed"]
    if finished != list(range(1, request.step + 1)):
        last = max((step.n for step in steps if step.status == "completed"), default=0)
        raise InvalidRequest(
            f"step: this flow has no finished step {request.step}. Send a number from 0 to {last}.",
            param="step",
        )
    if request.plan is None:
        return kept
    planned = [step.n for step in kept if step.node in PLANNING]
    if not planned:
        raise InvalidRequest(
            "plan: from this step on PLAN runs anew. Fork from a step after it, or leave the plan out.",
            param="plan",
        )
    return [_with_plan(step, request.plan) if step.n == planned[-1] else step for step in kept]


def _unpaid(step: Step) -> Step:
    """Its parent has paid for it."""
    return structs.replace(step, attempts=0, input_tokens=0, output_tokens=0, cost_usd=Decimal(0))


def _with_plan(step: Step, plan: str) -> Step:
    return structs.replace(step, output=plan, detail={**step.detail, "edited": True, **contract_detail(plan)})


def _options(
    parent: Flow, kept: Sequence[Step], request: ForkRequest, models: Models, origin: Origin
) -> FlowOptions:
    before = parent.options
    chosen: dict[str, str] = {
        **before.models,
        **{stage: choice.model for stage, choice in request.stages.items()},
    }
    require_models(chosen, models, origin.caller)
    return replace(
        before,
        budget=within(request.budget.or_else(_of_a_new_flow(before.budget, models.flow)), models.flow),
        models=chosen,
        max_rounds=_rounds(before.max_rounds, kept, request.max_rounds),
        resumed_steps=tuple(_goes_on_from(before.resumed_steps, kept)),
    )


def _of_a_new_flow(budget: Budget, limits: FlowLimits) -> Budget:
    """A parent that was resumed may have had more than one flow may."""
    return Budget(
        min(budget.usd, limits.usd), min(budget.tokens, limits.tokens), min(budget.seconds, limits.seconds)
    )


def _goes_on_from(resumed: Sequence[int], kept: Sequence[Step]) -> Iterator[int]:
    """As the parent did; and whoever forks from a review that asked for more wants more to be done."""
    yield from (n for n in resumed if n <= len(kept))
    if kept and kept[-1].detail.get("verdict") == "revise" and len(kept) not in resumed:
        yield len(kept)


def _rounds(before: int, kept: Sequence[Step], asked: int | None) -> int:
    run = max((step.round for step in kept), default=0)
    if asked is None:
        return before
    if not max(run, 1) <= asked <= run + MAX_ROUNDS:
        raise InvalidRequest(
            f"max_rounds: {run} rounds are taken over. Send {max(run, 1)} to {run + MAX_ROUNDS}.",
            param="max_rounds",
        )
    return asked


def _told_again(kept: Sequence[Step], events: Sequence[Event], at: datetime) -> Iterator[Event]:
    steps: Mapping[int, Step] = {step.n: step for step in kept}
    for event in events:
        step = steps.get(event.step or 0)
        if step is None or event.type not in TOLD_AGAIN or event.data.get("again"):
            continue
        data = {**event.data, "copied": True}
        if step.detail.get("edited") and "text" in data:
            data |= {"text": step.output, "contract": step.detail["contract"]}
        yield structs.replace(
            event, at=at, data=data, input_tokens=None, output_tokens=None, cost_usd=None, duration_ms=None
        )
