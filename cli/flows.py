"""`cfx flows`: what ran, what it wrote, and how to stop it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from cli.client import Client
from cli.credentials import load_credentials
from cli.decide import text_of
from cli.exits import CommandError, reported
from cli.render import STATUS_STYLES, count, duration, plain, print_lines, usd
from cli.run import print_patch, request_options

app = typer.Typer(add_completion=False, help="List flows, show one, print its plan or patch, cancel it.")

FlowId = Annotated[str, typer.Argument(metavar="ID", help="The flow's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the server's JSON.")]
Status = Annotated[str | None, typer.Option(help="Only flows in this status.")]
Reverse = Annotated[bool, typer.Option("--reverse", help="The one that undoes it.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Instead of ID.cfx.tar.gz.")
]
Limit = Annotated[int, typer.Option(min=1, max=100, help="How many.")]
Cursor = Annotated[str | None, typer.Option(help="Go on where an earlier list ended.")]


@app.callback(invoke_without_command=True)
def flows(
    context: typer.Context,
    status: Status = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """List your flows, newest first (as `cfx flows list`), or look at one."""
    if context.invoked_subcommand is None:
        list_flows(status, limit, cursor, as_json)


@app.command("list")
def list_flows(
    status: Status = None, limit: Limit = 20, cursor: Cursor = None, as_json: AsJson = False
) -> None:
    """List your flows, newest first."""
    with reported():
        with _client() as client:
            page = client.flows(status=status, limit=limit, cursor=cursor)
        if as_json:
            typer.echo(json.dumps(page))
            return
        console = Console(highlight=False)
        lines = [line for flow in page["data"] for line in _entry(flow, console.width)]
        print_lines(console, lines or [Text("no flows yet")])
        if page.get("next_cursor"):
            print_lines(console, [Text(f"more: cfx flows list --cursor {page['next_cursor']}", "dim")])


@app.command()
def show(flow_id: FlowId, as_json: AsJson = False) -> None:
    """Show one flow: status, stages, tokens, cost."""
    with reported():
        with _client() as client:
            flow = client.flow(flow_id)
        if as_json:
            typer.echo(json.dumps(flow))
            return
        print_lines(Console(highlight=False), _card(flow))


@app.command()
def plan(flow_id: FlowId, as_json: AsJson = False) -> None:
    """Print the plan that counts; with --json its contract too, as a machine reads it."""
    with reported():
        with _client() as client:
            planned = client.plan(flow_id)
        if as_json:
            typer.echo(json.dumps(planned))
            return
        _print_text("plan", str(planned["plan"]), as_json)
        if planned.get("contract") is None:
            problem = planned.get("contract_problem") or "the plan has no contract block"
            print_lines(
                Console(stderr=True, highlight=False), [Text(f"contract: none ({plain(problem)})", "yellow")]
            )


@app.command()
def diff(flow_id: FlowId, reverse: Reverse = False, as_json: AsJson = False) -> None:
    """Print the patch, ready for `git apply`."""
    with reported():
        with _client() as client:
            text = client.diff(flow_id, reverse=reverse)
        if as_json:
            typer.echo(json.dumps({"diff": text}))
        else:
            print_patch(text, Console(highlight=False))


@app.command()
def bundle(flow_id: FlowId, output: Output = None, as_json: AsJson = False) -> None:
    """Write patch, plan, findings and approval into one file, for `cfx verify` and `cfx apply`."""
    with reported():
        with _client() as client:
            content = client.bundle(flow_id)
        place = output or Path(f"{flow_id}.cfx.tar.gz")
        try:
            place.write_bytes(content)
        except OSError as error:
            raise CommandError(f"{place} cannot be written ({error.strerror}).") from None
        typer.echo(json.dumps({"file": str(place), "bytes": len(content)}) if as_json else str(place))


@app.command()
def cancel(flow_id: FlowId, as_json: AsJson = False) -> None:
    """Cancel a flow that has not ended."""
    with reported():
        with _client() as client:
            flow = client.cancel(flow_id)
        typer.echo(json.dumps(flow) if as_json else f"{flow['id']} {flow['status']}")


@app.command()
def resume(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command
    flow_id: FlowId,
    max_rounds: Annotated[int | None, typer.Option(help="Review rounds in all, more than were run.")] = None,
    budget_usd: Annotated[float | None, typer.Option(help="The flow's whole budget from now on.")] = None,
    budget_tokens: Annotated[int | None, typer.Option(help="The same, in tokens.")] = None,
    budget_seconds: Annotated[int | None, typer.Option(help="The same, in seconds.")] = None,
    comment: Annotated[str | None, typer.Option(help="What CODE should know when it goes on.")] = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a flow that failed, ran out of rounds or got stuck. `cfx watch ID` shows it."""
    budget = {"usd": budget_usd, "tokens": budget_tokens, "seconds": budget_seconds}
    given = {name: value for name, value in budget.items() if value is not None}
    wishes: dict[str, Any] = {"budget": given} if given else {}
    if max_rounds is not None:
        wishes["max_rounds"] = max_rounds
    if comment is not None:
        wishes["comment"] = comment
    with reported():
        with _client() as client:
            flow = client.resume(flow_id, wishes)
        typer.echo(json.dumps(flow) if as_json else f"{flow['id']} {flow['status']}")


