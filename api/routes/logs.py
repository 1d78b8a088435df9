"""``/v1/logs``: one's own model calls and refusals, newest first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from api.accepted import prefers_csv
from api.csv_export import log_csv
from api.dependencies import Caller, House
from api.fields import Instant, Moment, SearchText, Usd
from cfx_flow.ledger.pages import Wanted, read_page
from cfx_flow.ledger.record import Status
from cfx_flow.stages.model import StageName

router = APIRouter(prefix="/v1/logs", tags=["people"])

CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string", "description": "As `data`, in columns"}}}}
}


class LogQuery(BaseModel):
    """A slip in a filter's name would show everything: unknown ones are refused."""

    model_config = ConfigDict(extra="forbid")

    stage: StageName | None = None
    status: Status | None = None
    model: SearchText | None = Field(None, max_length=200, description="As the log shows it")
    session_id: SearchText | None = Field(None, max_length=200, description="What X-CFX-Session-Id said")
    flow_id: UUID | None = Field(None, description="The calls of this flow")
    api_key_id: UUID | None = Field(None, description="Made with this key; its `id`")
    since: Instant | None = Field(None, description="From this moment on (UTC where no zone is given)")
    until: Instant | None = Field(None, description="Before this moment")
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(None, description="`next_cursor` of the page before")

    @property
    def wanted(self) -> Wanted:
        return Wanted(
            stage=self.stage,
            status=self.status,
            model=self.model,
            session_id=self.session_id,
            flow_id=None if self.flow_id is None else str(self.flow_id),
            api_key_id=None if self.api_key_id is None else str(self.api_key_id),
            since=self.since,
            until=self.until,
        )


class LogRow(BaseModel):
    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "019ab0c2-6d1e-7000-8f00-1c2d3e4f5a6b",
                    "request_id": "0c9d2d1e-3a52-4d0a-9a39-0c1f5f3c7e11",
                    "api_key_id": "7f0f6f0a-8f0e-4c57-a6a6-0f5d4f6b8a10",
                    "session_id": "fix the parser",
                    "flow_id": None,
                    "stage": "code",
                    "model": "deepseek-v3",
                    "input_tokens": 5120,
                    "output_tokens": 740,
                    "total_tokens": 5860,
                    "estimated": False,
                    "cost_usd": 0.001744,
                    "latency_ms": 8210,
                    "ttft_ms": 640,
                    "status": "success",
                    "error_message": None,
                    "created_at": "2026-11-23T12:00:00.000Z",
                }
            ]
        },
    )

    id: str
    request_id: str = Field(description="X-CFX-Request-Id; the calls of a flow share one")
    api_key_id: str | None
    session_id: str | None
    flow_id: str | None
    stage: str | None
    model: str | None
    input_tokens: int
    output_tokens: int
    total_tokens: int
    estimated: bool = Field(description="Tokens and cost were counted by us: the upstream could not report")
    cost_usd: Usd
    latency_ms: int | None
    ttft_ms: int | None = Field(description="To the first byte of the reply")
    status: Status
    error_message: str | None
    created_at: Moment


class LogPage(BaseModel):
    data: list[LogRow]
    next_cursor: str | None = Field(
        description="For the next page; null on the last one. A page that looks for a rare stage or model "
        "may be short or empty and still have one"
    )


@router.get("", response_model=LogPage, responses=CSV)
async def list_logs(
    request: Request, house: House, caller: Caller, query: Annotated[LogQuery, Query()]
) -> LogPage | Response:
    """A row appears within a second of its call's end. Rows that come meanwhile do not move the pages.

    With `Accept: text/csv` the answer is a table of all pages from `cursor` on, whatever `limit` says, of
    at most 50000 rows; the `until` of the next one is the last row's `created_at`.
    """
    if prefers_csv(request):
        lines = log_csv(house.store, caller.user_id, query.wanted, query.cursor)
        first = await anext(lines)  # what is wrong with the question is said before the 200
        headers = {"content-disposition": 'attachment; filename="cfx-logs.csv"'}
        return StreamingResponse(_resumed(first, lines), headers=headers, media_type="text/csv")
    page = await read_page(house.store, caller.user_id, query.wanted, limit=query.limit, cursor=query.cursor)
    return LogPage(data=[LogRow.model_validate(row) for row in page.rows], next_cursor=page.next_cursor)


async def _resumed(first: str, rest: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for lines in rest:
        yield lines
