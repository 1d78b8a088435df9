"""Whatever goes wrong, the caller gets OpenAI's JSON, and nothing of ours leaks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.types import Message, Receive, Scope, Send

from api.context import context_of
from api.errors import error_response
from api.middleware.entry import Entry
from api.refusals import install_error_handlers, invalid_request
from cfx_flow.clock import SystemClock
from cfx_flow.errors import Conflict, InvalidRequest, RateLimitExceeded
from tests.api.conftest import client_of
from tests.support.shapes import assert_identified, error_of


class Order(BaseModel):
    task: str
    files: dict[str, int] = {}


def _shop() -> FastAPI:
    app = FastAPI()
    install_error_handlers(app)

    @app.post("/orders/{number}")
    async def order(number: int, order: Order, limit: int = 1) -> str:
        return order.task

    @app.get("/conflict")
    async def conflict() -> None:
        raise Conflict("It has ended.", param="status")

    @app.get("/bug")
    async def bug() -> None:
        raise ValueError("the password is hunter2")

    @app.get("/orders")
    async def orders() -> None: ...

    @app.delete("/orders")
    async def forget() -> None: ...

    return app


@pytest.fixture
async def shop() -> AsyncIterator[httpx.AsyncClient]:
    """Routes of every kind behind the outermost middleware."""
    async with client_of(Entry(_shop(), clock=SystemClock())) as client:
        yield client


BODIES: dict[str, tuple[bytes, str | None, str]] = {
    # what: the body, the param, part of the message
    "wrong type": (b'{"task": 7}', "task", "task: Input should be a valid string"),
    "wrong type inside": (b'{"task": "x", "files": {"a.py": "y"}}', "files.a.py", "valid integer"),
    "missing field": (b"{}", "task", "task: Field required"),
    "a list": (b"[]", None, "Input should be"),
    "nothing": (b"", None, "The body is empty"),
    "cut": (b'{"task": "x"', None, "not valid JSON"),
    "rubbish": (b"rubbish", None, "not valid JSON"),
    "not UTF-8": (b'{"task": "\xff"}', None, "not UTF-8"),
    "too deep": (b"[" * 200_000, None, "nested too deeply"),
}


@pytest.mark.parametrize(("body", "param", "says"), BODIES.values(), ids=BODIES)
async def test_body_that_is_wrong_is_a_400_that_names_the_field(
    shop: httpx.AsyncClient, body: bytes, param: str | None, says: str
) -> None:
    answer = await shop.post("/orders/1", content=body, headers={"content-type": "application/json"})
    error = error_of(answer, 400, "invalid_request")
    assert says in error["message"]
    assert param is None or error["param"] == param


@pytest.mark.parametrize(("path", "param"), [("/orders/x", "number"), ("/orders/1?limit=many", "limit")])
async def test_address_that_is_wrong_is_a_400_that_names_the_part(
    shop: httpx.AsyncClient, path: str, param: str
) -> None:
    error = error_of(await shop.post(path, json={"task": "x"}), 400, "invalid_request")
    assert error["param"] == param


def test_long_list_of_problems_is_cut_short() -> None:
    problem = {"type": "missing", "loc": ("body", "f" * 10_000), "msg": "Field required"}
    error = invalid_request([problem] * 1000)
    assert error.message.endswith("and 995 more")
    assert len(error.message) < 2000


async def test_unknown_path_points_to_the_document(shop: httpx.AsyncClient) -> None:
    error = error_of(await shop.get(f"/{'x' * 5000}"), 404, "not_found")
    assert "GET /docs" in error["message"]
    assert len(error["message"]) < 400


async def test_wrong_method_is_told_every_right_one(shop: httpx.AsyncClient) -> None:
    answer = await shop.put("/orders")
    error = error_of(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "DELETE, GET"
    assert "it takes DELETE, GET" in error["message"]


async def test_refusal_of_ours_keeps_its_status_code_and_param(shop: httpx.AsyncClient) -> None:
    answer = await shop.get("/conflict")
    assert error_of(answer, 409, "conflict") == {
        "message": "It has ended.",
        "type": "invalid_request_error",
        "param": "status",
        "code": "conflict",
    }
    assert answer.headers["x-should-retry"] == "false"


async def _broken(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("the password is hunter2")


async def _refusing(scope: Scope, receive: Receive, send: Send) -> None:
    raise RateLimitExceeded("Come back later.", headers={"retry-after": "60"})


async def _breaking_off(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-mine", b"1")]})
    await send({"type": "http.response.body", "body": b"half a", "more_body": True})
    raise ValueError("the password is hunter2")


@pytest.mark.parametrize("app", [_broken, _shop()], ids=["plain ASGI", "FastAPI"])
async def test_bug_of_ours_is_a_500_with_a_number_and_no_more(app: Any) -> None:
    async with client_of(Entry(app, clock=SystemClock())) as client:
        answer = await client.get("/bug")
    assert answer.status_code == 500
    assert_identified(answer)
    error = answer.json()["error"]
    assert error["code"] == "internal_error"
    assert answer.headers["x-request-id"] in error["message"]
    assert "hunter2" not in answer.text


class _BrokenAdmission:
    async def status(self) -> None:
        raise TypeError("a bug in the counters")


async def _with_broken_limits(scope: Scope, receive: Receive, send: Send) -> None:
    context_of(scope).admission = _BrokenAdmission()  # type: ignore[assignment]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def test_bug_in_what_every_answer_carries_is_an_answer_all_the_same() -> None:
    async with client_of(Entry(_with_broken_limits, clock=SystemClock())) as client:
        answer = await client.get("/")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"


async def test_refusal_that_no_one_catches_is_answered_at_the_edge() -> None:
    async with client_of(Entry(_refusing, clock=SystemClock())) as client:
        answer = await client.get("/")
    error_of(answer, 429, "rate_limit_exceeded")
    assert answer.headers["retry-after"] == "60"


async def test_bug_after_the_first_byte_breaks_the_answer_off() -> None:
    """uvicorn closes the connection of an answer without an end, so the client sees that it was cut."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    await Entry(_breaking_off, clock=SystemClock())(scope, _nothing, send)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[-1]["more_body"]


async def _nothing() -> Message:
    return {"type": "http.request"}


@pytest.mark.parametrize("text", ["Grüße", "\ud800", "line\r\nbreak", "🦊", "\x00"])
def test_any_text_fits_into_an_answer(text: str) -> None:
    response = error_response(InvalidRequest(text, headers={"x-note": text.replace("\r\n", " ")}))
    assert response.status_code == 400
    assert response.body.decode("utf-8")
