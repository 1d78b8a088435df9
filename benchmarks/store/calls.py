"""A model call as it comes into the request log."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal

from cfx_flow.ledger.record import CallRecord


def call_of(user_id: str, at: datetime) -> CallRecord:
    return CallRecord(
        user_id=user_id,
        api_key_id=None,
        request_id=str(uuid.uuid4()),
        stage="code",
        model="deepseek-v3",
        input_tokens=1000,
        output_tokens=100,
        cost_usd=Decimal("0.0003"),
        latency_ms=900,
        ttft_ms=90,
        status="success",
        created_at=at,
    )
