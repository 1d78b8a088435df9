"""The form of models.yaml, section by section. Nothing may be there that is not named here."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal, LiteralString

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from cfx_flow.stages.model import StageName
from cfx_flow.yaml_source import Section


def _decimal(value: Any) -> Any:
    """``0.27`` in the file is 0.27 USD, not the nearest binary fraction."""
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _number(value: Any) -> Any:
    return float(value) if type(value) is int else value


Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Usd = Annotated[Decimal, BeforeValidator(_decimal), Field(ge=0, allow_inf_nan=False)]
Tokens = Annotated[int, Field(ge=1, le=100_000_000)]
Seconds = Annotated[Number, Field(gt=0, le=3600)]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\s\x00-\x1f]+$")]


def _told(kind: str, pattern: str, message: LiteralString) -> AfterValidator:
    """A form that is explained in words, and whose value is not repeated: it may be a secret."""

    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise PydanticCustomError(kind, message)
        return value

    return AfterValidator(check)


EnvName = Annotated[
    str,
    _told("env_name", "[A-Za-z_][A-Za-z0-9_]*", "takes the name of an environment variable, never its value"),
]
PromptName = Annotated[
    str,
    _told(
        "prompt_name", r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*\.md", "takes a file below prompts/, such as plan.md"
    ),
]


class Timeouts(Section):
    connect_stream_s: Seconds = 10.0
    connect_s: Seconds = 30.0
    read_s: Seconds = 120.0


class UpstreamSection(Section):
    url_env: EnvName
    key_env: EnvName | None = None
    timeouts: Timeouts = Timeouts()


class PriceSection(Section):
    input: Usd
    output: Usd
    cached_input: Usd | None = None


def _free(value: Any) -> Any:
    return {"input": 0, "output": 0} if type(value) is int and value == 0 else value


class ModelSection(Section):
    upstream: Name
    name: Name | None = None
    context_window: Tokens
    max_output_tokens: Tokens
    price: Annotated[PriceSection, BeforeValidator(_free)]
    structured_output: bool = False
    vision: bool = False


class Sampling(Section):
    temperature: Annotated[Number, Field(ge=0, le=2)] | None = None
    top_p: Annotated[Number, Field(gt=0, le=1)] | None = None
    max_tokens: Tokens | None = None


class StageSection(Section):
    targets: Annotated[list[Name], Field(min_length=1)]
    prompt: PromptName | None = None
    sampling: Sampling = Sampling()


class StagesSection(Section):
    plan: StageSection
    code: StageSection
    review: StageSection

    def by_name(self) -> dict[StageName, StageSection]:
        return {StageName.PLAN: self.plan, StageName.CODE: self.code, StageName.REVIEW: self.review}


class DirectSection(Section):
    models: list[Name]
    max_tokens: Tokens


class HelperSection(Section):
    user_agents: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    patterns: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)


class FlowSection(Section):
    usd: Annotated[Usd, Field(gt=0)]
    tokens: Tokens
    seconds: Annotated[int, Field(ge=1, le=86_400)]
    max_rounds: Annotated[int, Field(ge=1, le=10)]
    max_fixes: Annotated[int, Field(ge=0, le=10)]


class LimitsSection(Section):
    flow: FlowSection


class ModelsFile(Section):
    upstreams: Annotated[dict[Name, UpstreamSection], Field(min_length=1)]
    models: Annotated[dict[Name, ModelSection], Field(min_length=1)]
    stages: StagesSection
    direct: DirectSection
    modes: dict[Name, Literal["plan", "code", "review"]]
    helper: HelperSection = HelperSection()
    limits: LimitsSection
