"""A flow, its steps and its events, as the rows say them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec
from msgspec.structs import replace

from cfx_flow.flows.usage import StageUsage, Usage


class FlowStatus(StrEnum):
    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    REQUIRES_ACTION = "requires_action"
    APPROVED = "approved"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self not in UNFINISHED


UNFINISHED = frozenset({FlowStatus.QUEUED, FlowStatus.IN_PROGRESS, FlowStatus.REQUIRES_ACTION})


class Reason(StrEnum):
    """Why a flow ended as it did; an approved one needs none."""

    REVIEW = "review"
    PERSON = "person"
    MAX_ROUNDS = "max_rounds"
    NO_PROGRESS = "no_progress"
    POLICY = "policy"
    BUDGET = "budget"
    LIMIT_REACHED = "limit_reached"
    UPSTREAM = "upstream"
    REVIEW_UNREADABLE = "review_unreadable"
    PLAN_UNREADABLE = "plan_unreadable"
    STATE = "state"
    INTERNAL = "internal"
    CRASHED = "crashed"
    USER = "user"
    DISABLED = "disabled"
    """its owner's account"""


class Gate(StrEnum):
    """Where a flow may wait for a person."""

    PLAN = "plan"
    PATCH = "patch"


@dataclass(frozen=True, slots=True)
class Waits:
    """A flow that goes on when a person has decided. ``message`` tells them what it is about."""

    gate: Gate
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a flow ends. ``message`` is the reason in a sentence for people."""

    status: FlowStatus
    reason: Reason | None
    message: str
    approval_hash: str | None = None
    """of an approved one: what the approval is bound to"""


class FlowFailed(Exception):
    """Raised inside a step: the flow cannot go on, and ``reason`` says why."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    @property
    def outcome(self) -> Outcome:
        return Outcome(FlowStatus.FAILED, self.reason, self.message)


class Fenced(Exception):
    """This runner's epoch is over: the flow was cancelled, or another runner took it. Write nothing more."""


class Budget(msgspec.Struct, frozen=True):
    usd: Decimal
    tokens: int
    seconds: int


