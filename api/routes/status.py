"""``/v1/status``: how one stands and how it has gone of late."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import Caller, CallerAdmission, House
from api.routes.usage import DailyLimit, daily_limit
from cfx_flow.ledger.vitals import Quantiles, read_vitals
from cfx_flow.limits.running import count_streams
from cfx_flow.upstream.breaker import BreakerState

router = APIRouter(prefix="/v1/status", tags=["people"])


class Streams(BaseModel):
    running: int | None = Field(
        description="Of yours, over all keys and processes; null where Redis keeps count of them"
    )
    limit: int = Field(description="Of this key")


class Window(BaseModel):
    minutes: int
    calls: int
    is_sample: bool = Field(description="There were more; the figures are of the newest 1000")


class Percentiles(BaseModel):
    p50: int
    p95: int


class Breaker(BaseModel):
    target: str
    state: BreakerState


class StatusNow(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "today": {"limit": 1000, "remaining": 988, "reset_at": "2026-11-24T00:00:00.000Z"},
                    "streams": {"running": 1, "limit": 2},
                    "window": {"minutes": 60, "calls": 12, "is_sample": False},
                    "latency_ms": {"p50": 5210, "p95": 18400},
                    "ttft_ms": {"p50": 640, "p95": 1850},
                    "error_rate": 0.083,
                    "breakers": [{"target": "litellm/claude-sonnet-4-5", "state": "closed"}],
                }
            ]
        }
    )

    today: DailyLimit
    streams: Streams
    window: Window
    latency_ms: Percentiles | None = Field(description="Of your calls that went well; null without any")
    ttft_ms: Percentiles | None
    error_rate: float | None = Field(description="Errors among calls that ended well or in an error, 0 to 1")
    breakers: list[Breaker] = Field(description="Of every target that this process has asked so far")


Minutes = Annotated[int, Query(ge=1, le=24 * 60, description="How far back the figures go")]


@router.get("")
async def get_status(
    house: House, caller: Caller, admission: CallerAdmission, minutes: Minutes = 60
) -> StatusNow:
    """Your own; but a target's breaker is everybody's."""
    now = house.clock.now()
    vitals = await read_vitals(house.store, caller.user_id, now - timedelta(minutes=minutes))
    return StatusNow(
        today=await daily_limit(admission),
        streams=Streams(running=await _running(house, caller, now), limit=caller.max_streams),
        window=Window(minutes=minutes, calls=vitals.calls, is_sample=vitals.is_sample),
        latency_ms=_percentiles(vitals.latency_ms),
        ttft_ms=_percentiles(vitals.ttft_ms),
        error_rate=vitals.error_rate,
        breakers=[
            Breaker(target=target, state=state) for target, state in sorted(house.breakers.states().items())
        ],
    )


async def _running(house: House, caller: Caller, now: datetime) -> int | None:
    on_redis = house.settings.redis_url is not None
    return None if on_redis else await count_streams(house.store, caller.user_id, now)


def _percentiles(found: Quantiles | None) -> Percentiles | None:
    return None if found is None else Percentiles(p50=found.p50, p95=found.p95)
