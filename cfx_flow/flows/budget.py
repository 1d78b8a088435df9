"""What a model call may use of what a budget leaves, decided before it is made.

A call is counted at the most that it can cost: a cautious estimate of its input, and as much output as it may
write, at the target's own price. Where that is more than is left, the output is cut to what fits; a target
for which less than ``MIN_ANSWER_TOKENS`` would fit is not asked at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec

from cfx_flow.flows.model import FlowFailed, Reason
from cfx_flow.flows.usage import Usage
from cfx_flow.stages.model import Target

MIN_ANSWER_TOKENS = 1024
"""below it an answer is not worth its input: it would be cut off"""


class Left(msgspec.Struct, frozen=True):
    usd: Decimal
    tokens: int
    broken_off: Usage = Usage()
    """counted as spent already: calls that never were answered, at the most that they can have cost"""


class Allowed(msgspec.Struct, frozen=True):
    """A target that may be asked, and the output tokens that it may write."""

    target: Target
    max_tokens: int

    def most(self, input_tokens: int) -> Usage:
        """What it can cost."""
        usd = self.target.price.cost_usd(input_tokens, self.max_tokens)
        return Usage(1, input_tokens, self.max_tokens, usd)


def afford(
    left: Left, targets: Sequence[Target], input_tokens: int, wanted: Callable[[Target], int]
) -> Sequence[Allowed]:
    """``wanted``: the output limit of a target if money were no object.

    Raises FlowFailed (budget) when none of the targets fits, saying what is left and what is needed.
    """
    found = []
    for target in targets:
        limit = wanted(target)
        fits = min(limit, _room(left, target, input_tokens))
        if fits >= min(MIN_ANSWER_TOKENS, limit):
            found.append(Allowed(target, fits))
    if not found:
        raise _too_little(left, targets, input_tokens, wanted)
    return found


def _room(left: Left, target: Target, input_tokens: int) -> int:
    """Output tokens for which there is money, and tokens, when the input is paid."""
    tokens = left.tokens - input_tokens
    money = left.usd - target.price.cost_usd(input_tokens, 0)
    if money < 0 or left.usd <= 0:
        return 0
    return min(tokens, int(money * 1_000_000 / target.price.output)) if target.price.output else tokens


def _too_little(
    left: Left, targets: Sequence[Target], input_tokens: int, wanted: Callable[[Target], int]
) -> FlowFailed:
    def needs(target: Target) -> tuple[Decimal, int]:
        output = min(MIN_ANSWER_TOKENS, wanted(target))
        return target.price.cost_usd(input_tokens, output), input_tokens + output

    cheapest = min(targets, key=needs)
    usd, tokens = needs(cheapest)
    return FlowFailed(
        Reason.BUDGET,
        f"The budget leaves {_usd(left.usd)} USD and {max(left.tokens, 0)} tokens; the next call "
        f"({cheapest.model}) needs at least {_usd(usd)} USD and {tokens} tokens. {_unsure(left.broken_off)}"
        "Resume the flow with a larger budget.",
    )


def _unsure(lost: Usage) -> str:
    if not lost.calls:
        return ""
    return (
        f"Calls that broke off without an answer ({lost.calls}) are counted at the most that they can have "
        f"cost: {_usd(lost.cost_usd)} USD and {lost.tokens} tokens. "
    )


def _usd(amount: Decimal) -> str:
    return f"{max(amount, Decimal(0)).quantize(Decimal('0.000001')).normalize():f}"