class FlowOptions(msgspec.Struct, frozen=True):
    """What the request asked for, with the defaults filled in."""

    max_rounds: int
    max_fixes: int
    budget: Budget
    approval: str = "auto"
    """who approves besides the reviewer: ``auto`` nobody, ``plan``, ``patch`` or ``both`` a person"""
    models: Mapping[str, str] = msgspec.field(default_factory=dict)
    """stage → whitelisted model that replaces the stage's own targets"""
    metadata: Mapping[str, Any] = msgspec.field(default_factory=dict)
    webhook: str | None = None
    """the address that is told of its end"""
    workspace: str | None = None
    """the folder on the server that it was read from, and may be applied to"""
    resumed_steps: tuple[int, ...] = ()
    """the last steps before each rejection from which a person has let it go on"""
    comment: str | None = None
    """what they said to CODE when they did, the last time"""
    tests: str | None = None
    """the name of the test policy that every patch must pass before it is reviewed"""

    def to_json(self) -> dict[str, Any]:
        return {
            "max_rounds": self.max_rounds,
            "max_fixes": self.max_fixes,
            "budget": {
                "usd": str(self.budget.usd),
                "tokens": self.budget.tokens,
                "seconds": self.budget.seconds,
            },
            "approval": self.approval,
            "models": dict(self.models),
            "metadata": dict(self.metadata),
            "webhook": self.webhook,
            "workspace": self.workspace,
            "resumed_steps": list(self.resumed_steps),
            "comment": self.comment,
            "tests": self.tests,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> FlowOptions:
        budget = stored["budget"]
        return cls(
            max_rounds=stored["max_rounds"],
            max_fixes=stored["max_fixes"],
            budget=Budget(Decimal(budget["usd"]), budget["tokens"], budget["seconds"]),
            approval=stored.get("approval", "auto"),
            models=stored["models"],
            metadata=stored["metadata"],
            webhook=stored.get("webhook"),
            workspace=stored.get("workspace"),
            resumed_steps=tuple(stored.get("resumed_steps", ())),
            comment=stored.get("comment"),
            tests=stored.get("tests"),
        )


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of ``flows``."""

    id: str
    user_id: str
    api_key_id: str | None
    request_id: str
    status: FlowStatus
    reason: str | None
    message: str | None
    task: str
    snapshot_id: str
    options: FlowOptions
    parent_id: str | None
    """the flow that it was forked from"""
    parent_step: int | None
    """the last step that was taken over; 0: none"""
    gate: str | None
    """what it waits for, while ``requires_action``"""
    decision: Mapping[str, Any] | None
    """what a person has said, until the graph has taken it"""
    epoch: int
    retakes: int
    """how often it was taken up again since it last came to the end of a step"""
    version: int
    last_seq: int
    round: int
    step: int
    stages: Mapping[str, StageUsage]
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    approval_hash: str | None = None
    """of an approved one: what the approval is bound to"""

    @property
    def max_rounds(self) -> int:
        """Those that were asked for; a person who has sent the patch of the last one back has added one."""
        return max(self.options.max_rounds, self.round)

    @property
    def spent(self) -> Usage:
        """Over all stages; ``duration_ms`` is time spent on model calls."""
        return sum((stage.usage for stage in self.stages.values()), Usage())

    @property
    def broken_off(self) -> Usage:
        """Over all stages, what may have been paid besides."""
        return sum((stage.broken_off for stage in self.stages.values()), Usage())


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One row of ``flow_steps``: what came out of a node, and what it took. What went in may be big: see
    ``StoredInput``."""

    n: int
    round: int
    node: str
    model: str | None
    status: str
    """``started``, ``completed``, ``failed`` or ``cancelled``"""
    output: str | None
    detail: Mapping[str, Any]
    attempts: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal
    started_at: datetime
    completed_at: datetime | None

    @property
    def used(self) -> Usage:
        return Usage(self.attempts, self.input_tokens, self.output_tokens, self.cost_usd)

    def using(self, model: str | None, used: Usage) -> Step:
        return replace(
            self,
            model=model,
            attempts=used.calls,
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            cost_usd=used.cost_usd,
        )


class StoredInput(msgspec.Struct, frozen=True):
    """What went into a step, as it is stored; see ``inputs``."""

    in_row: Any
    """in the step's own row; None: it has another"""
    body: bytes | None = None
    """of that one"""
    begins_as: int | None = None
    """a step of the flow whose input has the same ``same_bytes`` first, which ``body`` leaves out"""
    same_bytes: int = 0


NO_INPUT = StoredInput({})

ENDS_OF_STREAMS = frozenset({"flow.completed", "patch.applied", "patch.rolled_back"})


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the timeline; ``type`` is in the past tense after the dot. None: it means nothing here."""

    seq: int = 0
    """given by the store"""
    type: str
    at: datetime
    round: int | None = None
    step: int | None = None
    stage: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: Decimal | None = None
    duration_ms: int | None = None
    data: Mapping[str, Any] = msgspec.field(default_factory=dict)

    @property
    def ends_the_stream(self) -> bool:
        """Nothing follows by itself: the flow has ended, or a person did something with what it has made."""
        return self.type in ENDS_OF_STREAMS

    def body(self) -> dict[str, Any]:
        """All but seq, type and time, as stored and as sent."""
        return {
            "round": self.round,
            "step": self.step,
            "stage": self.stage,
            "model": self.model,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost_usd": None if self.cost_usd is None else float(self.cost_usd),
            "duration_ms": self.duration_ms,
            "data": dict(self.data),
        }


@dataclass(frozen=True, slots=True)
class Story:
    """What a forked flow brings along when it begins."""

    steps: Sequence[Step] = ()
    inputs: Mapping[int, StoredInput] = field(default_factory=dict)
    """by the steps' numbers"""
    events: Sequence[Event] = ()


def iso(moment: datetime | None) -> str | None:
    """``2026-01-31T12:00:00.000Z``, as the API shows every time."""
    return None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
