"""What a person says at a gate: approve, reject, or once more with this changed.

**Source**: SPEC section 5, ``POST …/decision``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from cfx_flow.contract.read import MAX_PLAN_CHARS, require_readable
from cfx_flow.errors import Conflict, VersionConflict
from cfx_flow.flows.model import Flow, FlowStatus, Gate
from cfx_flow.flows.request import Strict

MAX_COMMENT_CHARS = 20_000


class Decision(Strict):
    """Also as it is kept in the flow's row until the graph has taken it."""

    gate: Annotated[Gate, Field(strict=False)]
    decision: Literal["approve", "reject", "revise"]
    comment: str | None = Field(None, max_length=MAX_COMMENT_CHARS, description="needed to revise")
    plan: str | None = Field(None, max_length=MAX_PLAN_CHARS, description="the plan to carry out instead")

    @field_validator("plan")
    @classmethod
    def _readable(cls, plan: str | None) -> str | None:
        require_readable(plan)
        return plan

    @model_validator(mode="after")
    def _makes_sense(self) -> Decision:
        if self.decision == "revise" and not (self.comment or "").strip():
            raise ValueError("comment: say what is to be changed")
        if self.plan is not None and (self.gate is not Gate.PLAN or self.decision != "approve"):
            raise ValueError("plan: an edited plan goes with approving the plan")
        if self.plan is not None and not self.plan.strip():
            raise ValueError("plan: must not be empty")
        if "\0" in f"{self.comment}{self.plan}":
            raise ValueError("must not contain NUL characters")
        return self


class DecisionRequest(Decision):
    version: int = Field(ge=1, description="the flow's version that was looked at")

    @property
    def said(self) -> Decision:
        return Decision.model_validate(self.model_dump(exclude={"version"}))


def must_be_awaited(flow: Flow, asked: DecisionRequest) -> None:
    """Raises Conflict, VersionConflict."""
    if flow.status is not FlowStatus.REQUIRES_ACTION:
        raise Conflict(f"This flow waits for no decision: it is {flow.status.value}.")
    if asked.version != flow.version:
        raise VersionConflict(
            f"version: you looked at version {asked.version}, the flow is at version {flow.version}. "
            "Look again, then decide.",
            param="version",
        )
    if flow.gate != asked.gate:
        raise Conflict(f"gate: the flow waits for a decision about the {flow.gate}.", param="gate")
