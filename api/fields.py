"""How times, money and texts look at the API's edge."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, PlainSerializer, WithJsonSchema

from cfx_flow.flows.model import iso

Moment = Annotated[
    datetime,
    PlainSerializer(iso, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-23T12:00:00.000Z"]}),
]
"""as it goes out: UTC, to the millisecond"""

Usd = Annotated[Decimal, PlainSerializer(float, return_type=float), WithJsonSchema({"type": "number"})]
"""whole micro-dollars, which a JSON number shows exactly"""


def _utc(moment: datetime) -> datetime:
    """Without a zone it is UTC."""
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError("this is outside of the calendar") from None


Instant = Annotated[datetime, AfterValidator(_utc)]
"""as it comes in"""


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("a NUL character is in no text here")
    return text


SearchText = Annotated[str, AfterValidator(_storable)]
