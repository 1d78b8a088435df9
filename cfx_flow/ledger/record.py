"""One row of the request log: a model call, or a refusal of a known user."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal, NamedTuple

import msgspec

Status = Literal["success", "error", "rate_limited", "cancelled"]

MAX_ERROR_CHARS = 2000
_MICRO = Decimal("0.000001")
_MAX_COST_USD = Decimal("9999.999999")  # what numeric(10,6) holds
_MAX_INT = 2**31 - 1


class CallRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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
    error_code: str | None = None
    """for the meter; the row has none"""
    created_at: datetime


class LogRow(NamedTuple):
    """The columns of ``request_logs`` in the order in which they are written."""

    id: str
    user_id: str
    api_key_id: str | None
    request_id: str
    session_id: str | None
    flow_id: str | None
    stage: str | None
    model: str | None
    input_tokens: int
    output_tokens: int
    total_tokens: int
    estimated: bool
    cost_usd: Decimal
    latency_ms: int | None
    ttft_ms: int | None
    status: str
    error_message: str | None
    created_at: datetime


def to_row(row_id: str, call: CallRecord) -> LogRow:
    """Values that fit their columns whatever an upstream or a caller put into them."""
    input_tokens, output_tokens = _count(call.input_tokens), _count(call.output_tokens)
    return LogRow(
        row_id,
        call.user_id,
        call.api_key_id,
        call.request_id,
        _fit(call.session_id, 200),
        call.flow_id,
        _fit(call.stage, 16),
        _fit(call.model, 200),
        input_tokens,
        output_tokens,
        _count(input_tokens + output_tokens),
        bool(call.estimated),
        stored_usd(call.cost_usd),
        None if call.latency_ms is None else _count(call.latency_ms),
        None if call.ttft_ms is None else _count(call.ttft_ms),
        call.status,
        _fit(call.error_message, MAX_ERROR_CHARS),
        _utc(call.created_at),
    )


def ordered_ids(count: int) -> list[str]:
    """At most 4096 UUIDs of version 7, in order: rows are appended to the primary key's index, where
    random ids would touch a page of it each (28 µs instead of 13 per row at 300,000 rows, SQLite)."""
    head, tail = f"{time.time_ns() // 1_000_000:012x}7", f"8{secrets.randbits(60):015x}"
    return [f"{head}{number:03x}{tail}" for number in range(count)]


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no place in the store")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def stored_usd(cost: Decimal) -> Decimal:
    """An upstream's own figure may be anything, NaN too. Whole micro-dollars: what is stored is what the
    day's sum counts."""
    if cost.is_nan() or cost < 0:
        return Decimal(0)
    return _MAX_COST_USD if cost > _MAX_COST_USD else cost.quantize(_MICRO)


def _count(number: int) -> int:
    return number if 0 <= number <= _MAX_INT else min(max(number, 0), _MAX_INT)


def _fit(text: str | None, max_chars: int) -> str | None:
    """Postgres takes neither NUL nor a lone surrogate."""
    if text is None or (text.isascii() and len(text) <= max_chars and "\0" not in text):
        return text
    return text[:max_chars].replace("\0", "").encode("utf-8", "replace").decode()
