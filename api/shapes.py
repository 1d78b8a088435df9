"""What the answers of flows, snapshots and lists of models look like: for the OpenAPI document alone.

Those routes make their JSON themselves, so FastAPI cannot know its shape. tests/e2e/test_shapes.py holds what
they answer to what is said here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from cfx_flow.contract.model import Contract
from cfx_flow.flows.model import FlowStatus, Gate, Reason


class Accepted(BaseModel):
    id: str
    status: FlowStatus
    links: dict[str, str]


class BrokenOff(BaseModel):
    calls: int
    tokens: int
    cost_usd: float


class StageShare(BaseModel):
    model: str | None = Field(description="The one that answered last")
    calls: int
    input_tokens: int
    cached_tokens: int = Field(description="Of the input, found in the provider's cache of prompts")
    output_tokens: int
    cost_usd: float
    duration_ms: int
    maybe_paid_twice: int = Field(description="Calls that were in flight when a process died")
    broken_off: BrokenOff = Field(
        description="Calls that were never answered, at the most they can have cost"
    )


class Round(BaseModel):
    round: int = Field(description="0 is planning")
    stages: dict[str, StageShare]
    total_tokens: int
    cost_usd: float


class Tokens(BaseModel):
    input_tokens: int
    output_tokens: int
    total_tokens: int


class Budget(BaseModel):
    usd: float
    tokens: int
    seconds: int


class Webhook(BaseModel):
    url: str
    state: str = Field(description="waiting, pending, delivered or failed")
    tries: int
    last_status: int | None
    last_error: str | None
    next_try_at: datetime | None


class Parent(BaseModel):
    id: str
    step: int
    link: str


class Timings(BaseModel):
    queued_s: float | None
    elapsed_s: float | None
    model_s: float


class Flow(BaseModel):
    id: str
    status: FlowStatus
    reason: Reason | None
    message: str | None = Field(description="The reason in a sentence, or what a person is asked")
    task: str
    round: int
    max_rounds: int
    version: int = Field(description="For `decision`: that of the flow that was looked at")
    last_seq: int = Field(description="Of its newest event")
    approval: Literal["auto", "plan", "patch", "both"]
    tests: str | None = Field(description="the test policy that it was asked for")
    gate: Gate | None = Field(description="Where it waits, while `requires_action`")
    step: int
    stages: dict[str, StageShare]
    rounds: list[Round]
    usage: Tokens
    cost_usd: float
    budget: Budget
    metadata: dict[str, Any]
    webhook: Webhook | None
    snapshot_id: str
    workspace: str | None = Field(description="The folder on the server that it was read from")
    approval_hash: str | None
    forked_from: Parent | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    timings: Timings
    links: dict[str, str]


class FlowPage(BaseModel):
    data: list[Flow]
    next_cursor: str | None
    searched_to: datetime | None = Field(
        description="Of a search: what is older than this has not been looked at yet; `next_cursor` does"
    )


class FlowEvent(BaseModel):
    seq: int
    type: str = Field(description="`flow.started`, `step.completed`, `diff.checked`, …")
    at: datetime
    round: int | None
    step: int | None
    stage: str | None
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    duration_ms: int | None
    data: dict[str, Any]


class EventPage(BaseModel):
    data: list[FlowEvent]
    last_seq: int


class Plan(BaseModel):
    plan: str | None = Field(description="Markdown")
    contract: Contract | None
    contract_problem: str | None
    approved_by_person: bool
    step: int


class Step(BaseModel):
    n: int
    round: int | None
    node: str
    model: str | None
    status: Literal["started", "completed", "failed", "cancelled"]
    input: dict[str, Any]
    output: str | None
    detail: dict[str, Any]
    repairs: list[dict[str, Any]]
    attempts: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    started_at: datetime
    completed_at: datetime | None


class TestsBefore(BaseModel):
    status: Literal["passed", "failed"]
    failed: int | None


class Tests(BaseModel):
    """All but `status` is left out where it is `not_run`, which has a `reason` instead."""

    status: Literal["not_run", "passed", "failed", "failed_before", "skipped"]
    reason: str | None = None
    step: int | None = None
    round: int | None = None
    policy: str | None = None
    message: str | None = None
    sandbox: str | None = Field(None, description="what they ran in")
    exit_code: int | None = None
    timed_out: bool | None = None
    duration_ms: int | None = None
    passed: int | None = Field(None, description="counts are null where the policy names no report")
    failed: int | None = None
    skipped: int | None = None
    failures: list[str] | None = Field(None, description="names, 50 at most")
    new_failures: list[str] | None = Field(None, description="those that do not fail without the patch")
    before: TestsBefore | None = Field(None, description="the same tests without the patch")
    output: str | None = Field(None, description="what the commands printed")


class Applied(BaseModel):
    id: str
    written: list[str]
    carried: list[str] = Field(description="Files whose edits of your own were kept")
    commit: str | None
    branch: str | None
    trees: list[str] | None
    notes: list[str]


class SnapshotMade(BaseModel):
    id: str
    file_count: int
    total_bytes: int


class WebhookSecret(BaseModel):
    secret: str


class Model(BaseModel):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelList(BaseModel):
    object: Literal["list"]
    data: list[Model]


class ModelInfo(BaseModel):
    """**Source**: LiteLLM's; per token, not per million."""

    model_config = ConfigDict(protected_namespaces=())

    id: str
    mode: str
    max_tokens: int | None
    max_input_tokens: int
    max_output_tokens: int | None
    input_cost_per_token: float
    output_cost_per_token: float
    cache_read_input_token_cost: float
    supports_function_calling: bool
    supports_vision: bool
    supports_prompt_caching: bool
    supports_response_schema: bool


