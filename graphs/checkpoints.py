"""LangGraph's checkpoints, written with the flow's own pen: in its transactions, behind its fence.

A checkpoint is one text of JSON. What JSON does not know goes through LangGraph's serializer, which
rebuilds nothing here but the few types on its own list: by default it would call any function that
tampered bytes name.

**Source**: langgraph-checkpoint 4.3 ``BaseCheckpointSaver``; its conformance suite is among our tests.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from inspect import signature
from typing import Any, Protocol, TypeVar, cast

import msgspec
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
)
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from cfx_flow.flows.checkpoints import CheckpointRow, WriteRow, Writes
from cfx_flow.flows.jobs import Entry

T = TypeVar("T")

TYPED = "cfx:typed"
"""the one key of an object that stands for a value which JSON does not know"""


class Pen(Protocol):
    """What a flow's run writes with."""

    def put(self, entry: Entry) -> None: ...
    async def commit(self, *entries: Entry) -> None: ...


class Shelf(Protocol):
    """Where its rows stand."""

    async def checkpoints(
        self, flow_id: str, ns: str, *, id: str | None = None, only_last: bool = False
    ) -> Sequence[CheckpointRow]: ...
    async def writes(self, flow_id: str, ns: str, checkpoint_id: str) -> Sequence[WriteRow]: ...


class FlowSaver(BaseCheckpointSaver[int]):
    """Of one run."""

    def __init__(self, pen: Pen, shelf: Shelf) -> None:
        super().__init__(serde=_SERIALIZER)
        self._pen, self._shelf = pen, shelf
        self._first: Checkpoint | None = None

    def begin(self, first: Checkpoint) -> None:
        """Nothing has been saved, so nothing is looked for: the run goes on from here. This is not saved
        itself: a run that finds nothing begins so again."""
        self._first = first

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Raises ValueError, TypeError or LookupError for what was cut or tampered with."""
        flow_id, ns = _place(config)
        if self._first is not None:
            meta: CheckpointMetadata = {"source": "input", "step": 0, "parents": {}}
            return CheckpointTuple(_config(flow_id, ns, self._first["id"]), self._first, meta)
        await self._pen.commit()
        found = await self._shelf.checkpoints(flow_id, ns, id=get_checkpoint_id(config), only_last=True)
        return await self._tuple(found[0]) if found else None

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Of one thread and namespace, newest first."""
        if config is None:
            raise ValueError("a flow's saver lists one thread's checkpoints: name it")
        flow_id, ns = _place(config)
        end = get_checkpoint_id(before) if before else None
        only = get_checkpoint_id(config)
        await self._pen.commit()
        for row in await self._shelf.checkpoints(flow_id, ns, id=only):
            if limit is not None and limit <= 0:
                return
            if end is not None and row.id >= end:
                continue
            found = await self._tuple(row)
            if all(found.metadata.get(key) == value for key, value in (filter or {}).items()):
                limit = None if limit is None else limit - 1
                yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Durable before anything outside hears of the next step: it rides with that one's journal, written
        before the call, or with the flow's end. Until then the node would run again, from the journal."""
        flow_id, ns = _place(config)
        row = CheckpointRow(
            flow_id=flow_id,
            ns=ns,
            id=checkpoint["id"],
            parent_id=get_checkpoint_id(config),
            body=_checkpoint_text(checkpoint),
            meta=_meta_text(metadata),
        )
        self._first = None
        self._pen.put(Entry(checkpoint=row))
        return _config(flow_id, ns, row.id)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Durable when the run stops; the checkpoint after it holds what they were, and then they are not
        written at all."""
        checkpoint_id = str(get_checkpoint_id(config))
        rows = partial(_write_rows, _place(config), checkpoint_id, tuple(writes), task_id, task_path)
        self._pen.put(Entry(writes=Writes(checkpoint_id, rows)))

    async def adelete_thread(self, thread_id: str) -> None:
        await self._pen.commit(Entry(forgets=thread_id))

    async def _tuple(self, row: CheckpointRow) -> CheckpointTuple:
        checkpoint, meta = from_text(row.body), from_text(row.meta)
        if _shaped(checkpoint, _CheckpointShape).id != row.id:
            raise ValueError("this is another checkpoint")
        _shaped(meta, _MetaShape)
        writes = await self._shelf.writes(row.flow_id, row.ns, row.id)
        return CheckpointTuple(
            config=_config(row.flow_id, row.ns, row.id),
            checkpoint=cast(Checkpoint, checkpoint),
            metadata=cast(CheckpointMetadata, meta),
            parent_config=_config(row.flow_id, row.ns, row.parent_id) if row.parent_id else None,
            pending_writes=[(write.task_id, write.channel, from_text(write.body)) for write in writes],
        )


cast(Any, FlowSaver.aput_writes).__signature__ = signature(FlowSaver.aput_writes)
"""LangGraph asks for it in every run, and would put it together from the code each time."""


class _CheckpointShape(msgspec.Struct):
    """What LangGraph relies on without looking."""

    v: int
    id: str
    ts: str
    channel_values: dict[str, Any]
    channel_versions: dict[str, int | float | str]
    versions_seen: dict[str, dict[str, int | float | str]]
    updated_channels: list[str] | None = None


class _MetaShape(msgspec.Struct):
    step: int
    source: str


def _shaped(value: object, shape: type[T]) -> T:
    """Raises ValueError."""
    try:
        return msgspec.convert(value, type=shape)
    except msgspec.ValidationError as error:
        raise ValueError(f"this is no checkpoint: {error}") from None


def to_text(value: object) -> str:
    return _JSON.encode(value)


def _checkpoint_text(checkpoint: Checkpoint) -> str:
    """Around the channels' values LangGraph has only words and numbers."""
    return _quick_text(checkpoint) if _is_plain(checkpoint["channel_values"]) else to_text(checkpoint)


