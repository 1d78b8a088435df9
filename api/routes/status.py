"""``/v1/status``: how one stands and how it has gone of late."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import Caller, CallerAdmission, House
from api.routes.usage import DailyLimit, MonthlyBudget, daily_limit, monthly_budget
from cfx_flow.ledger.vitals import Pulse, Quantiles, read_vitals
from cfx_flow.limits.running import count_streams
from cfx_flow.stages.catalogue import target_ids
from cfx_flow.upstream.breaker import BreakerState

router = APIRouter(prefix="/v1/status", tags=["people"])


class Account(BaseModel):
    name: str
    role: Literal["user", "admin"]


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


class Figures(BaseModel):
    latency_ms: Percentiles | None = Field(description="Of your calls that went well; null without any")
    ttft_ms: Percentiles | None = Field(description="To the first byte of the reply")
    error_rate: float | None = Field(description="Errors among calls that ended well or in an error, 0 to 1")


class StageFigures(Figures):
    stage: str
    calls: int


class Breaker(BaseModel):
    target: str
    state: BreakerState


class StatusNow(Figures):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "account": {"name": "ada", "role": "user"},
                    "today": {"limit": 1000, "remaining": 988, "reset_at": "2026-11-24T00:00:00.000Z"},
                    "month": {
                        "limit_usd": 20.0,
                        "used_usd": 3.281043,
                        "remaining_usd": 16.718957,
                        "reset_at": "2026-12-01T00:00:00.000Z",
                    },
                    "streams": {"running": 1, "limit": 2},
                    "window": {"minutes": 60, "calls": 12, "is_sample": False},
                    "latency_ms": {"p50": 5210, "p95": 18400},
                    "ttft_ms": {"p50": 640, "p95": 1850},
                    "error_rate": 0.083,
                    "by_stage": [
                        {
                            "stage": "code",
                            "calls": 9,
                            "latency_ms": {"p50": 8210, "p95": 18400},
                            "ttft_ms": {"p50": 610, "p95": 1850},
                            "error_rate": 0.0,
                        }
                    ],
                    "breakers": [{"target": "litellm/claude-sonnet-4-5", "state": "closed"}],
                }
            ]
        }
    )

    account: Account
    today: DailyLimit
    month: MonthlyBudget
    streams: Streams
    window: Window
    by_stage: list[StageFigures] = Field(description="Only those that you called")
    breakers: list[Breaker] = Field(description="Of every target of models.yaml, as this process finds it")


Minutes = Annotated[int, Query(ge=1, le=24 * 60, description="How far back the figures go")]


@router.get("")
async def get_status(
    house: House, caller: Caller, admission: CallerAdmission, minutes: Minutes = 60
) -> StatusNow:
    """Your own; but a target's breaker is everybody's."""
    now = house.clock.now()
    vitals = await read_vitals(house.store, caller.user_id, now - timedelta(minutes=minutes))
    return StatusNow(
        account=Account.model_validate(caller, from_attributes=True),
        today=await daily_limit(admission),
        month=await monthly_budget(house, caller),
        streams=Streams(running=await _running(house, caller, now), limit=caller.max_streams),
        window=Window(minutes=minutes, calls=vitals.all.calls, is_sample=vitals.is_sample),
        by_stage=[
            StageFigures(stage=stage, calls=pulse.calls, **_figures(pulse))
            for stage, pulse in vitals.by_stage.items()
        ],
        breakers=[
            Breaker(target=target, state=house.breakers.state_of(target))
            for target in target_ids(house.models)
        ],
        **_figures(vitals.all),
    )


async def _running(house: House, caller: Caller, now: datetime) -> int | None:
    on_redis = house.settings.redis_url is not None
    return None if on_redis else await count_streams(house.store, caller.user_id, now)


def _figures(pulse: Pulse) -> dict[str, Any]:
    return {
        "latency_ms": _percentiles(pulse.latency_ms),
        "ttft_ms": _percentiles(pulse.ttft_ms),
        "error_rate": pulse.error_rate,
    }


def _percentiles(found: Quantiles | None) -> Percentiles | None:
    return None if found is None else Percentiles(p50=found.p50, p95=found.p95)
