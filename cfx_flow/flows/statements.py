"""The statements of a flow's life, each made once; ``jobs`` says in which order they run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Table,
    Update,
    and_,
    bindparam,
    delete,
    insert,
    or_,
    select,
    union_all,
    update,
)

from cfx_flow.flows.checkpoints import CheckpointRow, WriteRow
from cfx_flow.flows.effects import Effect
from cfx_flow.flows.model import UNFINISHED, Flow, FlowStatus, Step
from cfx_flow.store.engine import Store
from cfx_flow.store.tables import (
    accounts,
    effects,
    flow_checkpoint_writes,
    flow_checkpoints,
    flow_events,
    flow_search,
    flow_step_inputs,
    flow_steps,
    flows,
    idempotency_keys,
)
from cfx_flow.store.types import UtcDateTime


def _is_one_of(statuses: Iterable[FlowStatus]) -> ColumnElement[bool]:
    """Not IN: how many values it has would be known only when it is run."""
    return or_(*(flows.c.status == status for status in statuses))


FLOWS = select(*(flows.c[name] for name in Flow.__struct_fields__))
FLOW = FLOWS.where(flows.c.id == bindparam("flow_id"))
FLOW_TO_TAKE = FLOW.with_for_update(key_share=True)
"""Held from here on: what whoever ran it is just writing is waited for, and known."""
OWN_FLOW = FLOW.where(flows.c.user_id == bindparam("user_id"))
UNFINISHED_FLOWS = (
    select(flows.c.id, flows.c.user_id)
    .where(_is_one_of([FlowStatus.QUEUED, FlowStatus.IN_PROGRESS]))
    .order_by(flows.c.created_at, flows.c.id)
)
OF_DISABLED_OWNERS = (
    select(flows.c.id)
    .outerjoin(accounts, accounts.c.user_id == flows.c.user_id)
    .where(
        _is_one_of([FlowStatus.QUEUED, FlowStatus.IN_PROGRESS]),
        accounts.c.disabled_at.is_not(None) | accounts.c.user_id.is_(None),
    )
    .limit(1000)
)
_STIRS = select(flows.c.id, flows.c.last_seq, flows.c.created_at).where(
    flows.c.user_id == bindparam("user_id")
)
_STIRRING = union_all(
    _STIRS.where(flows.c.completed_at.is_(None)),
    _STIRS.where(flows.c.completed_at >= bindparam("since", type_=UtcDateTime())),
).subquery()
STIRRING = (
    select(_STIRRING.c.id, _STIRRING.c.last_seq)
    .order_by(_STIRRING.c.created_at.desc(), _STIRRING.c.id.desc())
    .limit(bindparam("at_most"))
)
"""Not OR: with that SQLite walks over all flows of the user, 47 ms of a hundred thousand and not 0.3."""
NEW_FLOW = insert(flows).values({name: bindparam(name) for name in Flow.__struct_fields__})
NEW_SEARCH = insert(flow_search).values({column.name: bindparam(column.name) for column in flow_search.c})

_KEYS = idempotency_keys.c
TICKET = select(_KEYS.body_hash, _KEYS.flow_id).where(
    _KEYS.user_id == bindparam("user_id"),
    _KEYS.key == bindparam("key"),
    _KEYS.created_at > bindparam("since"),
)

EVENTS = (
    select(flow_events)
    .where(flow_events.c.flow_id == bindparam("flow_id"), flow_events.c.seq > bindparam("after"))
    .order_by(flow_events.c.seq)
    .limit(bindparam("at_most"))
)
_TOLD = [flow_events.c[name] for name in ("type", "at", "body")]
NEW_EVENT = insert(flow_events).from_select(
    ["flow_id", "seq", *_TOLD],
    select(
        flows.c.id,
        flows.c.last_seq - bindparam("later"),
        *(bindparam(column.name, type_=column.type) for column in _TOLD),
    ).where(flows.c.id == bindparam("b_flow_id")),
)
"""Numbered by the flow's row. A statement that gives the number back costs SQLite a table to put it into."""

_STEP_KEYS = ("flow_id", "n")
STEPS = select(*(flow_steps.c[name] for name in Step.__struct_fields__)).where(
    flow_steps.c.flow_id == bindparam("flow_id")
)
"""all but their inputs, which may be big"""

STEP = STEPS.where(flow_steps.c.n == bindparam("n"))
STEPS_IN_ORDER = STEPS.order_by(flow_steps.c.n)
_AND_INPUTS = STEPS.outerjoin(
    flow_step_inputs, and_(*(flow_step_inputs.c[key] == flow_steps.c[key] for key in _STEP_KEYS))
).add_columns(flow_steps.c.input, *(flow_step_inputs.c[name] for name in ("body", "begins_as", "same_bytes")))
STEP_AND_INPUT = _AND_INPUTS.where(flow_steps.c.n == bindparam("n"))
STEPS_AND_INPUTS = _AND_INPUTS.order_by(flow_steps.c.n)
PATCH = (
    select(flow_steps.c.output)
    .where(
        flow_steps.c.flow_id == bindparam("flow_id"),
        flow_steps.c.node == "check",
        flow_steps.c.status == "completed",
        flow_steps.c.detail["status"].as_string() == "accepted",
    )
    .order_by(flow_steps.c.n.desc())
    .limit(1)
)
"""As ``accepted`` finds it among all steps. Not in the flow's row, which every transition writes again."""
TIMES_OF_TESTS = select(flow_steps.c.started_at, flow_steps.c.completed_at).where(
    flow_steps.c.flow_id == bindparam("flow_id"),
    flow_steps.c.n > bindparam("after"),
    flow_steps.c.node == "test",
    flow_steps.c.status == "completed",
)
_AS_OPENED = (*_STEP_KEYS, "input", "round", "node", "started_at")
OPEN_STEP = (
    update(flow_steps)
    .where(flow_steps.c.flow_id == bindparam("b_flow_id"), flow_steps.c.n == bindparam("b_n"))
    .values({c.name: bindparam(c.name) for c in flow_steps.c if c.name not in _AS_OPENED})
)
_CALLS = ("model", "attempts", "input_tokens", "output_tokens", "cost_usd")
CLOSE_STEPS = (
    update(flow_steps)
    .where(flow_steps.c.flow_id == bindparam("b_flow_id"), flow_steps.c.status == "started")
    .values(status=bindparam("status"), completed_at=bindparam("completed_at"))
    .returning(flow_steps.c.n, flow_steps.c.detail, *(flow_steps.c[name] for name in _CALLS))
)
MORE_CALLS = (
    update(flow_steps)
    .where(flow_steps.c.flow_id == bindparam("b_flow_id"), flow_steps.c.n == bindparam("b_n"))
    .values({name: bindparam(name) for name in _CALLS})
)

