"""``/v1/flows``: start the whole loop, watch it, read what it made, stop it."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from api.begin import begin_flow
from api.context import context_of
from api.dependencies import Caller, CallerAdmission, House
from api.fields import Instant, SearchText
from api.flow_json import accepted_json, change_events, changes_shown, plan_json, shown, shown_one, step_json
from api.sse import EventStream, Watch, event_json
from api.waiting import is_at_rest, preferred_wait_s, until_it_rests
from cfx_flow.accounts.principal import Principal
from cfx_flow.flows.changes import Changes
from cfx_flow.flows.evidence import reversed_patch
from cfx_flow.flows.feed import follow
from cfx_flow.flows.idempotency import ticket_of
from cfx_flow.flows.model import Flow, FlowStatus, Reason, iso
from cfx_flow.flows.pages import Wanted
from cfx_flow.flows.report import report
from cfx_flow.flows.request import FlowRequest

router = APIRouter(prefix="/v1/flows", tags=["flows"])

INT_MAX = 2**31 - 1
MOMENT_MAX = 10**14
"""milliseconds since 1970: the year 5138"""
StepNumber = Annotated[int, Path(ge=1, le=INT_MAX)]
BODY = {"content": {"application/json": {"schema": FlowRequest.model_json_schema()}}, "required": True}


def _position(
    after: Annotated[int, Query(ge=0, le=INT_MAX, description="only events after this seq")] = 0,
    last: Annotated[int | None, Header(alias="Last-Event-ID", ge=0, le=INT_MAX)] = None,
) -> int:
    """A reader that comes back knows better than the address that it was first given."""
    return after if last is None else last


Position = Annotated[int, Depends(_position)]


def _moment(
    after: Annotated[
        int | None, Query(ge=0, le=MOMENT_MAX, description="`seq` of the last change seen")
    ] = None,
    last: Annotated[int | None, Header(alias="Last-Event-ID", ge=0, le=MOMENT_MAX)] = None,
) -> int | None:
    return after if last is None else last


Moment = Annotated[int | None, Depends(_moment)]


class FlowHeaders(BaseModel):
    """What a POST may say beside its body."""

    idempotency_key: str | None = Field(None, description="same key and body within 24 hours: the same flow")
    prefer: str | None = Field(
        None, description="`wait=N` answers with the ended flow (200) if it ends within N seconds, else 202"
    )


class FlowQuery(BaseModel):
    """A slip in a filter's name would show everything: unknown ones are refused."""

    model_config = ConfigDict(extra="forbid")

    status: list[FlowStatus] = Field([], description="One or, named again, several")
    reason: Reason | None = None
    forked_from: UUID | None = Field(None, description="The id of a flow")
    since: Instant | None = Field(None, description="Made from this moment on (UTC where no zone is given)")
    until: Instant | None = Field(None, description="Made before this moment")
    q: SearchText = Field(
        "", max_length=200, description="Words of the task, in whatever case, or how the id begins"
    )
    limit: int = Field(20, ge=1, le=100)
    cursor: str | None = Field(None, description="`next_cursor` of the page before")

    @property
    def wanted(self) -> Wanted:
        parent = None if self.forked_from is None else str(self.forked_from)
        return Wanted(self.status, self.reason, parent, self.since, self.until, self.q)


Sent = Annotated[FlowHeaders, Header()]


@router.post("", status_code=202, openapi_extra={"requestBody": BODY})
async def create_flow(
    request: Request,
    house: House,
    caller: Caller,
    admission: CallerAdmission,
    sent: Sent,
) -> Response:
    """Accepts a flow: from the 202 on it is never lost.

    With `Accept: text/event-stream` the answer is its event stream, from the beginning.
    """
    body = await request.body()
    ticket = ticket_of(sent.idempotency_key, body)
    flow = None if ticket is None else await house.flows.made_by(caller.user_id, ticket)
    if flow is None:
        request_id = context_of(request.scope).request_id
        flow = await begin_flow(house, admission, request_id, body, ticket)
    return await accepted(request, house, flow, sent.prefer)


async def accepted(request: Request, house: House, flow: Flow, prefer: str | None) -> Response:
    """The flow's events, or the flow once it has ended, for who prefers to wait; else its address."""
    headers = {"location": f"/v1/flows/{flow.id}"}
    feed, read = house.flows.feed, partial(house.flows.events, flow.id, person=flow.user_id)
    if _wants_events(request):
        place, watch = house.readers.place(flow.user_id), _watch(house, context_of(request.scope).principal)
        return EventStream(follow(read, feed, flow.id, 0), place, headers, watch=watch)
    wait_s = preferred_wait_s(prefer)
    if wait_s is None:
        return JSONResponse(accepted_json(flow), 202, headers)
    headers["preference-applied"] = f"wait={wait_s}"
    await until_it_rests(follow(read, feed, flow.id, flow.last_seq), flow.status, within_s=wait_s)
    flow = await house.flows.get(flow.user_id, flow.id)
    if is_at_rest(flow.status):
        return JSONResponse(await shown_one(house, flow), 200, headers)
    return JSONResponse(accepted_json(flow), 202, headers)


