"""What a flow has used of its budget, by stage and round."""

from __future__ import annotations

from typing import Any

import msgspec

from cfx_flow.flows.model import Flow
from cfx_flow.flows.rows import stages_json
from cfx_flow.flows.usage import StageUsage, Usage


class Call(msgspec.Struct, frozen=True):
    """A model call that was paid for."""

    stage: str
    model: str
    usage: Usage


class Spending:
    """What was paid, and what broke off, which is counted at the most that it can have cost."""

    def __init__(self, flow: Flow) -> None:
        self._stages: dict[str, StageUsage] = dict(flow.stages)
        self._shown = stages_json(self._stages)
        self.paid, self.broken_off = flow.spent, flow.broken_off

    @property
    def all(self) -> Usage:
        return self.paid + self.broken_off if self.broken_off.calls else self.paid

    def pay(self, call: Call, round_: int, *, is_repeat: bool) -> None:
        before = self._stages.get(call.stage, StageUsage())
        self._set(call.stage, before.add(call.model, call.usage, round_, is_repeat=is_repeat))
        self.paid += call.usage

    def lose(self, stage: str, usage: Usage, round_: int) -> None:
        self._set(stage, self._stages.get(stage, StageUsage()).lose(usage, round_))
        self.broken_off += usage

    def changes(self) -> dict[str, Any]:
        """Of the flow's row."""
        return {
            "stages": dict(self._shown),
            "input_tokens": self.paid.input_tokens,
            "output_tokens": self.paid.output_tokens,
            "cost_usd": self.paid.cost_usd,
        }

    def _set(self, stage: str, usage: StageUsage) -> None:
        self._stages[stage], self._shown[stage] = usage, usage.to_json()
