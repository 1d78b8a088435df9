"""What model calls took, of a stage and of its rounds."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

MOST_TOKENS, MOST_USD = 2**31 - 1, Decimal("9999.999999")
"""that columns hold; an upstream may report whatever it likes"""


class Usage(msgspec.Struct, frozen=True):
    """What one model call, or many, took."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    duration_ms: int = 0
    cached_tokens: int = 0
    """of the input, found in the provider's cache of prompts"""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.calls + other.calls,
            min(self.input_tokens + other.input_tokens, MOST_TOKENS),
            min(self.output_tokens + other.output_tokens, MOST_TOKENS),
            min(self.cost_usd + other.cost_usd, MOST_USD),
            self.duration_ms + other.duration_ms,
            min(self.cached_tokens + other.cached_tokens, MOST_TOKENS),
        )

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def to_json(self) -> dict[str, Any]:
        return {
            "calls": self.calls,
            "input_tokens": self.input_tokens,
            "cached_tokens": self.cached_tokens,
            "output_tokens": self.output_tokens,
            "cost_usd": str(self.cost_usd),
            "duration_ms": self.duration_ms,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Usage:
        return cls(
            stored["calls"],
            stored["input_tokens"],
            stored["output_tokens"],
            Decimal(stored["cost_usd"]),
            stored["duration_ms"],
            stored.get("cached_tokens", 0),
        )


class StageUsage(msgspec.Struct, frozen=True):
    """A stage's share of a flow; ``model`` is the one that answered last."""

    model: str | None = None
    usage: Usage = Usage()
    repeats: int = 0
    """calls among them that an earlier run had begun when it died: maybe paid twice"""
    broken_off: Usage = Usage()
    """calls that were sent and never answered, at the most that they can have cost; in no other number"""
    rounds: Mapping[int, StageUsage] = msgspec.field(default_factory=dict)
    """round → its share, which has no rounds of its own; 0: planning"""

    def add(self, model: str, usage: Usage, round_: int, *, is_repeat: bool = False) -> StageUsage:
        share = self.rounds.get(round_, StageUsage())._plus(model, usage, is_repeat)
        return replace(self._plus(model, usage, is_repeat), rounds={**self.rounds, round_: share})

    def lose(self, usage: Usage, round_: int) -> StageUsage:
        """A call more that broke off."""
        share = self.rounds.get(round_, StageUsage())
        share = replace(share, broken_off=share.broken_off + usage)
        rounds = {**self.rounds, round_: share}
        return replace(self, broken_off=self.broken_off + usage, rounds=rounds)

    def _plus(self, model: str, usage: Usage, is_repeat: bool) -> StageUsage:
        return replace(self, model=model, usage=self.usage + usage, repeats=self.repeats + is_repeat)

    def to_json(self) -> dict[str, Any]:
        shown = {"model": self.model, **self.usage.to_json(), "maybe_paid_twice": self.repeats}
        if self.broken_off.calls:
            shown["broken_off"] = self.broken_off.to_json()
        if self.rounds:
            shown["rounds"] = {str(n): share.to_json() for n, share in self.rounds.items()}
        return shown

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> StageUsage:
        rounds = {int(n): cls.from_json(share) for n, share in stored.get("rounds", {}).items()}
        lost = stored.get("broken_off")
        return cls(
            stored["model"],
            Usage.from_json(stored),
            stored.get("maybe_paid_twice", 0),
            Usage() if lost is None else Usage.from_json(lost),
            rounds,
        )
