"""Finding flows by what their task says, alike on both databases."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec import structs

from cfx_flow.accounts.principal import Principal
from cfx_flow.flows.feed import Feed
from cfx_flow.flows.model import Budget, Flow, FlowOptions, FlowStatus
from cfx_flow.flows.pages import EVERYTHING, Page, Wanted, read_page
from cfx_flow.flows.store import FlowStore
from cfx_flow.flows.submit import Origin, new_flow
from cfx_flow.store.engine import Store
from cfx_flow.store.tables import SEARCHED_CHARS
from cfx_flow.workspace.snapshot import from_files
from cfx_flow.workspace.store import SnapshotStore
from tests.support.clock import FakeClock
from tests.support.offices import person

OPTIONS = FlowOptions(max_rounds=3, max_fixes=2, budget=Budget(Decimal(1), 1000, 60))
ADA, BOB = person("ada"), person("bob")
EMPTY = from_files({"a.txt": "a\n"})


class Desk:
    def __init__(self, store: Store) -> None:
        self.store, self.clock = store, FakeClock()
        self.flows = FlowStore(store, self.clock, Feed())

    async def flow(
        self, task: str, *, user: Principal = ADA, id: str | None = None, after_s: float = 1
    ) -> Flow:
        await SnapshotStore(self.store, self.clock).put(user.user_id, EMPTY)
        self.clock.advance(seconds=after_s)
        flow = new_flow(task, EMPTY.id, OPTIONS, Origin(user, str(uuid.uuid4()), self.clock.now()))
        return await self.flows.create(flow if id is None else structs.replace(flow, id=id))

    async def found(self, text: str, wanted: Wanted = EVERYTHING) -> list[str]:
        page = await self.flows.list(ADA.user_id, replace(wanted, text=text))
        return [flow.task for flow in page.flows]

    async def page(self, text: str, cursor: str | None = None, *, looks_at: int, limit: int = 20) -> Page:
        wanted = Wanted(text=text)
        return await read_page(
            self.store, ADA.user_id, wanted, limit=limit, cursor=cursor, searched_flows=looks_at
        )


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


@pytest.mark.parametrize(
    ("task", "text"),
    [
        ("Fix the Parser", "the parser"),
        ("Fix the Parser", "X THE P"),
        ("fix\n\tthe   parser", " fix the parser "),
        ("İSTANBUL'DAKİ müşteriler", "istanbul'daki MÜŞTERİ"),
        ("istanbul'daki müşteriler", "İSTANBUL'DAKİ"),
        ("ISPARTA'nın ığdır'ı", "ısparta'nın IĞDIR"),
        ("Die Straße fegen", "STRASSE"),
        ("100% of a_b", "0% of a_"),
        ("caf\u00e9", "cafe\u0301"),
        ("Ürünü düzelt 🚀", "🚀"),
    ],
)
async def test_words_are_found_in_whatever_case_and_script(desk: Desk, task: str, text: str) -> None:
    await desk.flow(task)
    await desk.flow("something else")
    assert await desk.found(text) == [task]


@pytest.mark.parametrize("text", ["a%b", "a_b", "a\\b", "' OR 1=1 --", "parsers"])
async def test_nothing_is_a_pattern(desk: Desk, text: str) -> None:
    await desk.flow("a x b, the parser")
    assert await desk.found(text) == []


async def test_an_id_is_found_by_how_it_begins(desk: Desk) -> None:
    flow_id = "7f3c1f8e-52a4-4f0c-9b0e-1d0a6f0c2b11"
    await desk.flow("the one", id=flow_id)
    await desk.flow("another", id="8f3c1f8e-52a4-4f0c-9b0e-1d0a6f0c2b11")
    for start in ("7f3c", "7F3C1F8E-52", "7f3c1f8e52a4", "7f3c1f8e-", flow_id):
        assert await desk.found(start) == ["the one"]
    for other in ("3c1f8e", "7f3c-", "7f3c1f8e-52a44", flow_id + "0"):
        assert await desk.found(other) == []


async def test_nobody_finds_anybody_elses(desk: Desk) -> None:
    flow = await desk.flow("the same words", user=BOB)
    assert await desk.found("the same words") == []
    assert await desk.found(flow.id) == []


async def test_a_search_stands_beside_the_other_filters(desk: Desk) -> None:
    first, second, third = [await desk.flow(f"task {n}") for n in range(3)]
    await desk.flows.cancel(ADA.user_id, second.id)
    assert await desk.found("task", Wanted(statuses=[FlowStatus.QUEUED])) == ["task 2", "task 0"]
    assert await desk.found("task", Wanted(since=second.created_at)) == ["task 2", "task 1"]
    assert await desk.found("task", Wanted(until=third.created_at)) == ["task 1", "task 0"]
    assert await desk.found("task", Wanted(since=first.created_at + timedelta(seconds=5))) == []
    assert await desk.found("  ") == ["task 2", "task 1", "task 0"]


@pytest.mark.parametrize("looks_at", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("limit", [1, 2, 20])
async def test_pages_find_every_flow_once_however_little_one_looks_at(
    desk: Desk, looks_at: int, limit: int
) -> None:
    meant = [(await desk.flow(f"rare {n}" if n % 4 == 0 else "common")).task for n in range(8)]
    seen: list[str] = []
    cursor = None
    for _ in range(30):
        page = await desk.page("RARE", cursor, looks_at=looks_at, limit=limit)
        seen += [flow.task for flow in page.flows]
        assert (page.searched_to is None) or page.next_cursor is not None
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [task for task in reversed(meant) if task != "common"]


async def test_a_search_that_has_stopped_says_where(desk: Desk) -> None:
    oldest, *others = [await desk.flow(task) for task in ("the rare one", "b", "c", "d")]
    page = await desk.page("rare", looks_at=2)
    assert (page.flows, page.searched_to) == ([], others[0].created_at)
    page = await desk.page("rare", page.next_cursor, looks_at=2)
    assert (page.flows, page.next_cursor, page.searched_to) == ([oldest], None, None)


async def test_flows_of_one_moment_are_all_looked_at(desk: Desk) -> None:
    for n in range(5):
        await desk.flow(f"task {n}", after_s=0)
    page = await desk.page("task", looks_at=2, limit=3)
    again = await desk.page("task", page.next_cursor, looks_at=2, limit=3)
    last = await desk.page("task", again.next_cursor, looks_at=2, limit=3)
    assert len({flow.id for flow in (*page.flows, *again.flows)}) == 5
    assert (last.flows, last.next_cursor) == ([], None)


async def test_of_a_long_task_the_beginning_is_searched(desk: Desk) -> None:
    task = "İ" * (SEARCHED_CHARS - 3) + "end, and much more"
    await desk.flow(task)
    await desk.flow("ŞŞ🚀" * 10_000)  # four bytes each: what one row of Postgres can hold
    assert await desk.found("iend") == [task]
    assert await desk.found("much more") == []
