"""What models.yaml says, as frozen values. Made by ``load_models`` only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from pydantic import SecretStr


class StageName(StrEnum):
    PLAN = "plan"
    CODE = "code"
    REVIEW = "review"
    DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens."""

    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None

    def cost_usd(self, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> Decimal:
        fresh = max(input_tokens - cached_tokens, 0)
        total = fresh * self.input + output_tokens * self.output
        if cached_tokens:
            total += cached_tokens * (self.input if self.cached_input is None else self.cached_input)
        return total / 1_000_000


@dataclass(frozen=True, slots=True)
class Upstream:
    """An OpenAI-compatible endpoint; ``base_url`` ends before ``/chat/completions`` (usually in ``/v1``)."""

    name: str
    base_url: str
    api_key: SecretStr | None
    connect_timeout_stream_s: float = 10.0
    connect_timeout_s: float = 30.0
    read_timeout_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Target:
    """One upstream and one model on it. ``id`` names it in logs and metrics."""

    upstream: Upstream
    model: str
    price: Price
    context_window: int
    max_output_tokens: int
    structured_output: bool = False
    """the model obeys ``response_format: json_schema``"""
    vision: bool = False
    """the model takes image parts"""

    @property
    def id(self) -> str:
        return f"{self.upstream.name}/{self.model}"


@dataclass(frozen=True, slots=True)
class Stage:
    name: StageName
    targets: tuple[Target, ...]
    """in the order in which they are tried; never empty, except for ``direct``"""
    prompt: str | None
    """file name below prompts/"""
    sampling: Mapping[str, float | int]
    """defaults for temperature, top_p, max_tokens: the caller's own values win"""


@dataclass(frozen=True, slots=True)
class Direct:
    """The models a caller may name, by public id."""

    targets: Mapping[str, Target]
    max_tokens: int


@dataclass(frozen=True, slots=True)
class HelperCalls:
    """How an editor's "enhance prompt" and the like is recognised."""

    user_agents: tuple[str, ...]
    """lower-case fragments of a User-Agent"""
    patterns: tuple[re.Pattern[str], ...]


@dataclass(frozen=True, slots=True)
class FlowLimits:
    """Defaults and ceilings of a flow's budget."""

    usd: Decimal
    tokens: int
    seconds: int
    max_rounds: int
    max_fixes: int
    """refused diffs that go back to CODE within one round"""


@dataclass(frozen=True, slots=True)
class Models:
    stages: Mapping[StageName, Stage]
    """plan, code and review"""
    direct: Direct
    modes: Mapping[str, StageName]
    """editor mode slug → stage"""
    helper: HelperCalls
    flow: FlowLimits
    upstreams: Mapping[str, Upstream] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    """variables that an upstream's address should come from and that are not set"""
    variables: frozenset[str] = frozenset()
    """that the file names: of addresses and keys"""
