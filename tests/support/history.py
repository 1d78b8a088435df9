"""A month of model calls, written into a server's SQLite file while the server is down."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from cfx_flow.ledger import CallRecord
from cfx_flow.ledger.record import ordered_ids, to_row
from cfx_flow.ledger.write import write_batch
from cfx_flow.store.engine import open_store

MODELS = {
    "plan": "claude-sonnet-4-5",
    "code": "deepseek-v3",
    "review": "gpt-4o-mini",
    "direct": "gpt-4.1-nano",
}
USD = {"plan": 0.021, "code": 0.0021, "review": 0.0006, "direct": 0.0003}
CALLS = {"plan": 6, "code": 30, "review": 16, "direct": 4}


def write_history(database: Path, *, days: int = 30, per_day: float = 1.0, seed: int = 7) -> None:
    """Of the first user; the newest call was a moment ago."""
    with sqlite3.connect(database) as connection:
        user, key = connection.execute("SELECT user_id, id FROM api_keys LIMIT 1").fetchone()
    calls = sorted(_calls(user, key, days, per_day, random.Random(seed)), key=lambda call: call.created_at)
    rows = [to_row(row_id, call) for row_id, call in zip(ordered_ids(len(calls)), calls, strict=True)]
    asyncio.run(_write(f"sqlite:///{database}", rows))


async def _write(url: str, rows: list[dict[str, object]]) -> None:
    store = await open_store(url)
    try:
        for first in range(0, len(rows), 1000):
            await write_batch(store, rows[first : first + 1000])
    finally:
        await store.close()


def _calls(user: str, key: str, days: int, per_day: float, chance: random.Random) -> Iterator[CallRecord]:
    now = datetime.now(UTC)
    for day in range(days):
        busy = per_day * (0.25 if (now - timedelta(days=day)).weekday() > 4 else chance.uniform(0.6, 1.4))
        for stage, count in CALLS.items():
            for _ in range(round(count * busy)):
                at = now - timedelta(days=day, minutes=chance.uniform(0, 600))
                yield _call(user, key, stage, at, chance)


def _call(user: str, key: str, stage: str, at: datetime, chance: random.Random) -> CallRecord:
    went = chance.choices(["success", "error", "cancelled", "rate_limited"], [94, 3, 2, 1])[0]
    size = chance.uniform(0.4, 1.8)
    is_refusal = went == "rate_limited"
    return CallRecord(
        user_id=user,
        api_key_id=key,
        request_id=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        session_id=chance.choice([None, "fix the parser", "totals in cents"]),
        stage=stage,
        model=None if is_refusal else MODELS[stage],
        input_tokens=0 if is_refusal else round(4200 * size),
        output_tokens=0 if went != "success" else round(700 * size),
        cost_usd=Decimal(0) if went != "success" else Decimal(f"{USD[stage] * size:.6f}"),
        latency_ms=round(1200 + 5200 * size),
        ttft_ms=None if is_refusal else round(240 + 500 * size),
        status=went,
        error_message="litellm/deepseek-v3 answered 503 twice: try again later" if went == "error" else None,
        created_at=at,
    )
