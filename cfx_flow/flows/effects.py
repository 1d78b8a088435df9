"""The journal of paid calls.

``started`` is written before a call, ``done`` with its answer before the node goes on. A node
that runs again after a crash gets what was answered from here; only a call that was in flight
is made, and perhaps billed, once more (as is, after a power cut, one whose answer had come in
the milliseconds before: ADR 0058). What a step's calls have cost stands here, for its row is
written later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from cfx_flow.flows.usage import Usage

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""what reading bytes that none of us wrote can raise"""


class Effect(msgspec.Struct, frozen=True):
    step: int
    call: int
    """from 0, in the order in which the node asks"""
    request_hash: bytes
    """SHA-256 of what is asked: an answer to another question is none"""
    tries: int
    """how many runs have begun it; above 1 it may have been billed more than once"""
    answer: bytes | None
    """as the graph wrote it; None while nothing has been answered"""
    started_at: datetime
    done_at: datetime | None = None
    most_input_tokens: int = 0
    most_output_tokens: int = 0
    most_usd: Decimal = Decimal(0)
    """of the try that is under way; 0 once that is counted, as what was paid or as what broke off"""

    @property
    def is_in_flight(self) -> bool:
        """Begun, and neither answered nor counted."""
        return self.answer is None and self.most_output_tokens > 0

    @property
    def most(self) -> Usage:
        return Usage(1, self.most_input_tokens, self.most_output_tokens, self.most_usd)

    def under_way(self, most: Usage, at: datetime) -> Effect:
        return replace(
            self,
            started_at=at,
            most_input_tokens=most.input_tokens,
            most_output_tokens=most.output_tokens,
            most_usd=most.cost_usd,
        )

    def settled(self) -> Effect:
        return replace(self, most_input_tokens=0, most_output_tokens=0, most_usd=Decimal(0))


class _Answer(msgspec.Struct):
    """What every answer says; the rest of it is the graph's."""

    model: str
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal
    cached_tokens: int = 0

    @property
    def usage(self) -> Usage:
        return Usage(
            1, self.input_tokens, self.output_tokens, self.cost_usd, cached_tokens=self.cached_tokens
        )


class Calls(msgspec.Struct, frozen=True):
    """Of one step, by all of its runs."""

    model: str | None
    """that answered last"""
    used: Usage
    detail: Mapping[str, Any]
    """of the row while the step is open: its sum alone would not tell what of it the journal has"""


def calls_of(row: Calls, effects: Iterable[Effect]) -> Calls:
    """``row``: as the step's row has them. It may lack the last answers, and have outlived others: a flow's
    journal goes some time after its end, and then it may be resumed."""
    answered = [effect.answer for effect in effects if effect.answer is not None]
    model, paid = _paid_in(answered)
    kept = row.detail.get(_PRUNED)
    pruned = Usage() if kept is None else Usage.from_json(kept)
    if row.used.calls > pruned.calls + len(answered):
        pruned = row.used
    used = pruned + paid
    if row.used.calls > used.calls:  # it has counted an answer that cannot be read any more
        used = row.used
    detail = {_PRUNED: pruned.to_json()} if pruned.calls else {}
    return Calls(model or row.model, used, detail)


_PRUNED = "paid_before"


def _paid_in(answers: Iterable[bytes]) -> tuple[str | None, Usage]:
    """The model that answered last, and what all answers have cost. One that cannot be read costs nothing
    here: whoever needs it says so."""
    model, usage = None, Usage()
    for written in answers:
        with suppress(*UNREADABLE):
            answer = msgspec.json.decode(written, type=_Answer)
            model = answer.model
            usage += answer.usage
    return model, usage
