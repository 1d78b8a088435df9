"""Between rows and values; no I/O here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cfx_flow.flows.model import Event, Flow, FlowOptions, FlowStatus, StageUsage, Step
from cfx_flow.store.jobs import Row


def flow_of(row: Row) -> Flow:
    fields = {name: row[name] for name in Flow.__slots__}
    fields["status"] = FlowStatus(row["status"])
    fields["options"] = FlowOptions.from_json(row["options"])
    fields["stages"] = {name: StageUsage.from_json(stored) for name, stored in row["stages"].items()}
    return Flow(**fields)


def flow_row(flow: Flow) -> dict[str, Any]:
    row = {name: getattr(flow, name) for name in Flow.__slots__}
    row["options"] = flow.options.to_json()
    row["stages"] = stages_json(flow.stages)
    return row


def stages_json(stages: Mapping[str, StageUsage]) -> dict[str, Any]:
    return {name: stage.to_json() for name, stage in stages.items()}


def step_of(row: Row) -> Step:
    return Step(**{name: row[name] for name in Step.__slots__})


def step_row(flow_id: str, step: Step) -> dict[str, Any]:
    row = {name: getattr(step, name) for name in Step.__slots__}
    row["input"], row["detail"] = storable(dict(step.input)), storable(dict(step.detail))
    row["output"] = storable(step.output)
    return {"flow_id": flow_id, **row}


def event_of(row: Row) -> Event:
    return Event(seq=row["seq"], type=row["type"], at=row["at"], **row["body"])


def event_row(flow_id: str, seq: int, event: Event) -> dict[str, Any]:
    return {
        "flow_id": flow_id,
        "seq": seq,
        "type": event.type,
        "at": event.at,
        "body": storable(event.body()),
    }


NUL_SHOWN = "\u2400"


def storable(value: Any) -> Any:
    """What both databases take: Postgres has no NUL, UTF-8 no lone surrogates, and models write either."""
    if isinstance(value, str):
        if value.isascii() and "\0" not in value:
            return value
        return value.replace("\0", NUL_SHOWN).encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value