@router.get("")
async def list_flows(house: House, caller: Caller, asked: Annotated[FlowQuery, Query()]) -> dict[str, Any]:
    """Newest first. With `q` a page looks through 10,000 tasks and may be short, or empty, with a
    `next_cursor` that goes on from `searched_to`."""
    page = await house.flows.list(caller.user_id, asked.wanted, limit=asked.limit, cursor=asked.cursor)
    data = await shown(house, *page.flows)
    return {"data": data, "next_cursor": page.next_cursor, "searched_to": iso(page.searched_to)}


@router.get("/events")
async def get_changes(request: Request, house: House, caller: Caller, after: Moment) -> Response:
    """Your flows as they are now, whenever one changes: as server-sent events, live, where the client accepts
    them; else JSON, once. First come those that have not ended."""
    changes = Changes(house.flows, caller.user_id, house.clock, after)
    if not _wants_events(request):
        look = await changes.look()
        events = [event_json(event) for event in await changes_shown(house, look)]
        return JSONResponse({"data": events, "last_seq": look.position})
    place, watch = house.readers.place(caller.user_id), _watch(house, caller)
    return EventStream(change_events(house, changes.follow()), place, watch=watch)


@router.get("/{flow_id}")
async def get_flow(flow_id: str, house: House, caller: Caller) -> dict[str, Any]:
    return await shown_one(house, await house.flows.get(caller.user_id, flow_id))


@router.get("/{flow_id}/events")
async def get_events(
    request: Request, flow_id: str, house: House, caller: Caller, after: Position
) -> Response:
    """As server-sent events, live until ``flow.completed``, where the client accepts them; else JSON."""
    flow = await house.flows.get(caller.user_id, flow_id)
    read = partial(house.flows.events, flow.id, person=flow.user_id)
    if not _wants_events(request):
        events = await read(after)
        return JSONResponse({"data": [event_json(event) for event in events], "last_seq": flow.last_seq})
    if flow.status.ended and after >= flow.last_seq:
        return Response(status_code=204)  # tells an EventSource that there is nothing to come back for
    feed = house.flows.feed
    place, watch = house.readers.place(caller.user_id), _watch(house, caller)
    # A power cut may take back the last events that a reader has seen: it goes on with those in their place.
    after = min(after, flow.last_seq)
    return EventStream(follow(read, feed, flow_id, after), place, watch=watch)


def _wants_events(request: Request) -> bool:
    return "text/event-stream" in request.headers.get("accept", "")


def _watch(house: House, caller: Principal | None) -> Watch:
    """Over the key, or the sign-in, that opened the stream."""
    if caller is not None and caller.sign_in is not None and house.signed_in is not None:
        return partial(house.signed_in.watch.over, caller.sign_in)
    if caller is None or caller.api_key_id is None:
        return lambda _: nullcontext()
    return partial(house.reader_watch.over, caller.api_key_id)


@router.get("/{flow_id}/diff")
async def get_diff(
    flow_id: str,
    house: House,
    caller: Caller,
    reverse: Annotated[bool, Query(description="the diff that undoes it")] = False,
) -> Response:
    """The newest diff that passed the check, in canonical form."""
    patch = await house.flows.patch(caller.user_id, flow_id)
    if reverse:
        patch = await asyncio.to_thread(reversed_patch, patch)
    return PlainTextResponse(patch, media_type="text/x-diff")


@router.get("/{flow_id}/plan")
async def get_plan(request: Request, flow_id: str, house: House, caller: Caller) -> Response:
    """The plan that counts, in Markdown; with `Accept: application/json` its contract too, as it was
    frozen."""
    planned = await house.flows.plan(caller.user_id, flow_id)
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse(plan_json(planned))
    return PlainTextResponse(planned.output or "", media_type="text/markdown")


@router.get("/{flow_id}/report")
async def get_report(flow_id: str, house: House, caller: Caller) -> Response:
    """The flow in Markdown: task, plan, rounds, findings, cost, outcome."""
    flow = await house.flows.get(caller.user_id, flow_id)
    steps = await house.flows.steps_for(caller.user_id, flow_id)
    return PlainTextResponse(report(flow, steps), media_type="text/markdown")


@router.get("/{flow_id}/steps/{n}")
async def get_step(flow_id: str, n: StepNumber, house: House, caller: Caller) -> dict[str, Any]:
    return step_json(*await house.flows.step_and_input(caller.user_id, flow_id, n))
