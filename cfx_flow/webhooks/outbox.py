"""Deliveries in the database: written with the end that they tell, kept until they are settled.

A try takes the row first and for a while only: whoever dies in it has tried, and another tries again.
So a receiver may hear the same twice, with the same id, and never not at all.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from yarl import URL

from cfx_flow.clock import Clock
from cfx_flow.flows.model import Flow, iso
from cfx_flow.store.engine import Store
from cfx_flow.store.jobs import Ask, Steps
from cfx_flow.store.tables import webhook_deliveries as deliveries

PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"
TAKEN_FOR = timedelta(seconds=60)
"""longer than any try takes"""


@dataclass(frozen=True, slots=True)
class Delivery:
    id: str
    flow_id: str
    user_id: str
    url: str
    host: str
    body: str
    state: str
    tries: int
    last_status: int | None
    last_error: str | None
    due_at: datetime | None
    created_at: datetime

    def to_json(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "tries": self.tries,
            "last_status": self.last_status,
            "last_error": self.last_error,
            "next_try_at": iso(self.due_at) if self.state == PENDING else None,
        }


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a try. ``again_at``: None if there is no other."""

    delivered: bool
    status: int | None
    error: str | None
    again_at: datetime | None


_NEW = insert(deliveries).values({column.name: bindparam(column.name) for column in deliveries.c})


def put_delivery(flow: Flow) -> Steps[None]:
    """In the transaction that ends the flow, which has a webhook."""
    if flow.options.webhook is None or flow.completed_at is None:
        raise ValueError("this flow has no webhook, or has not ended")
    row = Delivery(
        id=str(uuid.uuid4()),
        flow_id=flow.id,
        user_id=flow.user_id,
        url=flow.options.webhook,
        host=str(URL(flow.options.webhook).raw_host),
        body=json.dumps(_body(flow), separators=(",", ":")),
        state=PENDING,
        tries=0,
        last_status=None,
        last_error=None,
        due_at=flow.completed_at,
        created_at=flow.completed_at,
    )
    values = {name: getattr(row, name) for name in Delivery.__slots__}
    yield Ask(_NEW, values)


class Outbox:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def due(self, limit: int, *, busy: Sequence[str] = ()) -> Sequence[Delivery]:
        """The longest due first, none of a host that is ``busy``."""
        query = (
            select(*_COLUMNS)
            .where(deliveries.c.state == PENDING, deliveries.c.due_at <= self._clock.now())
            .where(deliveries.c.host.not_in(busy))
            .order_by(deliveries.c.due_at)
            .limit(limit)
        )
        async with self._store.read() as connection:
            return [Delivery(*row) for row in await connection.execute(query)]

    async def take(self, delivery: Delivery) -> bool:
        """False: another process was quicker."""
        change = (
            update(deliveries)
            .where(
                deliveries.c.id == delivery.id,
                deliveries.c.state == PENDING,
                deliveries.c.tries == delivery.tries,
            )
            .values(tries=delivery.tries + 1, due_at=self._clock.now() + TAKEN_FOR)
            .returning(deliveries.c.id)
        )
        async with self._store.transaction() as connection:
            return (await connection.execute(change)).scalar() is not None

    async def settle(self, delivery_id: str, tried: Tried) -> None:
        state = DELIVERED if tried.delivered else FAILED if tried.again_at is None else PENDING
        change = (
            update(deliveries)
            .where(deliveries.c.id == delivery_id, deliveries.c.state == PENDING)
            .values(state=state, last_status=tried.status, last_error=tried.error, due_at=tried.again_at)
        )
        async with self._store.transaction() as connection:
            await connection.execute(change)

    async def newest(self, flow_ids: Sequence[str]) -> Mapping[str, Delivery]:
        """Flow id → its newest delivery."""
        query = select(*_COLUMNS).where(deliveries.c.flow_id.in_(flow_ids)).order_by(deliveries.c.created_at)
        async with self._store.read() as connection:
            return {row.flow_id: Delivery(*row) for row in await connection.execute(query)}


_COLUMNS = [deliveries.c[name] for name in Delivery.__slots__]


def _body(flow: Flow) -> dict[str, Any]:
    """Small: who wants the patch asks for it."""
    return {
        "type": "flow.completed",
        "timestamp": iso(flow.completed_at),
        "data": {
            "id": flow.id,
            "status": flow.status.value,
            "reason": flow.reason,
            "message": flow.message,
            "round": flow.round,
            "input_tokens": flow.input_tokens,
            "output_tokens": flow.output_tokens,
            "cost_usd": float(flow.cost_usd),
            "version": flow.version,
            "forked_from": flow.parent_id,
            "metadata": dict(flow.options.metadata),
            "created_at": iso(flow.created_at),
            "completed_at": iso(flow.completed_at),
        },
    }
