"""What one run writes: in the order in which it was put, however slow the database is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cfx_flow.flows.checkpoints import CheckpointRow
from cfx_flow.flows.feed import Feed
from cfx_flow.flows.jobs import Entry, Fence
from cfx_flow.flows.model import Event, Fenced
from cfx_flow.flows.pen import LAZY_S, Pen
from cfx_flow.flows.store import FlowStore
from cfx_flow.store.engine import Store
from tests.flows.test_store import Desk

CHECKPOINT: dict[str, Any] = {"ns": "", "id": "1", "parent_id": None, "body": "{}", "meta": "{}"}


class SlowAtFirst(FlowStore):
    pause_s = 4 * LAZY_S

    async def write(self, fence: Fence, *entries: Entry, is_lazy: bool = False) -> None:
        pause_s, self.pause_s = self.pause_s, 0.0
        await asyncio.sleep(pause_s)
        await super().write(fence, *entries, is_lazy=is_lazy)


async def test_notes_that_a_slow_database_still_takes_are_not_overtaken_by_later_ones(store: Store) -> None:
    desk = Desk(store)
    flow = await desk.flow()
    claimed = await desk.flows.claim(flow.id)
    assert claimed is not None
    pen = Pen(SlowAtFirst(store, desk.clock, Feed()), Fence(flow.id, claimed.epoch))

    def told(type_: str) -> Entry:
        return Entry(events=[Event(type=type_, at=desk.clock.now())])

    for type_ in ("first", "second"):
        pen.put(told(type_))
        await asyncio.sleep(2 * LAZY_S)  # by now it is being written
    await pen.commit(told("third"))

    assert [event.type for event in await desk.flows.events(flow.id)][-3:] == ["first", "second", "third"]


async def test_a_runner_whose_epoch_is_over_forgets_no_checkpoints(store: Store) -> None:
    desk = Desk(store)
    flow = await desk.flow()
    pens = []
    for _ in range(2):
        claimed = await desk.flows.claim(flow.id)
        assert claimed is not None
        pens.append(Pen(desk.flows, Fence(flow.id, claimed.epoch)))
    old, new = pens
    await new.commit(Entry(checkpoint=CheckpointRow(flow_id=flow.id, **CHECKPOINT)))

    with pytest.raises(Fenced):
        await old.commit(Entry(forgets=flow.id))
    assert [row.id for row in await desk.flows.checkpoints(flow.id, "")] == ["1"]

    await new.commit(Entry(forgets=flow.id))
    assert await desk.flows.checkpoints(flow.id, "") == []
