"""An approved flow written into a working tree, and taken back out of it. Blocking: call it in a thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from cfx_flow.errors import Conflict, InvalidRequest
from cfx_flow.flows.model import Flow, FlowStatus
from cfx_flow.flows.request import Strict
from cfx_flow.workspace import edits
from cfx_flow.workspace.bundle import verify
from cfx_flow.workspace.edits import CommitWish, Done, message_of


class ApplyRequest(Strict):
    commit: bool = Field(False, description="commit the change alone, nothing else that is edited")
    branch: str | None = Field(
        None, min_length=1, max_length=200, description="commit on a new branch, and switch to it"
    )

    @property
    def commits(self) -> bool:
        return self.commit or self.branch is not None

    def wish(self, title: str, id: str) -> CommitWish | None:
        return CommitWish(message_of(title, id), self.branch) if self.commits else None


def workspace_of(flow: Flow) -> str:
    """Raises InvalidRequest."""
    if flow.options.workspace is None:
        raise InvalidRequest(
            "This flow was not given a folder of the server: `cfx apply` writes its patch where you are."
        )
    return flow.options.workspace


def must_be_approved(flow: Flow) -> None:
    """Raises Conflict."""
    if flow.status is not FlowStatus.APPROVED or flow.approval_hash is None:
        raise Conflict(f"Only an approved flow is applied; this one is {flow.status.value}.")


def apply_bundle(root: Path, archive: bytes, asked: ApplyRequest) -> Done:
    """Raises InvalidRequest for a bundle that does not hold together, else as ``edits.apply``."""
    verified = verify(archive)
    if verified.problems:
        raise InvalidRequest(f"The bundle does not hold together: {'; '.join(verified.problems[:5])}.")
    if verified.approval_hash is None:
        raise Conflict("Only an approved flow is applied; this bundle's is not.")
    id, task = str(verified.flow.get("id")), str(verified.flow.get("task"))
    return edits.apply(root, id, verified.changes, asked.wish(task, id))


def roll_back(root: Path, id: str, asked: ApplyRequest) -> Done:
    """Raises as ``edits.rollback``."""
    return edits.rollback(root, id, asked.wish(f"Roll back {id}", id))


def event_data(flow: Flow, done: Done) -> dict[str, Any]:
    """Of ``patch.applied`` and ``patch.rolled_back``."""
    return {
        "folder": workspace_of(flow),
        "written": list(done.written),
        "carried": list(done.carried),
        "commit": done.commit,
        "branch": done.branch,
    }