@app.command()
def fork(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command
    flow_id: FlowId,
    step: Annotated[int, typer.Option(min=0, help="The last step to take over; 0 takes over none.")],
    plan: Annotated[Path | None, typer.Option(help="A file with the plan to carry out instead.")] = None,
    stage_model: Annotated[
        list[str] | None, typer.Option(metavar="STAGE=MODEL", help="Another model from here on.")
    ] = None,
    max_rounds: Annotated[int | None, typer.Option(help="Review rounds in all.")] = None,
    budget_usd: Annotated[float | None, typer.Option(help="The new flow's own budget.")] = None,
    as_json: AsJson = False,
) -> None:
    """Try another way from a step on, as a new flow: with another plan, or other models."""
    with reported():
        wishes = {"step": step} | request_options(max_rounds, budget_usd, stage_model or [])
        if plan is not None:
            wishes["plan"] = text_of(plan)
        with _client() as client:
            flow = client.fork(flow_id, wishes)
        typer.echo(json.dumps(flow) if as_json else f"{flow['id']} {flow['status']}")


@app.command()
def report(flow_id: FlowId, as_json: AsJson = False) -> None:
    """Print the whole story in Markdown: task, plan, rounds, findings, cost, outcome."""
    with reported():
        with _client() as client:
            text = client.report(flow_id)
        _print_text("report", text, as_json)


def _client() -> Client:
    return Client(load_credentials(os.environ))


def _print_text(name: str, text: str, as_json: bool) -> None:
    console = Console()
    shown = plain(text) if console.is_terminal else text
    typer.echo(json.dumps({name: text}) if as_json else shown, nl=not shown.endswith("\n") or as_json)


def _entry(flow: Mapping[str, Any], width: int) -> list[Text]:
    """Id, status, cost and time; below them the task's first line."""
    head = Text(f"{flow['id']}  ")
    head.append(f"{flow['status']:<11}", STATUS_STYLES.get(flow["status"], "cyan"))
    head.append(f"{usd(float(flow.get('cost_usd') or 0)):>8}  {_minute(flow['created_at'])}", "dim")
    task = Text("  " + plain(str(flow["task"])).strip().partition("\n")[0])
    task.truncate(max(width, 40), overflow="ellipsis")
    return [head, task]


def _card(flow: Mapping[str, Any]) -> list[Text]:
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
    lines.append(_field("cost", f"{usd(float(flow.get('cost_usd') or 0))}, {count(total, 'token')}"))
    return lines


def _field(name: str, value: str) -> Text:
    indented = plain(value).replace("\n", "\n" + " " * 10)
    return Text(f"{name:<10}", "dim").append(indented, "not dim")


def _stage(stage: Mapping[str, Any]) -> str:
    tokens = (stage.get("input_tokens") or 0) + (stage.get("output_tokens") or 0)
    took = duration((stage.get("duration_ms") or 0) / 1000)
    calls = count(stage.get("calls") or 0, "call")
    cost = usd(float(stage.get("cost_usd") or 0))
    return f"{stage.get('model')}, {calls}, {count(tokens, 'token')}, {cost}, {took}"


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
