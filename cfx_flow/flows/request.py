"""What a caller may ask of a flow: strict, bounded, every refusal naming the field.

**Source**: SPEC section 5, the body of ``POST /v1/flows``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from cfx_flow.accounts.bounds import require_flow
from cfx_flow.accounts.principal import Principal
from cfx_flow.errors import InvalidRequest, PermissionDenied
from cfx_flow.flows.model import Budget, FlowOptions
from cfx_flow.stages.model import FlowLimits, Models, Stage, StageName, Target
from cfx_flow.webhooks.hosts import MAX_URL_CHARS

MAX_TASK_BYTES = 100_000
MAX_ROUNDS = 10

Worker = Literal["plan", "code", "review"]
Scalar = str | int | float | bool | None


def _printable(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty: say what is to be changed")
    if "\0" in text:
        raise ValueError("must not contain NUL characters")
    if len(text.encode()) > MAX_TASK_BYTES:
        raise ValueError(f"must not be longer than {MAX_TASK_BYTES} bytes")
    return text


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


R = TypeVar("R", bound=Strict)


class WorkspaceRequest(Strict):
    """Exactly one of the three."""

    files: dict[str, str] | None = Field(None, description="relative path → text")
    snapshot_id: str | None = Field(
        None, pattern="^sha256:[0-9a-f]{64}$", description="from POST /v1/snapshots"
    )
    path: str | None = Field(
        None, min_length=1, max_length=4096, description="a folder of the server, for keys that may"
    )

    @model_validator(mode="after")
    def _one(self) -> WorkspaceRequest:
        if [self.files, self.snapshot_id, self.path].count(None) != 2:
            raise ValueError("needs exactly one of files, snapshot_id and path")
        return self


class BudgetRequest(Strict):
    usd: Annotated[float, Field(gt=0)] | None = None
    tokens: Annotated[int, Field(gt=0)] | None = None
    seconds: Annotated[int, Field(gt=0)] | None = None

    def or_else(self, known: Budget) -> Budget:
        usd = known.usd if self.usd is None else Decimal(str(self.usd))
        return Budget(usd, self.tokens or known.tokens, self.seconds or known.seconds)


class StageRequest(Strict):
    model: str = Field(min_length=1, max_length=200)


class WebhookRequest(Strict):
    url: str = Field(
        min_length=1, max_length=MAX_URL_CHARS, description="https, at a host the operator named"
    )


class FlowRequest(Strict):
    task: Annotated[str, AfterValidator(_printable)]
    workspace: WorkspaceRequest
    max_rounds: int | None = Field(None, ge=1, le=MAX_ROUNDS, description="review rounds")
    approval: Literal["auto", "plan", "patch", "both"] = Field(
        "auto", description="what a person must approve besides the reviewer"
    )
    tests: str | None = Field(
        None, min_length=1, max_length=64, description="a test policy of the server, which patches must pass"
    )
    budget: BudgetRequest = BudgetRequest()
    stages: dict[Worker, StageRequest] = Field(default_factory=dict)
    webhook: WebhookRequest | None = Field(None, description="told of the flow's end")
    metadata: dict[Annotated[str, Field(max_length=64)], Scalar] = Field(default_factory=dict, max_length=16)

    @field_validator("metadata")
    @classmethod
    def _short(cls, values: dict[str, Scalar]) -> dict[str, Scalar]:
        if any(isinstance(value, str) and len(value) > 512 for value in values.values()):
            raise ValueError("must not have values longer than 512 characters")
        if any("\0" in f"{key}{value}" for key, value in values.items()):
            raise ValueError("must not contain NUL characters")
        if any(isinstance(value, int) and abs(value) >= 2**63 for value in values.values()):
            raise ValueError("must not have integers beyond 64 bits")
        return values


def read_request(body: bytes) -> FlowRequest:
    """Raises InvalidRequest."""
    return read_as(FlowRequest, body)


def read_as(kind: type[R], body: bytes) -> R:
    """Raises InvalidRequest. Pydantic's own JSON parser bounds nesting and refuses bad UTF-8."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise _refusal(error.errors(include_url=False, include_input=False)[0]) from None


def _refusal(first: ErrorDetails) -> InvalidRequest:
    param = ".".join(str(part) for part in first["loc"]) or None
    said = first["msg"].removeprefix("Value error, ")
    if first["type"] == "json_invalid":
        return InvalidRequest(f"The body is not JSON that can be read: {said}.")
    if first["type"] == "extra_forbidden":
        said = "is not a field of this request"
    return InvalidRequest(f"{param or 'The body'}: {said}.", param=param)


def options_of(
    request: FlowRequest, models: Models, principal: Principal, policies: Collection[str]
) -> FlowOptions:
    """With the defaults of models.yaml, which are the ceilings of a budget too. ``policies``: of tests.

    Raises InvalidRequest above a ceiling and for tests that nobody has named, PermissionDenied for a model
    off the whitelist.
    """
    chosen: dict[str, str] = {stage: choice.model for stage, choice in request.stages.items()}
    require_models(chosen, models, principal)
    require_policy(request.tests, policies)
    limits = models.flow
    most = Budget(limits.usd, limits.tokens, limits.seconds)
    return FlowOptions(
        max_rounds=request.max_rounds or models.flow.max_rounds,
        max_fixes=models.flow.max_fixes,
        budget=within(request.budget.or_else(most), limits),
        approval=request.approval,
        models=chosen,
        metadata=request.metadata,
        webhook=request.webhook.url if request.webhook else None,
        workspace=request.workspace.path,
        tests=request.tests,
    )


def require_policy(name: str | None, policies: Collection[str]) -> None:
    """Raises InvalidRequest for tests that this server does not know, or knows no longer."""
    if name is not None and name not in policies:
        known = f"Known here: {', '.join(sorted(policies))}" if policies else "This server has none"
        raise InvalidRequest(
            f"tests: there is no test policy {name!r}. {known} (the operator's test_policies.yaml).",
            param="tests",
        )


def require_models(chosen: Mapping[str, str], models: Models, principal: Principal) -> None:
    """``chosen``: by stage. Raises PermissionDenied for what is not on the whitelist, or no longer, or not
    this key's to ask for."""
    for stage, model in chosen.items():
        targets_of(models, StageName(stage), model)
    require_flow(principal, chosen.items(), models)


def targets_of(models: Models, name: StageName, model: str | None) -> tuple[Target, ...]:
    """The stage's own targets, or the one that ``model`` names. Raises PermissionDenied."""
    stage: Stage = models.stages[name]
    if model is None:
        return stage.targets
    if model in models.direct.targets:
        return (models.direct.targets[model],)
    own = tuple(target for target in stage.targets if target.model == model)
    if not own:
        usable = sorted({*models.direct.targets, *(target.model for target in stage.targets)})
        raise PermissionDenied(
            f"The model {model!r} is not on the whitelist. Usable here: {', '.join(usable)}.",
            param=f"stages.{name}.model",
        )
    return own


def within(chosen: Budget, limits: FlowLimits) -> Budget:
    """The same. Raises InvalidRequest above a ceiling."""
    for name in ("usd", "tokens", "seconds"):
        ceiling = getattr(limits, name)
        if getattr(chosen, name) > ceiling:
            raise InvalidRequest(
                f"budget.{name}: this server allows at most {ceiling}.", param=f"budget.{name}"
            )
    return chosen