class NamedModelInfo(BaseModel):
    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    litellm_params: dict[str, str]
    model_info: ModelInfo


class ModelInfoList(BaseModel):
    data: list[NamedModelInfo]


_FLOW = "/v1/flows/{flow_id}"
ANSWERS: Mapping[str, type[BaseModel]] = MappingProxyType(
    {
        "post /v1/flows": Accepted,
        "get /v1/flows": FlowPage,
        "get /v1/flows/events": EventPage,
        f"get {_FLOW}": Flow,
        f"get {_FLOW}/events": EventPage,
        f"get {_FLOW}/plan": Plan,
        f"get {_FLOW}/steps/{{n}}": Step,
        f"get {_FLOW}/tests": Tests,
        f"post {_FLOW}/decision": Flow,
        f"post {_FLOW}/resume": Accepted,
        f"post {_FLOW}/fork": Accepted,
        f"post {_FLOW}/cancel": Flow,
        f"post {_FLOW}/apply": Applied,
        f"post {_FLOW}/rollback": Applied,
        "post /v1/snapshots": SnapshotMade,
        "get /v1/webhook-secret": WebhookSecret,
        "get /v1/models": ModelList,
        "get /v1/models/{model_id}": Model,
        "get /v1/model/info": ModelInfoList,
    }
)
"""method and path → what its 2xx holds as JSON"""
PLAIN: Mapping[str, str] = MappingProxyType(
    {
        f"get {_FLOW}/plan": "text/markdown",
        f"get {_FLOW}/report": "text/markdown",
        f"get {_FLOW}/diff": "text/x-diff",
    }
)
"""where the answer is, or may be, a text"""
EVENTS = frozenset({"get /v1/flows/events", f"get {_FLOW}/events"})
"""who takes ``text/event-stream`` is sent events as they come"""
MAY_WAIT = frozenset({"post /v1/flows", f"post {_FLOW}/fork"})
"""a 202, unless the caller would rather wait or watch"""


def document_answers(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Puts the shapes in; yields the schemas that they refer to, by name."""
    for name, operation in _operations(document):
        shape, text = ANSWERS.get(name), PLAIN.get(name)
        content = {text: {"schema": {"type": "string"}}} if text else {}
        if shape is not None:
            content["application/json"] = {"schema": {"$ref": f"#/components/schemas/{shape.__name__}"}}
            yield shape.__name__, shape.model_json_schema(mode="serialization")
        if name in EVENTS:
            content["text/event-stream"] = {}
        if content:
            _answer_of(operation)["content"] = content
        if name in MAY_WAIT:
            operation["responses"]["200"] = _waited()
        if name == f"get {_FLOW}/events":
            operation["responses"]["204"] = {"description": "As a stream: nothing is left to come"}


def _waited() -> dict[str, Any]:
    return {
        "description": "With `Prefer: wait=N` the flow, once it has ended or waits for a person; with"
        " `Accept: text/event-stream` its events",
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Flow"}},
            "text/event-stream": {},
        },
    }


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def _answer_of(operation: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(
        answer for status, answer in operation["responses"].items() if status.startswith("2")
    )
    return found
