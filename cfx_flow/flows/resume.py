"""Going on with a flow that has ended: which may, and with what budget and how many rounds.

**Source**: SPEC section 5: every failed flow except ``state``, and those rejected by ``max_rounds``
or ``no_progress``. Beside them what was stopped when its owner's account was disabled.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace
from pydantic import Field, field_validator

from cfx_flow.errors import Conflict, InvalidRequest, PermissionDenied
from cfx_flow.flows.decision import MAX_COMMENT_CHARS
from cfx_flow.flows.model import Budget, Flow, FlowOptions, FlowStatus, Outcome, Reason
from cfx_flow.flows.request import MAX_ROUNDS, BudgetRequest, Strict, targets_of
from cfx_flow.stages.model import FlowLimits, Models, StageName


class ResumeRequest(Strict):
    budget: BudgetRequest = Field(BudgetRequest(), description="the flow's whole budget from now on")
    max_rounds: int | None = Field(None, ge=2, description="in all, those that were run included")
    comment: str | None = Field(
        None, max_length=MAX_COMMENT_CHARS, description="what CODE should know when it goes on"
    )

    @field_validator("comment")
    @classmethod
    def _storable(cls, comment: str | None) -> str | None:
        if comment is not None and (not comment.strip() or "\0" in comment):
            raise ValueError("must not be empty, nor contain NUL characters")
        return comment


def may_resume(outcome: Outcome) -> bool:
    """Whether its checkpoints are worth keeping."""
    if outcome.reason is Reason.DISABLED:
        return True
    if outcome.status is FlowStatus.FAILED:
        return outcome.reason is not Reason.STATE
    return outcome.status is FlowStatus.REJECTED and outcome.reason in (
        Reason.MAX_ROUNDS,
        Reason.NO_PROGRESS,
    )


def resumed_options(
    flow: Flow, request: ResumeRequest, limits: FlowLimits, *, seconds_of_tests: float
) -> FlowOptions:
    """Raises Conflict for a flow that cannot go on, InvalidRequest for wishes that would end it at once."""
    reason = Reason(flow.reason) if flow.reason else None
    if not may_resume(Outcome(flow.status, reason, "")):
        ended = f"{flow.status.value} ({reason.value})" if reason else flow.status.value
        raise Conflict(
            f"This flow is {ended}. What can be resumed is a failed flow whose state can be read, or one "
            "rejected by max_rounds or no_progress. Start a new flow instead."
        )
    budget = _budget(flow, request.budget, limits, seconds_of_tests)
    if reason is Reason.BUDGET and budget == flow.options.budget:
        raise InvalidRequest(f"budget: send a larger one. {flow.message}", param="budget")
    rejected = (flow.step,) if flow.status is FlowStatus.REJECTED else ()
    return replace(
        flow.options,
        budget=budget,
        max_rounds=_rounds(flow, reason, request.max_rounds),
        resumed_steps=(*flow.options.resumed_steps, *rejected),
        comment=request.comment or flow.options.comment,
    )


def require_its_models(options: FlowOptions, models: Models) -> None:
    """Raises Conflict where the operator has taken one away, or named it otherwise."""
    for stage, model in options.models.items():
        try:
            targets_of(models, StageName(stage), model)
        except PermissionDenied as gone:
            raise Conflict(f"{gone.message} {model_gone(stage)}") from None


def model_gone(stage: str) -> str:
    """How a flow goes on whose model is not on the whitelist any more."""
    return f"Fork the flow with another model for {stage}, or resume it when this one is back."


def _budget(flow: Flow, asked: BudgetRequest, limits: FlowLimits, seconds_of_tests: float) -> Budget:
    """What is spent stays spent; each resume may add as much as a new flow may have."""
    before, spent = flow.options.budget, flow.spent + flow.broken_off
    usd = before.usd if asked.usd is None else Decimal(str(asked.usd))
    chosen = Budget(usd, asked.tokens or before.tokens, asked.seconds or before.seconds)
    tokens = Decimal(spent.tokens)
    seconds = (Decimal(spent.duration_ms) + round(seconds_of_tests * 1000)) / 1000
    for name, value, gone, ceiling in (
        ("usd", chosen.usd, spent.cost_usd, limits.usd),
        ("tokens", chosen.tokens, tokens, limits.tokens),
        ("seconds", chosen.seconds, seconds, limits.seconds),
    ):
        if value <= gone:
            raise InvalidRequest(
                f"budget.{name}: {gone:f} of {value} are spent. Send a larger one.", param=f"budget.{name}"
            )
        if value > gone + ceiling:
            raise InvalidRequest(
                f"budget.{name}: {gone:f} are spent, and this server allows at most {ceiling} more.",
                param=f"budget.{name}",
            )
    return chosen


def _rounds(flow: Flow, reason: Reason | None, asked: int | None) -> int:
    before = flow.max_rounds
    if reason is Reason.NO_PROGRESS and (asked is None or before <= asked <= before + MAX_ROUNDS):
        return asked or before
    if reason is not Reason.MAX_ROUNDS:
        if asked not in (None, before):
            raise InvalidRequest(
                "max_rounds: only a flow that was rejected takes more rounds, and ten at most. Leave it out.",
                param="max_rounds",
            )
        return before
    if asked is None or not before < asked <= before + MAX_ROUNDS:
        raise InvalidRequest(
            f"max_rounds: all {before} rounds are used up. Send a number from {before + 1} to "
            f"{before + MAX_ROUNDS}.",
            param="max_rounds",
        )
    return asked
