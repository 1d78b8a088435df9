"""``/v1/usage``: what one has used, per day, stage and model, and what is left of today."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from api.context import Admission
from api.dependencies import Caller, CallerAdmission, House
from api.fields import Moment, Usd
from api.wiring import Services
from cfx_flow.accounts.principal import Principal
from cfx_flow.errors import InvalidRequest
from cfx_flow.ledger.month import read_month
from cfx_flow.ledger.usage import Used, read_usage_of, total

router = APIRouter(prefix="/v1/usage", tags=["people"])

MOST_DAYS = 366
DAYS = 30


class Counts(BaseModel):
    requests: int = Field(description="Model calls and refusals; the next three are parts of it")
    errors: int
    rate_limited: int
    cancelled: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    cost_usd: Usd


class UsagePart(Counts):
    day: date
    stage: str | None = Field(description="null: refused before its stage was known")
    model: str | None = Field(description="null: no model was asked")


class DailyLimit(BaseModel):
    limit: int
    remaining: int
    reset_at: Moment


class MonthlyBudget(BaseModel):
    limit_usd: Usd | None = Field(description="null: no budget was set")
    used_usd: Usd = Field(description="Since the first of the month, UTC")
    remaining_usd: Usd | None
    reset_at: Moment


class Usage(BaseModel):
    model_config = ConfigDict(
        serialize_by_alias=True,
        json_schema_extra={
            "examples": [
                {
                    "from": "2026-11-22",
                    "to": "2026-11-23",
                    "data": [
                        {
                            "day": "2026-11-23",
                            "stage": "plan",
                            "model": "claude-sonnet-4-5",
                            "requests": 12,
                            "errors": 1,
                            "rate_limited": 0,
                            "cancelled": 2,
                            "input_tokens": 48210,
                            "output_tokens": 9120,
                            "total_tokens": 57330,
                            "cost_usd": 0.28143,
                        }
                    ],
                    "totals": {
                        "requests": 12,
                        "errors": 1,
                        "rate_limited": 0,
                        "cancelled": 2,
                        "input_tokens": 48210,
                        "output_tokens": 9120,
                        "total_tokens": 57330,
                        "cost_usd": 0.28143,
                    },
                    "today": {"limit": 1000, "remaining": 988, "reset_at": "2026-11-24T00:00:00.000Z"},
                    "month": {
                        "limit_usd": None,
                        "used_usd": 3.281043,
                        "remaining_usd": None,
                        "reset_at": "2026-12-01T00:00:00.000Z",
                    },
                }
            ]
        },
    )

    first: date = Field(serialization_alias="from")
    last: date = Field(serialization_alias="to")
    data: list[UsagePart] = Field(description="Newest day first; days without a request are left out")
    totals: Counts
    today: DailyLimit
    month: MonthlyBudget


FirstDay = Annotated[date | None, Query(alias="from", description="UTC day; 29 days before `to` if absent")]
LastDay = Annotated[date | None, Query(alias="to", description="UTC day, included; today if absent")]


@router.get("")
async def get_usage(
    house: House, caller: Caller, admission: CallerAdmission, first: FirstDay = None, last: LastDay = None
) -> Usage:
    """Your own, of at most 366 days. Sums are exact to the micro-dollar."""
    first, last = _days(first, last, house.clock.now().date())
    parts = await read_usage_of(house.store, caller.user_id, first, last)
    return Usage(
        first=first,
        last=last,
        data=[
            UsagePart(day=part.day, stage=part.stage, model=part.model, **_counts(part.used))
            for part in parts
        ],
        totals=Counts(**_counts(total(parts))),
        today=await daily_limit(admission),
        month=await monthly_budget(house, caller),
    )


async def daily_limit(admission: Admission) -> DailyLimit:
    allowance = await admission.status()
    return DailyLimit(limit=allowance.limit, remaining=allowance.remaining, reset_at=allowance.reset_at)


async def monthly_budget(house: Services, caller: Principal) -> MonthlyBudget:
    month = await read_month(house.store, caller.user_id, house.clock.now())
    return MonthlyBudget(
        limit_usd=month.limit_usd,
        used_usd=month.used_usd,
        remaining_usd=month.left_usd,
        reset_at=month.reset_at,
    )


def _days(first: date | None, last: date | None, today: date) -> tuple[date, date]:
    last = last or today
    if first is None:
        first = date.fromordinal(max(last.toordinal() - DAYS + 1, 1))
    if first > last:
        raise InvalidRequest(f"`from` ({first}) lies after `to` ({last}).", param="from")
    if last - first >= timedelta(days=MOST_DAYS):
        raise InvalidRequest(f"Ask for at most {MOST_DAYS} days at a time.", param="from")
    return first, last


def _counts(used: Used) -> dict[str, object]:
    return {
        "requests": used.requests,
        "errors": used.errors,
        "rate_limited": used.rate_limited,
        "cancelled": used.cancelled,
        "input_tokens": used.input_tokens,
        "output_tokens": used.output_tokens,
        "total_tokens": used.input_tokens + used.output_tokens,
        "cost_usd": used.cost_usd,
    }
