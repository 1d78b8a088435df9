"""Records of calls, and a way to have many of them in the store at once."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from cfx_flow.ledger import CallRecord
from cfx_flow.ledger.record import ordered_ids, to_row
from cfx_flow.ledger.write import write_batch
from cfx_flow.store.engine import Store

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def call(**values: Any) -> CallRecord:
    defaults: dict[str, Any] = {
        "user_id": str(uuid.uuid4()),
        "api_key_id": str(uuid.uuid4()),
        "request_id": str(uuid.uuid4()),
        "stage": "code",
        "model": "deepseek-chat",
        "input_tokens": 1200,
        "output_tokens": 34,
        "cost_usd": Decimal("0.000361"),
        "latency_ms": 812,
        "ttft_ms": 90,
        "status": "success",
        "created_at": NOON,
    }
    return CallRecord(**{**defaults, **values})


async def store_calls(store: Store, calls: Sequence[CallRecord], *, at_once: int = 1000) -> None:
    """As the log's writer does it."""
    for first in range(0, len(calls), at_once):
        batch = calls[first : first + at_once]
        rows = [to_row(row_id, one) for row_id, one in zip(ordered_ids(len(batch)), batch, strict=True)]
        await write_batch(store, rows)