_EFFECT_KEYS = ("flow_id", "step", "call", "request_hash")
_EFFECT = select(*(effects.c[name] for name in Effect.__struct_fields__))
EFFECT = _EFFECT.where(*(effects.c[name] == bindparam(name) for name in _EFFECT_KEYS))
EFFECTS_OF_STEP = _EFFECT.where(
    effects.c.flow_id == bindparam("flow_id"), effects.c.step == bindparam("step")
).order_by(effects.c.done_at, effects.c.call)

_OF_FLOW: BindParameter[str] = bindparam("flow_id")
_CHECKPOINT = [flow_checkpoints.c[name] for name in CheckpointRow.__struct_fields__]
_IN_NS = select(*_CHECKPOINT).where(
    flow_checkpoints.c.flow_id == _OF_FLOW, flow_checkpoints.c.ns == bindparam("ns")
)
CHECKPOINT = _IN_NS.where(flow_checkpoints.c.id == bindparam("id"))
CHECKPOINTS = _IN_NS.order_by(flow_checkpoints.c.id.desc())
LAST_CHECKPOINT = CHECKPOINTS.limit(1)
WRITES = (
    select(*(flow_checkpoint_writes.c[name] for name in WriteRow.__struct_fields__ if name != "again"))
    .where(
        flow_checkpoint_writes.c.flow_id == _OF_FLOW,
        flow_checkpoint_writes.c.ns == bindparam("ns"),
        flow_checkpoint_writes.c.checkpoint_id == bindparam("id"),
    )
    .order_by(
        flow_checkpoint_writes.c.task_path, flow_checkpoint_writes.c.task_id, flow_checkpoint_writes.c.idx
    )
)
NO_CHECKPOINTS = delete(flow_checkpoints).where(flow_checkpoints.c.flow_id == _OF_FLOW)
NO_WRITES = delete(flow_checkpoint_writes).where(flow_checkpoint_writes.c.flow_id == _OF_FLOW)


@cache
def change(names: frozenset[str]) -> Update:
    """The named columns of a flow's row, if it still is as a fence says, and the number of its last event."""
    return (
        update(flows)
        .where(
            flows.c.id == bindparam("b_flow_id"),
            flows.c.epoch == bindparam("b_epoch"),
            flows.c.status == bindparam("b_status"),
        )
        .values({name: bindparam(name) for name in sorted(names)})
        .values(last_seq=flows.c.last_seq + bindparam("more_events"))
    )


@cache
def end(names: frozenset[str], *, in_epoch: bool) -> Update:
    """The named columns of a flow that has not ended, its last status among them, and the number of its last
    event; gives what its end calls for."""
    statement = (
        update(flows)
        .where(flows.c.id == bindparam("b_flow_id"), _is_one_of(sorted(UNFINISHED)))
        .values({"gate": None, "decision": None} | {name: bindparam(name) for name in sorted(names)})
        .values(epoch=flows.c.epoch + 1, version=flows.c.version + 1)
        .values(last_seq=flows.c.last_seq + bindparam("more_events"))
        .returning(flows.c.user_id, flows.c.options)
    )
    return statement.where(flows.c.epoch == bindparam("b_epoch")) if in_epoch else statement


class Upserts:
    """A node that runs again after a crash writes the same rows again. ON CONFLICT is each dialect's own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.step = self._replacing(flow_steps, _STEP_KEYS)
        self.input = self._replacing(flow_step_inputs, _STEP_KEYS)
        self.effect = self._replacing(effects, _EFFECT_KEYS)
        self.checkpoint = self._replacing(flow_checkpoints, ("flow_id", "ns", "id"))
        write_keys = ("flow_id", "ns", "checkpoint_id", "task_id", "idx")
        self.write_again = self._replacing(flow_checkpoint_writes, write_keys)
        self.write = self._insert(flow_checkpoint_writes).on_conflict_do_nothing(index_elements=write_keys)

        ticket = self._insert(idempotency_keys)
        row = {name: ticket.excluded[name] for name in ("body_hash", "flow_id", "created_at")}
        gone: BindParameter[datetime] = bindparam("since", type_=UtcDateTime())
        self.ticket = ticket.on_conflict_do_update(
            index_elements=["user_id", "key"], set_=row, where=idempotency_keys.c.created_at <= gone
        ).returning(idempotency_keys.c.flow_id)

    def _insert(self, table: Table) -> Any:
        return self._store.insert(table).values({column.name: bindparam(column.name) for column in table.c})

    def _replacing(self, table: Table, keys: tuple[str, ...]) -> Any:
        statement = self._insert(table)
        changed = {c.name: statement.excluded[c.name] for c in table.c if c.name not in keys}
        return statement.on_conflict_do_update(index_elements=keys, set_=changed)
