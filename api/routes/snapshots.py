"""``/v1/snapshots``: bring a tree of files once, start as many flows on it as you like."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request

from api.dependencies import Caller, House
from cfx_flow.workspace.archive import unpack

router = APIRouter(prefix="/v1/snapshots", tags=["flows"])

BODY = {"content": {"application/gzip": {"schema": {"type": "string", "format": "binary"}}}, "required": True}


@router.post("", status_code=201, openapi_extra={"requestBody": BODY})
async def create_snapshot(request: Request, house: House, caller: Caller) -> dict[str, Any]:
    """A tar.gz of plain files; links, devices and paths that leave the tree are refused by name."""
    body = await request.body()
    async with house.snapshots.places.of(caller.user_id):
        snapshot = await asyncio.to_thread(unpack, body)
        await house.snapshots.put(caller.user_id, snapshot)
    return {"id": snapshot.id, "file_count": len(snapshot.files), "total_bytes": snapshot.total_bytes}
