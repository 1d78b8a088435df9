"""Between rows and values; no I/O here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import structs

from cfx_flow.flows.model import Event, Flow, FlowOptions, FlowStatus, Step, StoredInput
from cfx_flow.flows.usage import StageUsage
from cfx_flow.store.jobs import Row
from cfx_flow.store.types import json_text


def flow_of(row: Row) -> Flow:
    fields = {name: row[name] for name in Flow.__struct_fields__}
    fields["status"] = FlowStatus(row["status"])
    fields["options"] = FlowOptions.from_json(row["options"])
    fields["stages"] = {name: StageUsage.from_json(stored) for name, stored in row["stages"].items()}
    return Flow(**fields)


def flow_row(flow: Flow) -> dict[str, Any]:
    row = structs.asdict(flow)
    row["options"] = flow.options.to_json()
    row["stages"] = stages_json(flow.stages)
    return row


def stages_json(stages: Mapping[str, StageUsage]) -> dict[str, Any]:
    return {name: stage.to_json() for name, stage in stages.items()}


def step_of(row: Row) -> Step:
    return Step(**{name: row[name] for name in Step.__struct_fields__})


def step_row(flow_id: str, step: Step) -> dict[str, Any]:
    """All but its input."""
    row = structs.asdict(step)
    row["flow_id"], row["detail"], row["output"] = flow_id, storable(step.detail), storable_text(step.output)
    return row


def input_of(row: Row) -> StoredInput:
    return StoredInput(row["input"], row["body"], row["begins_as"], row["same_bytes"] or 0)


def input_row(flow_id: str, n: int, input: StoredInput) -> dict[str, Any]:
    """Of one that is not in its step's row."""
    row = structs.asdict(input)
    del row["in_row"]
    return row | {"flow_id": flow_id, "n": n}


def event_of(row: Row) -> Event:
    return Event(seq=row["seq"], type=row["type"], at=row["at"], **row["body"])


def event_row(flow_id: str, later: int, event: Event) -> dict[str, Any]:
    """``later``: events that follow it in the same transaction."""
    return {
        "b_flow_id": flow_id,
        "later": later,
        "type": event.type,
        "at": event.at,
        "body": storable(event.body()),
    }


NUL_SHOWN = "\u2400"


def storable(value: object) -> msgspec.Raw:
    """As JSON that both databases take: Postgres has no NUL, UTF-8 no lone surrogates, and models write
    either."""
    try:
        encoded = msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError):
        return msgspec.Raw(json_text(_mended(value)).encode())
    has_nul = encoded.find(b"\\u0000") >= 0  # ``in`` would first take it for a number
    return msgspec.Raw(json_text(_mended(value)).encode() if has_nul else encoded)


def storable_text(text: str | None) -> str | None:
    if text is None or (text.isascii() and "\0" not in text):
        return text
    return text.replace("\0", NUL_SHOWN).encode("utf-8", "replace").decode("utf-8")


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, Mapping):
        return {_mended(key): _mended(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mended(item) for item in value]
    return value
