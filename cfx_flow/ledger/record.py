"""One row of the request log: a model call, or a refusal of a known user."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

Status = Literal["success", "error", "rate_limited", "cancelled"]

MAX_ERROR_CHARS = 2000
_MAX_COST_USD = Decimal("9999.999999")  # what numeric(10,6) holds
_MAX_INT = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """Never prompts, replies or secrets: ``error_message`` is the text that the caller was shown."""

    user_id: str
    api_key_id: str | None
    request_id: str
    session_id: str | None = None
    flow_id: str | None = None
    stage: str | None
    model: str | None
    input_tokens: int
    output_tokens: int
    estimated: bool = False
    """the tokens were counted by us: a cancelled stream brings no usage"""
    cost_usd: Decimal
    latency_ms: int | None
    ttft_ms: int | None = None
    status: Status
    error_message: str | None = None
    created_at: datetime


def to_row(row_id: str, call: CallRecord) -> dict[str, Any]:
    """Values that fit their columns whatever an upstream or a caller put into them."""
    input_tokens, output_tokens = _count(call.input_tokens), _count(call.output_tokens)
    return {
        "id": row_id,
        "user_id": call.user_id,
        "api_key_id": call.api_key_id,
        "request_id": call.request_id,
        "session_id": _fit(call.session_id, 200),
        "flow_id": call.flow_id,
        "stage": _fit(call.stage, 16),
        "model": _fit(call.model, 200),
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "total_tokens": _count(input_tokens + output_tokens),
        "estimated": call.estimated,
        "cost_usd": _usd(call.cost_usd),
        "latency_ms": None if call.latency_ms is None else _count(call.latency_ms),
        "ttft_ms": None if call.ttft_ms is None else _count(call.ttft_ms),
        "status": call.status,
        "error_message": _fit(call.error_message, MAX_ERROR_CHARS),
        "created_at": call.created_at,
    }


def _usd(cost: Decimal) -> Decimal:
    """An upstream's own figure may be anything, NaN too."""
    return Decimal(0) if cost.is_nan() else min(max(cost, Decimal(0)), _MAX_COST_USD)


def _count(number: int) -> int:
    return min(max(number, 0), _MAX_INT)


def _fit(text: str | None, max_chars: int) -> str | None:
    """Postgres takes neither NUL nor a lone surrogate."""
    if text is None:
        return None
    return text[:max_chars].replace("\0", "").encode("utf-8", "replace").decode()
