"""``/v1/flows/{id}/…``: a person's word on a flow: decide, go on, try another way, stop."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.context import context_of
from api.dependencies import Caller, CallerAdmission, House
from api.flow_json import accepted_json, shown_one
from api.routes.flows import Sent, accepted
from cfx_flow.accounts.bounds import require_flow
from cfx_flow.flows.decision import DecisionRequest, must_be_awaited
from cfx_flow.flows.fork import ForkRequest, fork, story_of
from cfx_flow.flows.idempotency import ticket_of
from cfx_flow.flows.model import Flow
from cfx_flow.flows.request import Strict, read_as, require_policy
from cfx_flow.flows.resume import ResumeRequest, require_its_models, resumed_options
from cfx_flow.flows.submit import Origin

router = APIRouter(prefix="/v1/flows/{flow_id}", tags=["flows"])


def body_of(kind: type[Strict], *, required: bool = True) -> dict[str, Any]:
    content = {"application/json": {"schema": kind.model_json_schema()}}
    return {"requestBody": {"content": content, "required": required}}


async def flow_to_steer(house: House, caller: Caller, flow_id: str) -> Flow:
    """Whoever could not start such a flow may look at it, and do nothing more. Raises NotFound,
    PermissionDenied."""
    flow = await house.flows.get(caller.user_id, flow_id)
    require_flow(caller, flow.options.models.items(), house.models)
    return flow


@router.post("/decision", openapi_extra=body_of(DecisionRequest))
async def decide(request: Request, flow_id: str, house: House, caller: Caller) -> dict[str, Any]:
    """A person's word at a gate, bound to the version that they have looked at; the first one counts."""
    asked = read_as(DecisionRequest, await request.body())
    flow = await flow_to_steer(house, caller, flow_id)
    must_be_awaited(flow, asked)
    decided = await house.flows.decide(flow, asked.said)
    await house.dispatcher.wake(flow_id, caller.user_id)
    return await shown_one(house, decided)


@router.post("/resume", status_code=202, openapi_extra=body_of(ResumeRequest, required=False))
async def resume_flow(
    request: Request, flow_id: str, house: House, caller: Caller, admission: CallerAdmission
) -> dict[str, Any]:
    """Goes on with a flow that failed, or ran out of rounds, from where it stopped. Finished steps, and
    answers that were paid for, are not asked for again."""
    wanted = read_as(ResumeRequest, await request.body() or b"{}")
    flow = await flow_to_steer(house, caller, flow_id)
    tested = await house.flows.seconds_of_tests(flow)
    options = resumed_options(flow, wanted, house.models.flow, seconds_of_tests=tested)
    require_its_models(options, house.models)
    require_policy(options.tests, house.suites.suites)
    await admission.require_left()
    resumed = await house.flows.resume(flow, options)
    await house.dispatcher.wake(flow_id, caller.user_id)
    return accepted_json(resumed)


@router.post("/fork", status_code=202, openapi_extra=body_of(ForkRequest))
async def fork_flow(
    request: Request, flow_id: str, house: House, admission: CallerAdmission, sent: Sent
) -> Response:
    """A new flow that takes over the steps of this one up to `step`, with another plan or other models
    from there on. What is taken over is not asked for, or paid, again."""
    body, caller = await request.body(), admission.principal
    ticket = ticket_of(sent.idempotency_key, flow_id.encode() + b"\0" + body)
    flow = None if ticket is None else await house.flows.made_by(caller.user_id, ticket)
    if flow is None:
        parent = await house.flows.get(caller.user_id, flow_id)
        origin = Origin(caller, context_of(request.scope).request_id, house.clock.now())
        steps, inputs = await house.flows.steps_and_inputs(caller.user_id, flow_id)
        flow, kept = fork(parent, steps, read_as(ForkRequest, body), house.models, origin)
        require_policy(flow.options.tests, house.suites.suites)
        await admission.require_left()
        events = await house.flows.all_events(flow_id, person=caller.user_id)
        story = story_of(flow, kept, inputs, events)
        flow = await house.flows.create(flow, ticket, story)
        await house.dispatcher.wake(flow.id, caller.user_id)
    return await accepted(request, house, flow, sent.prefer)


@router.post("/cancel")
async def cancel_flow(flow_id: str, house: House, caller: Caller) -> dict[str, Any]:
    """Ends it at once; an answer that was under way is not waited for."""
    await flow_to_steer(house, caller, flow_id)
    cancelled = await house.flows.cancel(caller.user_id, flow_id)
    await house.dispatcher.cancel(flow_id)
    return await shown_one(house, cancelled)