def _meta_text(meta: CheckpointMetadata) -> str:
    return _quick_text(meta) if _is_plain(meta) else to_text(meta)


def _quick_text(plain: object) -> str:
    """As ``to_text`` writes small plain values, and ours are."""
    return msgspec.json.encode(plain).decode()


def _is_plain(value: Any) -> bool:
    kind = type(value)
    if kind is dict:
        return all(map(_is_plain, value.values()))
    if kind is list:
        return all(map(_is_plain, value))
    return kind in _PLAIN and (kind is not str or value.isascii())


_PLAIN = frozenset({str, bool, int, type(None)})


def from_text(text: str) -> Any:
    """Raises ValueError or TypeError; runs nothing that the text names."""
    try:
        return json.loads(text, object_hook=_untyped)
    except RecursionError:
        raise ValueError("this is nested too deeply") from None


def _write_rows(
    place: tuple[str, str],
    checkpoint_id: str,
    writes: Sequence[tuple[str, Any]],
    task_id: str,
    task_path: str,
) -> Sequence[WriteRow]:
    flow_id, ns = place
    return [
        WriteRow(
            flow_id=flow_id,
            ns=ns,
            checkpoint_id=checkpoint_id,
            task_id=task_id,
            idx=WRITES_IDX_MAP.get(channel, n),
            task_path=task_path,
            channel=channel,
            body=to_text(value),
            again=channel in WRITES_IDX_MAP,
        )
        for n, (channel, value) in enumerate(writes)
    ]


def _place(config: RunnableConfig) -> tuple[str, str]:
    configurable: Mapping[str, Any] = config["configurable"]
    return str(configurable["thread_id"]), str(configurable.get("checkpoint_ns", ""))


def _config(flow_id: str, ns: str, checkpoint_id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": flow_id, "checkpoint_ns": ns, "checkpoint_id": checkpoint_id}}


_SERIALIZER = JsonPlusSerializer(allowed_msgpack_modules=None, allowed_json_modules=None)


def _typed(value: object) -> dict[str, Any]:
    kind, body = _SERIALIZER.dumps_typed(value)
    return {TYPED: [kind, base64.b64encode(body).decode()]}


def _untyped(value: dict[str, Any]) -> Any:
    if value.keys() != {TYPED}:
        return value
    kind, body = value[TYPED]
    if kind not in ("msgpack", "bytes", "bytearray"):
        raise ValueError("a checkpoint holds a value of a kind that is never written")
    return _SERIALIZER.loads_typed((kind, base64.b64decode(body, validate=True)))


_JSON = json.JSONEncoder(separators=(",", ":"), default=_typed)
