"""Flows and steps as the API shows them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any

from api.wiring import Services
from cfx_flow.contract.read import frozen_contract
from cfx_flow.flows.changes import Look
from cfx_flow.flows.model import Event, Flow, Step, iso
from cfx_flow.flows.usage import StageUsage, Usage
from cfx_flow.webhooks.outbox import Delivery


def accepted_json(flow: Flow) -> dict[str, Any]:
    return {"id": flow.id, "status": flow.status.value, "links": links(flow.id)}


async def shown(house: Services, *flows: Flow) -> list[dict[str, Any]]:
    """With how their webhooks fare."""
    told = [flow.id for flow in flows if flow.options.webhook]
    deliveries = await house.webhooks.outbox.newest(told) if told else {}
    return [_flow_json(flow, deliveries.get(flow.id)) for flow in flows]


async def shown_one(house: Services, flow: Flow) -> dict[str, Any]:
    (body,) = await shown(house, flow)
    return body


def _flow_json(flow: Flow, delivery: Delivery | None) -> dict[str, Any]:
    return {
        "id": flow.id,
        "status": flow.status.value,
        "reason": flow.reason,
        "message": flow.message,
        "task": flow.task,
        "round": flow.round,
        "max_rounds": flow.max_rounds,
        "version": flow.version,
        "last_seq": flow.last_seq,
        "approval": flow.options.approval,
        "tests": flow.options.tests,
        "gate": flow.gate,
        "step": flow.step,
        "stages": {name: _stage(stage) for name, stage in flow.stages.items()},
        "rounds": _rounds(flow),
        "usage": {
            "input_tokens": flow.input_tokens,
            "output_tokens": flow.output_tokens,
            "total_tokens": flow.input_tokens + flow.output_tokens,
        },
        "cost_usd": float(flow.cost_usd),
        "budget": {
            "usd": float(flow.options.budget.usd),
            "tokens": flow.options.budget.tokens,
            "seconds": flow.options.budget.seconds,
        },
        "metadata": dict(flow.options.metadata),
        "webhook": _webhook(flow, delivery),
        "snapshot_id": flow.snapshot_id,
        "workspace": flow.options.workspace,
        "approval_hash": flow.approval_hash,
        "forked_from": _parent(flow),
        "created_at": iso(flow.created_at),
        "started_at": iso(flow.started_at),
        "completed_at": iso(flow.completed_at),
        "timings": _timings(flow),
        "links": links(flow.id),
    }


async def change_events(
    house: Services, looks: AsyncGenerator[Look | None, None]
) -> AsyncGenerator[Event | None, None]:
    async with aclosing(looks):
        async for look in looks:
            if look is None:
                yield None
                continue
            for event in await changes_shown(house, look):
                yield event


async def changes_shown(house: Services, look: Look) -> list[Event]:
    """A ``flow.changed`` each, whose ``data`` is the flow."""
    bodies = await shown(house, *look.flows)
    return [
        Event(
            seq=look.position,
            type="flow.changed",
            at=look.at,
            round=flow.round or None,
            step=flow.step or None,
            cost_usd=flow.cost_usd,
            data=body,
        )
        for flow, body in zip(look.flows, bodies, strict=True)
    ]


def step_json(step: Step, input: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "n": step.n,
        "round": step.round or None,
        "node": step.node,
        "model": step.model,
        "status": step.status,
        "input": dict(input),
        "output": step.output,
        "detail": dict(step.detail),
        "repairs": step.detail.get("repairs", []),
        "attempts": step.attempts,
        "input_tokens": step.input_tokens,
        "output_tokens": step.output_tokens,
        "cost_usd": float(step.cost_usd),
        "started_at": iso(step.started_at),
        "completed_at": iso(step.completed_at),
    }


def links(flow_id: str) -> dict[str, str]:
    base = f"/v1/flows/{flow_id}"
    parts = ("events", "diff", "plan", "report", "tests", "bundle", "decision", "resume", "fork", "cancel")
    return {"self": base, **{part: f"{base}/{part}" for part in parts}, "steps": f"{base}/steps/{{n}}"}


def _webhook(flow: Flow, delivery: Delivery | None) -> dict[str, Any] | None:
    """``waiting`` until the flow ends, and again after it was resumed."""
    if flow.options.webhook is None:
        return None
    told = delivery.to_json() if delivery and flow.status.ended else _NOT_YET
    return {"url": flow.options.webhook, **told}


_NOT_YET = {"state": "waiting", "tries": 0, "last_status": None, "last_error": None, "next_try_at": None}


def _parent(flow: Flow) -> dict[str, Any] | None:
    if flow.parent_id is None:
        return None
    return {"id": flow.parent_id, "step": flow.parent_step, "link": f"/v1/flows/{flow.parent_id}"}


def _timings(flow: Flow) -> dict[str, Any]:
    """Seconds: before it first started, from then to its end, and on model calls. None: not yet."""
    return {
        "queued_s": _seconds(flow.created_at, flow.started_at),
        "elapsed_s": _seconds(flow.started_at, flow.completed_at),
        "model_s": flow.spent.duration_ms / 1000,
    }


def _seconds(begin: datetime | None, end: datetime | None) -> float | None:
    return None if begin is None or end is None else round((end - begin).total_seconds(), 3)


def plan_json(step: Step) -> dict[str, Any]:
    """``step``: that of PLAN, or of the person who let its plan through."""
    contract = frozen_contract(step.detail, step.output or "")
    return {
        "plan": step.output,
        "contract": contract.to_json() if contract else None,
        "contract_problem": step.detail.get("contract_problem"),
        "approved_by_person": step.node == "approve_plan",
        "step": step.n,
    }


def _rounds(flow: Flow) -> list[dict[str, Any]]:
    """What each round has cost; 0 is planning."""
    numbers = sorted({n for stage in flow.stages.values() for n in stage.rounds})
    return [
        _round(n, {name: s.rounds[n] for name, s in flow.stages.items() if n in s.rounds}) for n in numbers
    ]


def _round(n: int, shares: Mapping[str, StageUsage]) -> dict[str, Any]:
    used = sum((share.usage for share in shares.values()), Usage())
    return {
        "round": n,
        "stages": {name: _stage(share) for name, share in shares.items()},
        "total_tokens": used.input_tokens + used.output_tokens,
        "cost_usd": float(used.cost_usd),
    }


def _stage(stage: StageUsage) -> dict[str, Any]:
    shown = stage.to_json() | {"cost_usd": float(stage.usage.cost_usd), "broken_off": _lost(stage.broken_off)}
    shown.pop("rounds", None)
    return shown


def _lost(usage: Usage) -> dict[str, Any]:
    """Counted in the budget, and in no other number."""
    return {"calls": usage.calls, "tokens": usage.tokens, "cost_usd": float(usage.cost_usd)}
