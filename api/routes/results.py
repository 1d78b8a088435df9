"""``/v1/flows/{id}/…``: what a flow has made, to be taken away, or written into its folder."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.dependencies import Caller, House
from api.routes.steering import body_of, flow_to_steer
from cfx_flow.accounts.principal import Principal
from cfx_flow.errors import StoreUnavailable
from cfx_flow.flows.application import (
    ApplyRequest,
    apply_bundle,
    event_data,
    must_be_approved,
    roll_back,
    workspace_of,
)
from cfx_flow.flows.evidence import bundle_of, tests_of
from cfx_flow.flows.model import Flow
from cfx_flow.flows.request import read_as
from cfx_flow.workspace.edits import Done
from cfx_flow.workspace.roots import reach, require_own_repository

log = structlog.stdlib.get_logger(__name__)
router = APIRouter(prefix="/v1/flows/{flow_id}", tags=["flows"])
WISH = body_of(ApplyRequest, required=False)
GZIP: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/gzip": {"schema": {"type": "string", "format": "binary"}}}}
}


@router.get("/tests")
async def get_tests(flow_id: str, house: House, caller: Caller) -> dict[str, Any]:
    """What the flow's tests said last; `not_run` where there were none."""
    return tests_of(await house.flows.newest(caller.user_id, flow_id, "test"))


@router.get("/bundle", response_class=Response, responses=GZIP)
async def get_bundle(flow_id: str, house: House, caller: Caller) -> Response:
    """Patch, reverse patch, pre-image, plan, findings and approval hash in a tar.gz, for `cfx verify`."""
    flow = await house.flows.get(caller.user_id, flow_id)
    headers = {"content-disposition": f'attachment; filename="{flow.id}.cfx.tar.gz"'}
    return Response(await _bundle(house, flow), 200, headers, "application/gzip")


@router.post("/apply", openapi_extra=WISH)
async def apply_flow(request: Request, flow_id: str, house: House, caller: Caller) -> dict[str, Any]:
    """Writes an approved flow's patch into the folder of the server that it was given: all or nothing."""
    asked = read_as(ApplyRequest, await request.body() or b"{}")
    flow = await flow_to_steer(house, caller, flow_id)
    folder = await _folder(house, flow, caller, asked)
    must_be_approved(flow)
    archive = await _bundle(house, flow)
    done = await asyncio.to_thread(apply_bundle, folder, archive, asked)
    return await _told(house, flow, "patch.applied", done)


@router.post("/rollback", openapi_extra=WISH)
async def roll_flow_back(request: Request, flow_id: str, house: House, caller: Caller) -> dict[str, Any]:
    """Takes back exactly what `apply` has written; later edits elsewhere are kept."""
    asked = read_as(ApplyRequest, await request.body() or b"{}")
    flow = await flow_to_steer(house, caller, flow_id)
    folder = await _folder(house, flow, caller, asked)
    done = await asyncio.to_thread(roll_back, folder, flow.id, asked)
    return await _told(house, flow, "patch.rolled_back", done)


async def _folder(house: House, flow: Flow, caller: Principal, asked: ApplyRequest) -> Path:
    """Below the roots and by the key as they are now."""
    folder = await asyncio.to_thread(reach, workspace_of(flow), house.settings.roots, caller)
    if asked.commits:
        await asyncio.to_thread(require_own_repository, folder, house.settings.roots)
    return folder


async def _told(house: House, flow: Flow, type: str, done: Done) -> dict[str, Any]:
    """It is done, whether or not the timeline can be told of it."""
    try:
        await house.flows.tell(flow, type, event_data(flow, done))
    except StoreUnavailable:
        log.warning("patch_event_lost", flow_id=flow.id, type=type, exc_info=True)
        done = replace(done, notes=(*done.notes, "The timeline could not be told of it"))
    return asdict(done)


async def _bundle(house: House, flow: Flow) -> bytes:
    steps = await house.flows.steps_for(flow.user_id, flow.id)
    async with house.snapshots.places.of(flow.user_id):
        snapshot = await house.snapshots.get(flow.user_id, flow.snapshot_id)
        return await asyncio.to_thread(bundle_of, flow, steps, snapshot)
