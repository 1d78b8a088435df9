"""A request for a flow becomes a flow: the same for ``POST /v1/flows`` and for the model ``cfx-flow``."""

from __future__ import annotations

import asyncio

from api.context import Admission
from api.wiring import Services
from cfx_flow.flows.idempotency import Ticket
from cfx_flow.flows.model import Flow
from cfx_flow.flows.request import options_of, read_request
from cfx_flow.flows.submit import Origin, bring, new_flow


async def begin_flow(
    house: Services, admission: Admission, request_id: str, body: bytes, ticket: Ticket | None = None
) -> Flow:
    """From here on it is never lost. Raises what is wrong with the request, RateLimitExceeded."""
    caller = admission.principal
    wanted = await asyncio.to_thread(read_request, body)
    options = options_of(wanted, house.models, caller, house.suites.suites)
    if options.webhook is not None:
        house.webhooks.hosts.address(options.webhook)
    await admission.require_left()
    snapshot_id = await bring(wanted.workspace, caller, house.snapshots, house.settings.roots)
    origin = Origin(caller, request_id, house.clock.now())
    flow = await house.flows.create(new_flow(wanted.task, snapshot_id, options, origin), ticket)
    await house.dispatcher.wake(flow.id, caller.user_id)
    return flow
