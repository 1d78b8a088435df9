"""A request becomes a row."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from cfx_flow.accounts.principal import Principal
from cfx_flow.flows.model import Flow, FlowOptions, FlowStatus
from cfx_flow.flows.request import WorkspaceRequest
from cfx_flow.ids import near_id
from cfx_flow.workspace.edits import recover
from cfx_flow.workspace.roots import PARAM, reach
from cfx_flow.workspace.snapshot import Snapshot, checked, from_files
from cfx_flow.workspace.store import SnapshotStore
from cfx_flow.workspace.working_tree import read_working_tree


async def bring(
    workspace: WorkspaceRequest, caller: Principal, snapshots: SnapshotStore, roots: Sequence[Path]
) -> str:
    """The id of the snapshot to work on, stored. Raises InvalidRequest naming the path, NotFound,
    PermissionDenied, and what ``recover`` raises."""
    if workspace.snapshot_id is not None:
        await snapshots.require(caller.user_id, workspace.snapshot_id)
        return workspace.snapshot_id
    async with snapshots.places.of(caller.user_id):
        if workspace.path is not None:
            snapshot = await asyncio.to_thread(_read, workspace.path, roots, caller)
        else:
            snapshot = await asyncio.to_thread(from_files, workspace.files or {})
        await snapshots.put(caller.user_id, snapshot)
    return snapshot.id


def _read(path: str, roots: Sequence[Path], caller: Principal) -> Snapshot:
    """A folder as it is, once what was cut off in it is cleared up."""
    folder = reach(path, roots, caller)
    recover(folder)
    return checked(read_working_tree(folder).snapshot, param=PARAM)


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asked for a flow, in which request, when."""

    caller: Principal
    request_id: str
    at: datetime


def new_flow(task: str, snapshot_id: str, options: FlowOptions, origin: Origin) -> Flow:
    return Flow(
        id=near_id(),
        user_id=origin.caller.user_id,
        api_key_id=origin.caller.api_key_id,
        request_id=origin.request_id,
        status=FlowStatus.QUEUED,
        reason=None,
        message=None,
        task=task,
        snapshot_id=snapshot_id,
        options=options,
        parent_id=None,
        parent_step=None,
        gate=None,
        decision=None,
        epoch=0,
        retakes=0,
        version=1,
        last_seq=1,
        round=0,
        step=0,
        stages={},
        input_tokens=0,
        output_tokens=0,
        cost_usd=Decimal(0),
        created_at=origin.at,
        started_at=None,
        completed_at=None,
    )
