"""What an approval of a flow is bound to, gathered from its steps; and the bundle that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cfx_flow.diffs import Refusal, reverse_text
from cfx_flow.errors import NotFound
from cfx_flow.flows.model import Flow, Step, iso
from cfx_flow.workspace.bundle import Evidence, make_bundle
from cfx_flow.workspace.snapshot import Snapshot

NO_PATCH = "This flow has no patch: no diff has passed the check (yet)."
NO_TESTS = {"status": "not_run", "reason": "No tests were run."}


def evidence_of(snapshot: Snapshot, checked: Step, tested: Step | None, reviewed: Step | None) -> Evidence:
    """``checked``: the step that accepted the patch. ``tested`` and ``reviewed``: what was said of it, if
    anything was."""
    review = None if reviewed is None else dict(reviewed.detail)
    return Evidence(
        snapshot=snapshot,
        patch=checked.output or "",
        paths=[file["path"] for file in checked.detail["files"]],
        tests=tests_of(tested),
        findings={"review": review, "breaches": list(checked.detail.get("breaches", ()))},
    )


def tests_of(tested: Step | None) -> dict[str, Any]:
    """As ``…/tests`` shows it; the log is its ``output``."""
    if tested is None:
        return NO_TESTS
    told = {name: value for name, value in tested.detail.items() if name != "reasons"}
    return {**told, "step": tested.n, "round": tested.round, "output": tested.output or ""}


def reversed_patch(patch: str) -> str:
    """Of one that passed the check, which can always be read again."""
    turned = reverse_text(patch)
    if isinstance(turned, Refusal):
        raise RuntimeError(f"a patch of ours cannot be read: {turned.code}")
    return turned


def bundle_of(flow: Flow, steps: Sequence[Step], snapshot: Snapshot) -> bytes:
    """``steps``: all of the flow's, in order. Raises NotFound while there is no patch."""
    checked = accepted(steps)
    if checked is None:
        raise NotFound(NO_PATCH)
    later = [step for step in steps if step.n > checked.n]
    planned = _last(steps, "approve_plan") or _last(steps, "plan")
    return make_bundle(
        evidence_of(snapshot, checked, _last(later, "test"), _last(later, "review")),
        flow=_facts(flow),
        plan=(planned and planned.output) or "",
        contract=planned.detail.get("contract") if planned else None,
        approved=flow.approval_hash,
    )


def accepted(steps: Sequence[Step]) -> Step | None:
    """The newest check that passed; its output is the flow's patch."""
    return _last(steps, "check", status="accepted")


def _last(steps: Sequence[Step], node: str, **detail: str) -> Step | None:
    """The newest finished step of the node whose detail says so."""
    fitting = (
        step
        for step in reversed(steps)
        if step.node == node and step.status == "completed" and detail.items() <= dict(step.detail).items()
    )
    return next(fitting, None)


def _facts(flow: Flow) -> dict[str, Any]:
    return {
        "id": flow.id,
        "task": flow.task,
        "status": flow.status.value,
        "reason": flow.reason,
        "message": flow.message,
        "models": {name: stage.model for name, stage in flow.stages.items()},
        "created_at": iso(flow.created_at),
        "completed_at": iso(flow.completed_at),
    }
