"""Flows as lines for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.text import Text

from cli.lines import count, duration, plain, usd
from cli.render import STATUS_STYLES
from cli.tested import STYLES as TEST_STYLES
from cli.tested import outcome_of_tests


def entry(flow: Mapping[str, Any], width: int) -> list[Text]:
    """Id, status, cost and time; below them the task's first line."""
    head = Text(f"{flow['id']}  ")
    head.append(f"{flow['status']:<11}", STATUS_STYLES.get(flow["status"], "cyan"))
    head.append(f"{usd(float(flow.get('cost_usd') or 0)):>8}  {_minute(flow['created_at'])}", "dim")
    task = Text("  " + plain(str(flow["task"])).strip().partition("\n")[0])
    task.truncate(max(width, 40), overflow="ellipsis")
    return [head, task]


def card(flow: Mapping[str, Any]) -> list[Text]:
    status = Text("status    ", "dim").append(str(flow["status"]), STATUS_STYLES.get(flow["status"], "cyan"))
    if flow.get("reason"):
        status.append(f" ({flow['reason']})")
    lines = [Text("flow      ", "dim").append(str(flow["id"]), "not dim"), status]
    if flow.get("gate"):
        lines.append(_field("waits", f"for your word on its {flow['gate']}: cfx approve {flow['id']}"))
    if flow.get("message"):
        lines.append(_field("message", str(flow["message"])))
    lines.append(_field("task", str(flow["task"]).strip()))
    lines.append(_field("round", f"{flow['round']} of {flow['max_rounds']}"))
    lines.append(_field("created", _minute(flow["created_at"])))
    for name, stage in (flow.get("stages") or {}).items():
        lines.append(_field(name, _stage(stage)))
    lines += [_field(*_round(share)) for share in flow.get("rounds") or ()]
    total = (flow.get("usage") or {}).get("total_tokens") or 0
    if flow.get("tests"):
        lines.append(_field("tests", str(flow["tests"])))
    lines.append(_field("cost", f"{usd(float(flow.get('cost_usd') or 0))}, {count(total, 'token')}"))
    return lines


def tests_card(found: Mapping[str, Any]) -> list[Text]:
    """How the newest tests went, and which fail since the patch."""
    if found.get("status") == "not_run":
        return [Text(plain(str(found.get("reason") or "No tests were run.")))]
    style = TEST_STYLES.get(str(found.get("status")), "yellow")
    lines = [
        _field("tests", outcome_of_tests(found)),
        _field("step", f"{found['step']}, round {found['round']}"),
    ]
    lines.append(_field("message", str(found["message"]), style))
    return lines + [_field("fails", name) for name in found.get("new_failures") or ()]


def _field(name: str, value: str, style: str = "not dim") -> Text:
    indented = plain(value).replace("\n", "\n" + " " * 10)
    return Text(f"{name:<10}", "dim").append(indented, style)


def _stage(stage: Mapping[str, Any]) -> str:
    tokens = (stage.get("input_tokens") or 0) + (stage.get("output_tokens") or 0)
    took = duration((stage.get("duration_ms") or 0) / 1000)
    calls = count(stage.get("calls") or 0, "call")
    cost = usd(float(stage.get("cost_usd") or 0))
    cached = f" ({stage['cached_tokens']:,} cached)" if stage.get("cached_tokens") else ""
    return f"{stage.get('model')}, {calls}, {count(tokens, 'token')}{cached}, {cost}, {took}"


def _round(share: Mapping[str, Any]) -> tuple[str, str]:
    """``round 2`` and what each stage took in it; calls that were maybe paid twice are named."""
    parts = []
    for name, stage in share["stages"].items():
        parts.append(f"{name} {usd(float(stage['cost_usd']))}{_in_doubt(stage)}")
    total = f"{usd(float(share['cost_usd']))}, {count(share['total_tokens'], 'token')}"
    return f"round {share['round']}" if share["round"] else "planning", f"{total}: {', '.join(parts)}"


def _in_doubt(stage: Mapping[str, Any]) -> str:
    lost = stage.get("broken_off") or {}
    twice = [f"{stage['maybe_paid_twice']} maybe paid twice"] if stage.get("maybe_paid_twice") else []
    at_most = usd(float(lost.get("cost_usd") or 0))
    broken = [f"{count(lost['calls'], 'call')} broke off, at most {at_most}"] if lost.get("calls") else []
    return f" ({', '.join(twice + broken)})" if twice or broken else ""


def _minute(at: str) -> str:
    return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M")
