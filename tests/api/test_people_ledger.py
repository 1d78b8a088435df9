"""``/v1/usage``, ``/v1/logs`` and ``/v1/status``: one's own, on each store."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import update

from api.csv_export import log_csv
from cfx_flow.ledger.pages import Wanted
from cfx_flow.limits import Talk
from cfx_flow.store.tables import accounts
from tests.api.people import NOW, People, call
from tests.support.shapes import error_of

pytestmark = pytest.mark.e2e

TODAY = NOW.date()


async def test_usage_is_ones_own_per_day_stage_and_model(people: People) -> None:
    ada, bob = await people.key("ada", daily_limit=50), await people.key("bob")
    await people.log(
        [
            *(call(ada.user_id, cost_usd=Decimal("0.1")) for _ in range(3)),
            call(ada.user_id, stage="plan", model="claude-sonnet-4-5", status="error"),
            call(ada.user_id, stage=None, model=None, status="rate_limited", input_tokens=0, output_tokens=0),
            call(ada.user_id, created_at=NOW - timedelta(days=29)),
            call(ada.user_id, created_at=NOW - timedelta(days=30)),
            call(bob.user_id),
        ]
    )
    answer = await (await people.client(ada)).get("/v1/usage", params={"to": TODAY.isoformat()})
    body = answer.json()
    first = TODAY - timedelta(days=29)
    assert (body["from"], body["to"]) == (first.isoformat(), TODAY.isoformat())
    assert [(one["day"], one["stage"], one["model"], one["requests"]) for one in body["data"]] == [
        (TODAY.isoformat(), None, None, 1),
        (TODAY.isoformat(), "code", "deepseek-v3", 3),
        (TODAY.isoformat(), "plan", "claude-sonnet-4-5", 1),
        (first.isoformat(), "code", "deepseek-v3", 1),
    ]
    assert '"cost_usd":0.3,' in answer.text.replace(" ", "").replace("}", ",")
    assert body["totals"] == {
        "requests": 6,
        "errors": 1,
        "rate_limited": 1,
        "cancelled": 0,
        "input_tokens": 5000,
        "output_tokens": 100,
        "total_tokens": 5100,
        "cost_usd": 0.301083,
    }
    assert (body["today"]["limit"], body["today"]["remaining"]) == (50, 50)
    assert datetime.fromisoformat(body["today"]["reset_at"]) > NOW


@pytest.mark.parametrize(
    ("params", "days"),
    [
        ({"from": "2026-03-01", "to": "2026-03-01"}, ("2026-03-01", "2026-03-01")),
        ({"to": "2026-03-30"}, ("2026-03-01", "2026-03-30")),
        ({"to": "0001-01-03"}, ("0001-01-01", "0001-01-03")),
        ({"from": "2025-03-02", "to": "2026-03-02"}, ("2025-03-02", "2026-03-02")),
    ],
)
async def test_days_of_usage_may_be_chosen(
    client: httpx.AsyncClient, params: dict[str, str], days: tuple[str, str]
) -> None:
    body = (await client.get("/v1/usage", params=params)).json()
    assert (body["from"], body["to"], body["data"]) == (*days, [])


@pytest.mark.parametrize(
    "params",
    [
        {"from": "2025-03-01", "to": "2026-03-02"},
        {"from": "0001-01-01", "to": "9999-12-31"},
        {"from": "2026-03-02", "to": "2026-03-01"},
        {"from": "2026-02-30"},
        {"to": "\0"},
        {"to": "'; DROP TABLE daily_usage; --"},
        {"from": ""},
    ],
    ids=str,
)
async def test_range_that_makes_no_sense_is_refused(
    client: httpx.AsyncClient, params: dict[str, str]
) -> None:
    assert error_of(await client.get("/v1/usage", params=params), 400, "invalid_request")["param"]


async def test_logs_show_a_call_whole_and_only_ones_own(people: People) -> None:
    ada, bob = await people.key("ada"), await people.key("bob")
    theirs = call(
        ada.user_id, session_id="a session 🔑", estimated=True, error_message="<script>", status="error"
    )
    await people.log([theirs, call(bob.user_id)])
    (row,) = (await (await people.client(ada)).get("/v1/logs")).json()["data"]
    assert row["request_id"] == theirs.request_id
    assert (row["session_id"], row["estimated"], row["total_tokens"]) == ("a session 🔑", True, 1020)
    assert (row["cost_usd"], row["latency_ms"], row["ttft_ms"]) == (0.000361, 812, 90)
    assert (row["status"], row["error_message"]) == ("error", "<script>")
    assert datetime.fromisoformat(row["created_at"]) == NOW.replace(
        microsecond=NOW.microsecond // 1000 * 1000
    )
    assert "user_id" not in row


@pytest.mark.parametrize(
    "wanted",
    [
        {"stage": "review"},
        {"status": "cancelled"},
        {"model": "gpt-4o-mini"},
        {"session_id": "'; DROP TABLE request_logs; --"},
        {"flow_id": "0c9d2d1e-3a52-4d0a-9a39-0c1f5f3c7e11"},
        {"api_key_id": "7f0f6f0a-8f0e-4c57-a6a6-0f5d4f6b8a10"},
        {"since": (NOW + timedelta(hours=1)).isoformat()},
        {"until": (NOW - timedelta(hours=1)).isoformat()},
    ],
    ids=lambda wanted: next(iter(wanted)),
)
async def test_logs_are_filtered(people: People, wanted: dict[str, str]) -> None:
    ada = await people.key("ada")
    values: dict[str, Any] = dict(wanted)
    if "since" in values:
        values = {"created_at": NOW + timedelta(hours=2)}
    if "until" in values:
        values = {"created_at": NOW - timedelta(hours=2)}
    meant = call(ada.user_id, **values)
    await people.log([call(ada.user_id), meant, call(ada.user_id)])
    found = (await (await people.client(ada)).get("/v1/logs", params=wanted)).json()["data"]
    assert [row["request_id"] for row in found] == [meant.request_id]


async def test_pages_of_logs_hold_every_row_once_while_calls_come_in(people: People) -> None:
    ada = await people.key("ada")
    calls = [call(ada.user_id, created_at=NOW - timedelta(seconds=n // 3)) for n in range(1050)]
    await people.log(calls)
    client = await people.client(ada)
    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": 200} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/logs", params=params)).json()
        seen += [row["request_id"] for row in page["data"]]
        await people.log([call(ada.user_id, created_at=NOW + timedelta(seconds=len(seen)))])
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen))
    assert set(seen) == {one.request_id for one in calls}


@pytest.mark.parametrize(
    "params",
    [
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "9" * 5000},
        {"limit": "NaN"},
        {"cursor": "none of ours"},
        {"cursor": "eyJhIjoxfQ"},
        {"stage": "think"},
        {"status": "200"},
        {"model": "a\0b"},
        {"session_id": "\0"},
        {"model": "m" * 201},
        {"since": "yesterday"},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"until": "9999-12-31T23:59:59-14:00"},
        {"satus": "error"},
        {"flow_id": "mine"},
    ],
    ids=lambda params: str(params)[:40],
)
async def test_filter_that_makes_no_sense_is_refused(
    client: httpx.AsyncClient, params: dict[str, str]
) -> None:
    assert error_of(await client.get("/v1/logs", params=params), 400, "invalid_request")["param"]


async def test_text_in_a_filter_is_only_text(people: People) -> None:
    client = await people.client(await people.key("ada"))
    for text in ("' OR '1'='1", "%", "\\", "🔑" * 50, "\ufffd", "null"):
        for name in ("model", "session_id"):
            assert (await client.get("/v1/logs", params={name: text})).json() == {
                "data": [],
                "next_cursor": None,
            }


async def test_logs_come_as_a_table_for_who_asks_for_one(people: People) -> None:
    ada = await people.key("ada")
    odd = call(ada.user_id, session_id="=1+1", error_message='said "no",\nthen left', status="error")
    others = [call(ada.user_id, created_at=NOW - timedelta(seconds=n + 1)) for n in range(2100)]
    await people.log([odd, *others])
    client = await people.client(ada)
    table = await client.get("/v1/logs", params={"limit": 1}, headers={"accept": "text/csv"})
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(table.text, newline="")))
    (first,) = (await client.get("/v1/logs", params={"limit": 1})).json()["data"]
    assert set(rows[0]) == set(first)
    assert len({row["id"] for row in rows}) == 2101
    assert (rows[0]["session_id"], rows[0]["error_message"]) == ("'=1+1", 'said "no",\nthen left')
    assert (rows[0]["cost_usd"], rows[0]["created_at"][:23]) == ("0.000361", first["created_at"][:23])
    one_stage = {"stage": "review"}
    assert (await client.get("/v1/logs", params=one_stage, headers={"accept": "text/csv"})).text.count(
        "\n"
    ) == 1


async def test_table_of_logs_ends_at_its_most_rows(people: People) -> None:
    ada = await people.key("ada")
    await people.log([call(ada.user_id) for _ in range(30)])
    pages = [page async for page in log_csv(people.services.store, ada.user_id, Wanted(), most_rows=25)]
    assert sum(page.count("\n") for page in pages) == 26


async def test_next_table_goes_on_where_the_last_one_ended_also_within_a_millisecond(people: People) -> None:
    ada = await people.key("ada")
    moments = [NOW.replace(microsecond=123_000) + timedelta(microseconds=n * 100) for n in range(9)]
    await people.log([call(ada.user_id, created_at=moment) for moment in moments])
    found, wanted = list[str](), Wanted()
    while len(found) < 9:
        pages = [page async for page in log_csv(people.services.store, ada.user_id, wanted, most_rows=4)]
        rows = list(csv.DictReader(io.StringIO("".join(pages), newline="")))
        assert rows, "some are left out"
        found += [row["id"] for row in rows]
        wanted = Wanted(until=datetime.fromisoformat(rows[-1]["created_at"]))
    assert len(set(found)) == 9


async def test_question_that_makes_no_sense_is_refused_as_json_though_a_table_was_wanted(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/v1/logs", params={"cursor": "ours?"}, headers={"accept": "text/csv"})
    error_of(answer, 400, "invalid_request")


async def test_month_says_what_was_spent_and_what_is_left(people: People) -> None:
    ada = await people.key("ada")
    last_month = NOW.replace(day=1) - timedelta(days=1)
    dear = {"cost_usd": Decimal("1.25")}
    await people.log([call(ada.user_id, **dear), call(ada.user_id, **dear, created_at=last_month)])
    client = await people.client(ada)
    month = (await client.get("/v1/usage")).json()["month"]
    assert (month["limit_usd"], month["used_usd"], month["remaining_usd"]) == (None, 1.25, None)
    assert datetime.fromisoformat(month["reset_at"]).day == 1
    async with people.services.store.transaction() as connection:
        await connection.execute(
            update(accounts).where(accounts.c.name == "ada").values(monthly_usd=Decimal("2"))
        )
    month = (await client.get("/v1/status")).json()["month"]
    assert (month["limit_usd"], month["used_usd"], month["remaining_usd"]) == (2, 1.25, 0.75)


class Anyone:
    """A claim on a stream that goes on from no other."""

    talk = Talk(session_id=None, message_count=1, digest=b"x")

    def retires(self, running: Talk) -> bool:
        return False


async def test_status_tells_how_it_goes(people: People) -> None:
    ada, bob = await people.key("ada", daily_limit=9), await people.key("bob")
    just_now = datetime.now(UTC)
    good = [call(ada.user_id, latency_ms=n, ttft_ms=n // 10, created_at=just_now) for n in range(10, 201, 10)]
    good[0] = msgspec.structs.replace(good[0], stage="plan")
    await people.log(
        [
            *good,
            *(call(ada.user_id, status="error", latency_ms=9999, created_at=just_now) for _ in range(4)),
            call(ada.user_id, stage="plan", status="error", created_at=just_now),
            call(ada.user_id, status="rate_limited", latency_ms=1, created_at=just_now),
            call(ada.user_id, latency_ms=7777, created_at=just_now - timedelta(minutes=61)),
            call(bob.user_id, latency_ms=8888, created_at=just_now),
        ]
    )
    for _ in range(5):
        people.services.breakers.of("litellm/deepseek-v3").admit().failed()
    slot = await people.services.slots.acquire(ada.user_id, 2, Anyone(), lambda: None)
    await people.services.slots.acquire(bob.user_id, 2, Anyone(), lambda: None)
    status = (await (await people.client(ada)).get("/v1/status")).json()
    slot.release()
    assert status["latency_ms"] == {"p50": 100, "p95": 190}
    assert status["ttft_ms"] == {"p50": 10, "p95": 19}
    assert status["error_rate"] == 0.2
    assert status["window"] == {"minutes": 60, "calls": 26, "is_sample": False}
    assert status["streams"] == {"running": 1, "limit": 2}
    targets = [one["target"] for one in status["breakers"]]
    assert targets == sorted(set(targets))
    assert {"litellm/deepseek-v3", "litellm/claude-sonnet-4-5"} < set(targets)
    assert {one["target"] for one in status["breakers"] if one["state"] == "open"} == {"litellm/deepseek-v3"}
    assert (status["today"]["limit"], status["today"]["remaining"]) == (9, 9)
    assert status["account"] == {"name": "ada", "role": "user"}
    code, plan = status["by_stage"]
    assert (code["stage"], code["calls"], code["latency_ms"]) == ("code", 24, {"p50": 110, "p95": 200})
    assert (plan["stage"], plan["calls"], plan["error_rate"]) == ("plan", 2, 0.5)


async def test_status_of_a_newcomer_has_no_figures(client: httpx.AsyncClient) -> None:
    status = (await client.get("/v1/status", params={"minutes": 1440})).json()
    assert (status["latency_ms"], status["ttft_ms"], status["error_rate"]) == (None, None, None)
    error_of(await client.get("/v1/status", params={"minutes": 1441}), 400)


async def test_status_looks_at_a_bounded_number_of_calls(people: People) -> None:
    ada = await people.key("ada")
    await people.log([call(ada.user_id, created_at=datetime.now(UTC)) for _ in range(1001)])
    window = (await (await people.client(ada)).get("/v1/status")).json()["window"]
    assert window == {"minutes": 60, "calls": 1000, "is_sample": True}


@pytest.mark.parametrize("path", ["/v1/usage", "/v1/logs", "/v1/keys", "/v1/status"])
async def test_nobody_sees_anything_without_a_key(stranger: httpx.AsyncClient, path: str) -> None:
    error_of(await stranger.get(path), 401, "invalid_api_key")


async def test_document_shows_examples_of_what_people_see(stranger: httpx.AsyncClient) -> None:
    document = (await stranger.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    for name in ("Usage", "LogRow", "Key", "KeyMade", "NewKeyBody", "StatusNow"):
        (example,) = schemas[name]["examples"]
        assert set(example) <= set(schemas[name]["properties"]), name
