"""Reading the log: newest first, every row once, only one's own, in bounded time."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from cfx_flow.errors import InvalidRequest
from cfx_flow.ledger.pages import Page, Wanted, read_page
from cfx_flow.store.cursor import Position
from cfx_flow.store.engine import Store
from tests.ledger.conftest import NOON, call, store_calls

ADA, BOB = str(uuid.uuid4()), str(uuid.uuid4())
ALL = Wanted()


async def read_all(store: Store, wanted: Wanted = ALL, **how: int) -> list[Page]:
    read: list[Page] = []
    cursor: str | None = None
    while not read or cursor is not None:
        read.append(await read_page(store, ADA, wanted, cursor=cursor, **{"limit": 100} | how))
        cursor = read[-1].next_cursor
    return read


def ids(read: list[Page]) -> list[str]:
    return [row.request_id for page in read for row in page.rows]


def spread(count: int, **values: Any) -> list[Any]:
    """Calls a second apart, three of them at the same moment each time."""
    return [
        call(**{"user_id": ADA, "created_at": NOON - timedelta(seconds=n // 3)} | values)
        for n in range(count)
    ]


async def test_every_row_comes_once_newest_first_whatever_is_written_meanwhile(store: Store) -> None:
    calls = spread(1100)
    await store_calls(store, calls)
    seen: list[tuple[datetime, str]] = []
    cursor = None
    while True:
        page = await read_page(store, ADA, ALL, limit=37, cursor=cursor)
        seen += [(row.created_at, row.request_id) for row in page.rows]
        later = [call(user_id=ADA, created_at=NOON + timedelta(seconds=len(seen) + n)) for n in range(5)]
        await store_calls(store, [*later, call(user_id=BOB)])
        cursor = page.next_cursor
        if cursor is None:
            break
    assert [moment for moment, _ in seen] == sorted((moment for moment, _ in seen), reverse=True)
    assert len(seen) == len(set(seen))
    assert {request_id for _, request_id in seen} == {one.request_id for one in calls}


@pytest.mark.parametrize(
    "wanted",
    [
        {"stage": "review"},
        {"status": "error"},
        {"status": "success"},
        {"model": "gpt-4o-mini"},
        {"session_id": "a session 🔑"},
        {"stage": "review", "status": "error", "model": "gpt-4o-mini", "session_id": "a session 🔑"},
    ],
    ids=str,
)
async def test_filter_leaves_what_it_names(store: Store, wanted: dict[str, Any]) -> None:
    special = {"stage": "review", "status": "error", "model": "gpt-4o-mini", "session_id": "a session 🔑"}
    meant, others = spread(5, **wanted), spread(20)
    if wanted.get("status") == "success":
        others = spread(20, status="cancelled")
    await store_calls(store, [*meant, *others, *spread(3, **special | {"user_id": BOB})])
    assert set(ids(await read_all(store, Wanted(**wanted), limit=2))) == {one.request_id for one in meant}


async def test_times_bound_the_list_from_inside_and_outside(store: Store) -> None:
    calls = [call(user_id=ADA, created_at=NOON + timedelta(minutes=n)) for n in range(5)]
    await store_calls(store, calls)
    wanted = Wanted(since=calls[1].created_at, until=calls[3].created_at)
    assert ids(await read_all(store, wanted)) == [calls[2].request_id, calls[1].request_id]


async def test_page_looks_through_a_bounded_number_of_rows_and_the_next_goes_on(store: Store) -> None:
    rare = spread(1, stage="direct", created_at=NOON - timedelta(hours=1))
    await store_calls(store, [*spread(120), *rare])
    read = await read_all(store, Wanted(stage="direct"), scanned_rows=50)
    assert [len(page.rows) for page in read] == [0, 0, 1]


async def test_many_rows_of_one_moment_do_not_hold_the_reader_up(store: Store) -> None:
    common = [call(user_id=ADA) for _ in range(60)]
    rare = [call(user_id=ADA, stage="direct") for _ in range(3)]
    await store_calls(store, [rare[0], *common, *rare[1:]])
    found = ids(await read_all(store, Wanted(stage="direct"), limit=1, scanned_rows=10))
    assert sorted(found) == sorted(one.request_id for one in rare)


async def test_days_without_such_calls_are_passed_over(store: Store) -> None:
    old = spread(2, stage="direct", created_at=NOON - timedelta(days=300))
    await store_calls(store, [*spread(50), *old])
    read = await read_all(store, Wanted(stage="direct"), limit=1)
    assert [len(page.rows) for page in read] == [1, 1]
    assert len(await read_all(store, Wanted(stage="plan"))) == 1


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "AAAA", "🔑", "W10", "W251bGwsIG51bGxd", "\0", "A" * 100_000, "WzEsMl0", "null"],
)
async def test_strange_cursor_is_refused(sqlite_store: Store, cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="next_cursor"):
        await read_page(sqlite_store, ADA, ALL, limit=1, cursor=cursor)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_cursor_beyond_all_time_is_refused(sqlite_store: Store, moment: str) -> None:
    cursor = Position(datetime.fromisoformat(moment), ADA).to_cursor()
    with pytest.raises(InvalidRequest):
        await read_page(sqlite_store, ADA, ALL, limit=1, cursor=cursor)


async def test_cursor_of_the_last_day_of_time_is_an_empty_page(store: Store) -> None:
    await store_calls(store, spread(1))
    cursor = Position(datetime(9999, 12, 31, 23, 59, tzinfo=UTC), ADA).to_cursor()
    for wanted in (ALL, Wanted(stage="code")):
        page = await read_page(store, ADA, wanted, limit=1, cursor=cursor)
        assert len(page.rows) == 1


# Plans --------------------------------------------------------------------------------------------


async def plans_of(store: Store, wanted: Wanted, cursor: str) -> list[str]:
    """SQLite's own words on how it answers each statement of a page."""
    said: list[tuple[str, Any]] = []
    engine = store._engine.sync_engine

    @event.listens_for(engine, "before_cursor_execute")
    def heard(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        said.append((statement, parameters))

    await read_page(store, ADA, wanted, limit=10, cursor=cursor)
    event.remove(engine, "before_cursor_execute", heard)
    async with store.read() as connection:
        return [
            " / ".join(
                row[3] for row in await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)
            )
            for sql, values in said
        ]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (ALL, "user_id_created_at (user_id=? AND created_at<?)"),
        (Wanted(status="success"), "user_id_created_at (user_id=? AND created_at<?)"),
        (Wanted(status="error"), "user_id_status_created_at (user_id=? AND status=? AND created_at<?)"),
        (
            Wanted(session_id="s"),
            "user_id_session_id_created_at (user_id=? AND session_id=? AND created_at<?)",
        ),
        (Wanted(stage="plan"), "user_id_created_at (user_id=? AND created_at<?)"),
        (
            Wanted(stage="plan", status="error"),
            "user_id_status_created_at (user_id=? AND status=? AND created_at<?)",
        ),
    ],
    ids=lambda value: str(value)[:70],
)
async def test_each_page_is_a_bounded_walk_over_an_index(
    sqlite_store: Store, wanted: Wanted, index: str
) -> None:
    await store_calls(sqlite_store, spread(2, stage="plan"))
    plans = await plans_of(sqlite_store, wanted, Position(NOON, ADA).to_cursor())
    of_logs = [plan for plan in plans if "request_logs" in plan]
    assert of_logs
    assert all(f"ix_request_logs_{index}" in plan for plan in of_logs), plans
    assert not [plan for plan in plans if "SCAN" in plan]
