"""The saver does what LangGraph asks of one, and no bytes that it reads back run anything."""

from __future__ import annotations

import base64
import contextlib
import json
import uuid
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ormsgpack
import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.types import Interrupt

from cfx_flow.flows import jobs
from cfx_flow.flows.feed import Feed
from cfx_flow.flows.jobs import Entry
from cfx_flow.flows.statements import Upserts
from cfx_flow.flows.store import FlowStore
from cfx_flow.store.engine import Store
from graphs.checkpoints import TYPED, FlowSaver, from_text, to_text
from tests.support.clock import FakeClock


class OpenPen:
    """Behind no fence: the suite's threads are no flows."""

    def __init__(self, store: Store) -> None:
        self._store, self._upserts = store, Upserts(store)
        self._notes: list[Entry] = []

    def put(self, entry: Entry) -> None:
        self._notes.append(entry)

    async def commit(self, *entries: Entry) -> None:
        entries, self._notes = (*self._notes, *entries), []
        await self._store.run(lambda: jobs.write_rows("", entries, self._upserts))


async def test_saver_passes_langgraphs_conformance_suite(store: Store) -> None:
    @checkpointer_test(name="FlowSaver")
    async def saver() -> AsyncGenerator[BaseCheckpointSaver[Any], None]:
        yield FlowSaver(OpenPen(store), FlowStore(store, FakeClock(), Feed()))

    report = await validate(saver)

    failures = {name: result.failures for name, result in report.results.items() if result.failures}
    assert failures == {}
    claimed = {name for name, result in report.results.items() if result.detected}
    assert claimed == {"put", "put_writes", "get_tuple", "list", "delete_thread"}


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        {"step": 3, "message": "é\0\ud800"},
        [Interrupt(value={"gate": "plan"}, id="1")],
        {"at": datetime(2026, 1, 31, tzinfo=UTC), "id": uuid.UUID(int=7), "raw": b"\0\xff"},
    ],
)
def test_values_come_back_as_they_were(value: object) -> None:
    assert from_text(to_text(value)) == value


def hostile(mark: Path) -> list[str]:
    """Texts that would leave ``mark`` behind if anything in them were called."""
    command = f"touch {mark}"
    call = ormsgpack.packb(("os", "system", command))
    packed = [ormsgpack.packb({"x": ormsgpack.Ext(code, call)}) for code in range(8)]
    packed += [ormsgpack.packb(ormsgpack.Ext(code, call)) for code in range(8)]
    constructor = {"lc": 2, "type": "constructor", "id": ["os", "system"], "args": [command]}
    kinds = [("msgpack", body) for body in packed]
    kinds += [
        ("json", json.dumps(constructor).encode()),
        ("pickle", b"cos\nsystem\n(S'%s'\ntR." % command.encode()),
    ]
    texts = [json.dumps({TYPED: [kind, base64.b64encode(body).decode()]}) for kind, body in kinds]
    texts += [json.dumps({"channel_values": {"step": json.loads(text)}}) for text in texts]
    texts += [json.dumps(constructor), json.dumps({"channel_values": constructor}), "[" * 100_000]
    return [
        *texts,
        "",
        "x",
        "null",
        "7",
        '{"v":',
        '{"id": 7}',
        "\xff",
        f'{{"{TYPED}": 7}}',
        f'{{"{TYPED}": []}}',
    ]


def test_tampered_texts_call_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "was-here"
    texts = hostile(mark)
    assert len(texts) >= 48
    for text in texts:
        with contextlib.suppress(Exception):  # any refusal will do; what counts is the mark
            from_text(text)
    assert not mark.exists()
