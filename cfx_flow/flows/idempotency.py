"""``Idempotency-Key``: a POST that is sent again finds the flow that it made the first time.

**Source**: SPEC section 5; the IETF draft "The Idempotency-Key HTTP Header Field".
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from cfx_flow.errors import Conflict, IdempotencyMismatch, InvalidRequest
from cfx_flow.flows import statements as sql
from cfx_flow.flows.model import Flow
from cfx_flow.flows.rows import flow_of
from cfx_flow.store.jobs import Ask, Steps

HEADER = "Idempotency-Key"
MAX_CHARS = 255
KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What makes two requests of one user the same."""

    key: str
    body_hash: bytes


def ticket_of(key: str | None, body: bytes) -> Ticket | None:
    """None without the header. Raises InvalidRequest."""
    if key is None:
        return None
    if not key.strip() or len(key) > MAX_CHARS or not key.isprintable():
        raise InvalidRequest(f"{HEADER}: send 1 to {MAX_CHARS} printable characters.", param=HEADER)
    return Ticket(key, hashlib.sha256(body).digest())


def flow_for(user_id: str, ticket: Ticket, now: datetime) -> Steps[str | None]:
    """The id of the flow that the same request made. Raises IdempotencyMismatch for another body."""
    found = yield Ask(sql.TICKET, {"user_id": user_id, "key": ticket.key, "since": now - KEPT})
    if not found:
        return None
    if found[0]["body_hash"] != ticket.body_hash:
        raise IdempotencyMismatch(
            f"This {HEADER} came with another body in the last 24 hours. Send a new key with a new request.",
            param=HEADER,
        )
    return str(found[0]["flow_id"])


def made_by_twin(ticket: Ticket, flow: Flow) -> Steps[Flow]:
    """Where the ticket of ``flow`` was taken: what it was taken for. Raises IdempotencyMismatch, Conflict."""
    quicker = yield from flow_for(flow.user_id, ticket, flow.created_at)
    found = yield Ask(sql.OWN_FLOW, {"flow_id": str(quicker), "user_id": flow.user_id})
    if not found:
        raise Conflict(f"The flow that this {HEADER} made was deleted. Send a new key with a new request.")
    return flow_of(found[0])


def take_ticket(upserts: sql.Upserts, ticket: Ticket, flow: Flow) -> Steps[bool]:
    """Of a hundred at once one gets it; the others wait for that one's transaction, and get False."""
    row = {"user_id": flow.user_id, "key": ticket.key, "body_hash": ticket.body_hash, "flow_id": flow.id}
    times = {"created_at": flow.created_at, "since": flow.created_at - KEPT}
    return bool((yield Ask(upserts.ticket, {**row, **times})))
